"""Stores at scale: damage is noticed, rows are not computed twice, many processes equal one."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_activations import TAPS, Pictures, files, named, pictures
from test_activations import model as small_model

from mint_utils import locations
from mint_utils.activations.estimate import Estimate
from mint_utils.activations.extract import extract
from mint_utils.activations.recorded import Activations
from mint_utils.activations.store import Store
from mint_utils.faces import FaceSet
from mint_utils.scenario import Extraction

model = small_model
BY_FOUR = Extraction(shard_size=4, batch_size=2)


# Damage


def test_a_value_that_changed_on_disk_is_noticed_when_it_is_read(isolated, model):
    found = extract(model, pictures(8), how=BY_FOUR)
    file = found.folder / "vectors-000001.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    found.vector("stage1", rows=np.arange(4))  # the other shard is whole
    with pytest.raises(OSError, match="vectors-000001.safetensors is damaged .*checksum.*delete"):
        for name in (*TAPS, "outcome", "head"):
            for view in ("plain", "flip"):
                found.vector(name, view)
    file.unlink()
    again = extract(model, pictures(8), how=BY_FOUR)
    assert np.isfinite(again.vector("outcome")).all()


def test_rows_are_given_in_the_order_asked_for_and_read_from_their_shards_alone(isolated, model):
    found = extract(model, pictures(20), how=Extraction(shard_size=3))
    rows = np.array([17, 2, 2, 9])
    np.testing.assert_array_equal(found.vector("stage2", rows=rows), found.vector("stage2")[rows])
    (found.folder / "vectors-000006.safetensors").write_bytes(b"")
    np.testing.assert_array_equal(found.vector("stage2", rows=rows[:2]).shape, (2, 6))
    with pytest.raises(OSError, match="damaged"):
        found.vector("stage2", rows=np.array([19]))


def test_half_precision_vectors_take_half_the_room(isolated, model):
    whole = extract(model, pictures(64))
    half = extract(model, pictures(64), how=Extraction(stored="float16"))
    np.testing.assert_allclose(
        half.vector("outcome"), whole.vector("outcome"), rtol=2e-3, atol=2e-3
    )
    assert half.vector("outcome").dtype == np.float32
    sizes = [os.path.getsize(a.folder / "vectors-000000.safetensors") for a in (half, whole)]
    assert sizes[0] < 0.75 * sizes[1]


# Read while it is written


def test_a_store_that_is_being_written_gives_what_it_has(isolated, model):
    with pytest.raises(KeyboardInterrupt):
        extract(model, pictures(20, Pictures(interrupt_at=12)), how=BY_FOUR)
    (folder,) = (locations.cache() / "activations").iterdir()
    with pytest.raises(FileNotFoundError, match="holds 8 of 20 images"):
        Activations(folder)
    some = Activations(folder, unfinished=True)
    assert some.image_ids == [f"noise/{number}" for number in range(8)]
    whole = extract(model, pictures(20), how=BY_FOUR)
    np.testing.assert_array_equal(some.vector("stage3"), whole.vector("stage3")[:8])


# What is known is not computed again


def test_images_added_later_are_the_only_ones_read(isolated, model):
    first = extract(model, pictures(10), maps_for=np.arange(10) < 5, how=BY_FOUR)
    source = Pictures()
    kept = np.arange(14) < 5
    more = extract(model, pictures(14, source), maps_for=kept, how=BY_FOUR)
    assert set(source.read_ids[2:]) == {f"noise/{number}" for number in range(10, 14)}
    assert len(more) == 14 and more.folder != first.folder
    alone = extract(model, pictures(14), maps_for=kept, how=BY_FOUR, root=isolated / "alone")
    for name in (*TAPS, "outcome", "head"):
        np.testing.assert_allclose(more.vector(name, "flip"), alone.vector(name, "flip"), atol=1e-4)
    np.testing.assert_array_equal(more.maps("stage2"), alone.maps("stage2"))
    # Whole shards are the same file, not a copy.
    one, two = (a.folder / "vectors-000000.safetensors" for a in (first, more))
    assert os.path.samefile(one, two)


def test_images_in_another_order_are_not_read_at_all(isolated, model):
    extract(named(model), pictures(10), how=BY_FOUR)
    source = Pictures()
    table = pictures(10).table.iloc[::-1].reset_index(drop=True)
    turned = extract(named(model), FaceSet(table, {"noise": source}), how=BY_FOUR)
    assert len(source.read_ids) == 2  # one batch, for the estimate
    straight = extract(named(model), pictures(10), how=BY_FOUR)
    for name in ("stage1", "outcome", "named"):
        np.testing.assert_array_equal(turned.vector(name), straight.vector(name)[::-1])


def test_a_tap_added_later_is_recorded_beside_those_that_are_known(isolated, model, monkeypatch):
    extract(replace(model, taps=TAPS[:2]), pictures(8), maps_for=np.ones(8, bool), how=BY_FOUR)
    asked = []
    import mint_utils.activations.recorder as recorder

    plain = recorder.forward
    monkeypatch.setattr(
        recorder, "forward", lambda model, *rest: asked.append(model.taps) or plain(model, *rest)
    )
    more = extract(model, pictures(8), maps_for=np.ones(8, bool), how=BY_FOUR)
    assert set(asked[1:]) == {TAPS[2:]}  # after the batch that is measured
    alone = extract(
        model, pictures(8), maps_for=np.ones(8, bool), how=BY_FOUR, root=isolated / "alone"
    )
    for name in (*TAPS, "outcome"):
        np.testing.assert_array_equal(more.vector(name, "flip"), alone.vector(name, "flip"))
    for name in TAPS:
        np.testing.assert_array_equal(more.maps(name), alone.maps(name))


def test_a_view_added_later_is_the_only_one_computed(isolated, model, monkeypatch):
    extract(model, pictures(8), views=("plain",), how=BY_FOUR)
    asked = []
    import mint_utils.activations.recorder as recorder

    plain = recorder.forward
    monkeypatch.setattr(
        recorder,
        "forward",
        lambda m, p, views, *rest: asked.append(views) or plain(m, p, views, *rest),
    )
    more = extract(model, pictures(8), views=("plain", "flip"), how=BY_FOUR)
    assert set(asked[1:]) == {("flip",)}
    alone = extract(model, pictures(8), how=BY_FOUR, root=isolated / "alone")
    for view in ("plain", "flip"):
        np.testing.assert_array_equal(more.vector("stage4", view), alone.vector("stage4", view))


def test_nothing_is_taken_over_from_another_model_or_another_owner(isolated, model):
    extract(named(model), pictures(8), how=BY_FOUR)
    source = Pictures()
    other = replace(named(model), map_size=4)
    extract(other, pictures(8, source), how=BY_FOUR)
    assert set(source.read_ids[2:]) == {f"noise/{number}" for number in range(8)}
    source = Pictures()
    renamed = FaceSet(pictures(8).table.assign(identity="p1"), {"noise": source})
    extract(named(model), renamed, how=BY_FOUR)
    # Whose image it is decides what the head says of it: only p1's own four stay.
    assert set(source.read_ids[2:]) == {f"noise/{number}" for number in (0, 1, 2, 3)}


# Killed


KILLED = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from test_activations import *

class Slow(Pictures):
    def read(self, image_id):
        time.sleep(0.02)
        return super().read(image_id)

torch.manual_seed(0)
module = IResNet((4, 6, 8, 10), (1, 1, 1, 1), 12, SIDE)
model = AuditedModel("small", module, Preprocess(SIDE), TAPS)
how = Extraction(shard_size=8, batch_size=4)
source = Slow()
found = extract(model, pictures(80, source), maps_for=np.arange(80) % 2 == 0, how=how)
print(found.folder, len(source.read_ids))
"""


def start(cache: Path, **more):
    environment = os.environ | {"MINT_CACHE": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, str(Path(__file__).parent)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_bytes(isolated):
    whole, _ = start(isolated / "whole").communicate()[0].split()
    cache = isolated / "killed"
    for shards in (1, 4):  # kill -9 after so many
        process = start(cache)
        deadline = time.monotonic() + 60
        while len(list(cache.glob("activations/*/vectors-*"))) < shards:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        done = len(list(cache.glob("activations/*/vectors-*.safetensors")))
        assert shards <= done < 10
    folder, read = start(cache).communicate()[0].split()
    assert int(read) == 4 + 80 - 8 * done  # one batch to estimate, and no finished shard again
    here, there = files(Path(folder)), files(Path(whole))
    assert {n for n in here if not n.endswith(".tmp")} == set(there)
    assert all(here[name] == there[name] for name in there)


def test_estimates_are_in_words_a_person_can_plan_with():
    words = str(Estimate(22_000_000, 22_000_000 / 105, int(65e9), int(2e12)))
    assert words == ("22,000,000 images, about 58 h (105 images/s) and 65.00 GB of 2000 GB free")
    assert "about 12 days" in str(Estimate(100, 12 * 86400, 1, 1))


# Many processes


@pytest.fixture(scope="module")
def scheduler():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster


class Deadly(Pictures):
    """Kills the process that reads a picture first, once; ``marker`` remembers."""

    def __init__(self, marker: Path, always: bool = False):
        super().__init__()
        self.marker, self.always = marker, always

    def read(self, image_id: str) -> np.ndarray:
        if image_id == "noise/13" and (self.always or not self.marker.exists()):
            self.marker.write_text("killed")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(image_id)


def test_a_cluster_gives_what_one_process_gives(isolated, model, scheduler):
    kept = np.arange(30) % 3 == 0
    here = extract(named(model), pictures(30), maps_for=kept, how=BY_FOUR)
    there = extract(
        named(model), pictures(30), maps_for=kept, how=BY_FOUR, root=isolated / "cluster",
        cluster=scheduler.scheduler_address,
    )  # fmt: skip
    assert there.folder.name == here.folder.name
    for name in (*TAPS, "outcome", "head"):
        for view in ("plain", "flip"):
            np.testing.assert_allclose(there.vector(name, view), here.vector(name, view), atol=1e-5)
    np.testing.assert_allclose(there.maps("stage1").float(), here.maps("stage1").float(), atol=2e-3)


def test_a_worker_that_is_killed_loses_nothing(isolated, model, scheduler):
    marker = isolated / "marker"
    faces = FaceSet(pictures(30).table, {"noise": Deadly(marker)})
    there = extract(model, faces, how=BY_FOUR, cluster=scheduler.scheduler_address)
    assert marker.exists()
    here = extract(model, pictures(30), how=BY_FOUR, root=isolated / "here")
    np.testing.assert_allclose(there.vector("outcome"), here.vector("outcome"), atol=1e-5)


def test_work_that_kills_every_worker_is_named_and_the_rest_is_kept(isolated, model, scheduler):
    faces = FaceSet(pictures(30).table, {"noise": Deadly(isolated / "marker", always=True)})
    with pytest.raises(RuntimeError, match=r"shard 3 \(4 images\) killed every worker"):
        extract(model, faces, how=BY_FOUR, cluster=scheduler.scheduler_address)
    (folder,) = (locations.cache() / "activations").iterdir()
    assert Store(folder).shards("vectors")[:3] == [0, 1, 2]


def test_a_scheduler_that_does_not_answer_is_named(isolated, model):
    pytest.importorskip("distributed")
    from mint_utils.activations import cluster

    said = "no Dask scheduler answers at tcp://127.0.0.1:1:"
    with pytest.raises(ConnectionError, match=said), cluster.connected("tcp://127.0.0.1:1", 1):
        pass
