"""What one store has to hold, shard by shard, and what is left to compute of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from mint_utils.activations.gradients import filters
from mint_utils.activations.recorder import Recorder, Rows
from mint_utils.activations.reuse import Known, Relatives
from mint_utils.activations.store import Store
from mint_utils.activations.views import GRADIENTS
from mint_utils.faces import FaceSet

KINDS = ("maps", "vectors")  # in the order they are written: vectors there, shard complete


@dataclass(frozen=True)
class Job:
    """A shard's images that are not known, with the taps and views that are not."""

    shard: int
    recorder: Recorder
    faces: FaceSet
    mapped: np.ndarray  # bool, one an image of ``faces``
    at: np.ndarray  # bool, one a row of the shard: those in ``faces``
    known: dict[str, Known]  # by kind


@dataclass(frozen=True)
class Plan:
    """The rows of one store: images by stamp, in order, and what is kept of each."""

    recorder: Recorder
    faces: FaceSet
    store: Store
    stamps: list[str]
    mapped: np.ndarray
    shard_size: int

    @property
    def shards(self) -> int:
        return -(-len(self.faces) // self.shard_size)

    def rows(self, shard: int) -> range:
        start = shard * self.shard_size
        return range(start, min(start + self.shard_size, len(self.faces)))

    def done(self, shard: int) -> bool:
        return all(self.store.holds(kind, shard, *self._wanted(kind, shard)) for kind in KINDS)

    def linked(self, shard: int, relatives: Relatives) -> bool:
        """Whether a relative had the whole shard, which is then taken over."""
        return all(
            self.store.holds(kind, shard, *self._wanted(kind, shard))
            or relatives.link(kind, shard, self.store, *self._wanted(kind, shard))
            for kind in KINDS
        )

    def job(self, shard: int, relatives: Relatives) -> Job:
        """What has to be computed of a shard, given what its relatives hold."""
        rows, recorder = self.rows(shard), self.recorder
        mapped = self.mapped[rows.start : rows.stop]
        known, at, missing = {}, np.zeros(len(rows), bool), {}
        for kind, asked in (("maps", mapped), ("vectors", np.ones(len(rows), bool))):
            stamps, columns = self._wanted(kind, shard)
            known[kind] = relatives.known(kind, stamps, columns)
            nobody = np.zeros(len(stamps), bool)
            have = {name: known[kind].get(name, (nobody, None))[0] for name in columns}
            missing[kind] = {name for name in columns if not have[name].all()}
            at[asked] |= ~np.all([*have.values(), np.ones(len(stamps), bool)], axis=0)
        views = {name.split("/")[0] for name in missing["vectors"]}
        views |= {"plain"} if missing["maps"] else set()
        taps = {name.split("/", 1)[1] for name in missing["vectors"]} | missing["maps"]
        kept = [tap for tap in recorder.model.taps if tap in taps]
        recorder = replace(
            recorder,
            model=replace(recorder.model, taps=tuple(kept)),
            views=tuple(view for view in recorder.views if view in views),
        )
        everyone = np.zeros(len(self.faces), bool)
        everyone[rows.start : rows.stop] = at
        return Job(shard, recorder, self.faces.where(everyone), mapped[at], at, known)

    def write(self, job: Job, computed: Rows) -> None:
        """Write a shard: what was known of it and what was computed."""
        rows = self.rows(job.shard)
        at_maps = job.at[self.mapped[rows.start : rows.stop]]
        for kind, at, new in zip(KINDS, (at_maps, job.at), reversed(computed), strict=True):
            stamps, columns = self._wanted(kind, job.shard)
            tensors = {
                name: _together(job.known[kind].get(name), at, new.get(name)) for name in columns
            }
            self.store.write(kind, job.shard, stamps, tensors if stamps else {})

    def _wanted(self, kind: str, shard: int) -> tuple[list[str], set[str]]:
        """Stamps and columns of a shard's vectors or maps."""
        rows, model = self.rows(shard), self.recorder.model
        if kind == "maps":
            return [self.stamps[row] for row in rows if self.mapped[row]], set(model.taps)
        names = [*model.taps, "outcome", *(["head"] if model.head is not None else [])]
        views = set(self.recorder.views)
        columns = {f"{view}/{name}" for view in views - {*GRADIENTS} for name in names}
        columns |= {f"{view}/{name}" for view in views & {*GRADIENTS} for name in filters(model)}
        columns |= {"plain/named"} if model.classes and "plain" in self.recorder.views else set()
        columns |= {"plain/batch_norm"} if self.recorder.batch_norm else set()
        return [self.stamps[row] for row in rows], columns


def run_here(jobs: Iterable[Job], advance: Callable[[int], object]) -> Iterator[tuple[Job, Rows]]:
    """Every job in this process, in order."""
    for job in jobs:
        advance(len(job.at) - len(job.faces))
        yield job, job.recorder.rows(job.faces, job.mapped, advance)


def _together(known: tuple | None, at: np.ndarray, new: torch.Tensor | None) -> torch.Tensor:
    """A column: ``new`` in the rows ``at``, and what is known in the others."""
    if known is None:
        return new
    values = known[1]
    if new is not None:
        values[torch.from_numpy(at)] = new
    return values.contiguous()
