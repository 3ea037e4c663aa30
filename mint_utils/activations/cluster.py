"""The same extraction over many processes or machines, by Dask.

Workers read pictures where they are (the same paths have to be there) and send rows back; only
this process writes. A worker that dies loses its shard of work, which another one does again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

import numpy as np
import pandas as pd

from mint_utils.activations.plan import Job
from mint_utils.activations.recorder import Recorder, Rows
from mint_utils.faces import FaceSet
from mint_utils.sources import Source


def run_on(
    cluster: str, jobs: Iterable[Job], advance: Callable[[int], object]
) -> Iterator[tuple[Job, Rows]]:
    """Every job, as they are finished. ``cluster`` is ``local`` or a scheduler's address.

    Raises ConnectionError if no scheduler answers, RuntimeError if a job kills every worker that
    takes it.
    """
    with connected(cluster) as client:
        from distributed import as_completed

        jobs, sent, shared = iter(jobs), {}, {}

        def held(name, content):
            """``content`` on the workers, sent once; as a task, so that it outlives any of them."""
            if name not in shared:
                shared[name] = client.submit(_itself, content, pure=False)
            return shared[name]

        def send(job: Job):
            recorder, faces = job.recorder, job.faces
            future = client.submit(
                _rows,
                held((recorder.model.taps, recorder.views), recorder),
                held("sources", faces.sources),
                faces.table,
                job.mapped,
                pure=False,
            )
            sent[future] = job
            return future

        # One job a thread: a worker that dies can be blamed on the job that it had.
        threads = max(1, sum(client.nthreads().values()))
        running = as_completed([send(job) for job in islice(jobs, threads)])
        for future in running:
            job = sent.pop(future)
            yield job, _result(future, job)
            advance(len(job.at))
            for following in islice(jobs, 1):
                running.add(send(following))


@contextmanager
def connected(cluster: str, patience: float = 10):
    """A Dask client of ``local`` workers, one a processor, or of a scheduler that runs already.

    ``patience``: seconds to wait for its answer.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ImportError(
            f"cluster: {cluster} needs Dask: pip install 'mint-study[cluster]'"
        ) from error
    if cluster == "local":
        with (
            LocalCluster(threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as here,
            Client(here) as client,
        ):
            yield client
        return
    try:
        client = Client(cluster, timeout=patience)
    except (OSError, TimeoutError, ValueError) as error:
        raise ConnectionError(
            f"no Dask scheduler answers at {cluster}: start one with `dask scheduler` and workers "
            "with `dask worker ADDRESS`, correct `cluster`, or say `cluster: local`"
        ) from error
    with client:
        yield client


def _itself(content):
    return content


def _rows(
    recorder: Recorder, sources: Mapping[str, Source], table: pd.DataFrame, mapped: np.ndarray
) -> Rows:
    return recorder.rows(FaceSet(table, sources), mapped)


def _result(future, job: Job) -> Rows:
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        raise RuntimeError(
            f"shard {job.shard} ({len(job.faces)} images) killed every worker that took it, which "
            "is mostly a lack of memory: lower extraction.shard_size or batch_size, or give the "
            "workers more. The shards before it are kept: run the same command again"
        ) from error
