"""Does the explorer answer in under 200 ms on 10,000 images?

Writes stores as a run does, for an audited model and its untrained twin with the taps of an
IResNet-50 and random values, opens them as a report is opened, and changes one control after the
other, as a reader would: from the change to the pictures that the page is sent. Writes explorer.csv
and explorer.md.
"""

import argparse
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pages import markdown

from mint_utils.activations.recorded import Activations
from mint_utils.activations.store import Store
from mint_utils.device import describe_device
from mint_utils.explorer import Explorer, Material
from mint_utils.faces import FaceSet
from mint_utils.scenario import SyntheticFaces
from mint_utils.sources import SyntheticSource

TAPS = {"stage1": (64, 8), "stage2": (128, 8), "stage3": (256, 8), "stage4": (512, 7)}
PHOTOS, SHARD = 10, 512  # of a person; images a file
MOST = 200  # ms: what is promised
ABOUT = """# How fast the explorer answers

{images:,} images of {persons:,} persons, taps of an IResNet-50 (64, 128, 256, 512 channels; maps of
8x8 and 7x7), drawn faces, an audited model and its untrained twin. From the change of a control to
the pictures that the page is sent, in milliseconds; {times} changes of each kind. On a first visit
the maps of a photograph are read from the stores, and now and then the disk is waited for. Opening
the report, that is reading all taps, testing all channels and drawing the map of embeddings:
{opening:.1f} s.

`python benchmarks/explorer.py` on {day}, {device}. Promised: under {most} ms. A clock
times other work on the machine as well; the processor's time is that of the explorer alone.

"""


def random_store(folder: Path, target: str, table: pd.DataFrame, rng) -> Activations:
    """A store of random values, shard by shard, as notebook 03 leaves it."""
    key = {
        "target": target, "taps": list(TAPS), "views": ["plain"], "shard_size": SHARD,
        "has_head": False, "has_names": False, "batch_norm": False, "filters": [],
    }  # fmt: skip
    store, stamps = Store(folder), [f"{row:016d}" for row in range(len(table))]
    ids = table["image_id"]
    store.create(key, pd.DataFrame({"image_id": ids, "stamp": stamps, "mapped": True}))
    for shard, start in enumerate(range(0, len(table), SHARD)):
        own = stamps[start : start + SHARD]
        maps = {
            tap: torch.from_numpy(rng.random((len(own), channels, side, side), np.float32)).half()
            for tap, (channels, side) in TAPS.items()
        }
        store.write("maps", shard, own, maps)
        vectors = {f"plain/{tap}": kept.float().mean((2, 3)) for tap, kept in maps.items()}
        vectors["plain/outcome"] = torch.from_numpy(rng.normal(size=(len(own), 512))).float()
        store.write("vectors", shard, own, vectors)
    return Activations(folder)


def material(images: int, folder: Path) -> Material:
    """Faces and stores of that many images; half of the persons are members."""
    spec = SyntheticFaces(kind="synthetic", persons=images // PHOTOS, images=PHOTOS)
    source = SyntheticSource(spec, 0)
    table = source.images()
    person = np.arange(len(table)) // PHOTOS
    table["role"] = np.where(person % 2, "member", "external")
    table["split"] = np.array(["fit", "calibrate", "test"])[person // 2 % 3]
    table["source"] = "synthetic"
    rng = np.random.default_rng(0)
    targets = {
        target: random_store(folder / target, target, table, rng)
        for target in ("audited", "untrained_twin")
    }
    return Material("synthetic", FaceSet(table, {"synthetic": source}), targets)


def changes(page: Explorer, rng, times: int):
    """(kind, ms, processor ms) of every change of every control, the kinds in turn."""
    kinds = {
        "threshold": "threshold", "prior": "prior", "channel": "channel", "tap": "tap",
        "photograph, first visit": "member photo", "person, all photographs": "external",
        "control beneath": "twin",
    }  # fmt: skip
    for _ in range(times):
        for kind, name in kinds.items():
            control = page.controls[name]
            if name == "threshold":
                value = rng.uniform(control.min, control.max)
            else:
                told = [o[1] if isinstance(o, tuple) else o for o in control.options]
                told = [one for one in told if one != control.value]
                value = told[rng.integers(len(told))]
            started, worked = time.perf_counter(), time.process_time()
            control.value = value
            waited, worked = time.perf_counter() - started, time.process_time() - worked
            yield kind, 1000 * waited, 1000 * worked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=40, help="changes of each kind")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        opened = material(asked.images, Path(folder))
        started = time.perf_counter()
        page = Explorer(opened)
        opening = time.perf_counter() - started
        rows = pd.DataFrame(
            changes(page, np.random.default_rng(0), asked.times),
            columns=["change", "ms", "processor_ms"],
        )
    by_change = rows.groupby("change", sort=False)
    table = (
        by_change["ms"].quantile([0.5, 0.95]).unstack().set_axis(["median_ms", "p95_ms"], axis=1)
    )
    table["processor_ms"] = by_change["processor_ms"].median()
    table = table.round().astype(int).reset_index()
    asked.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(asked.out / "explorer.csv", index=False)
    about = ABOUT.format(
        images=asked.images, persons=asked.images // PHOTOS, times=asked.times, opening=opening,
        day=date.today(), device=describe_device(), most=MOST,
    )  # fmt: skip
    named = table.set_axis(
        ["change", "median", "95th percentile", "median of the processor"], axis=1
    )
    text = about + markdown(named)
    (asked.out / "explorer.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
