"""What 22 million images would take, from what is measured here: decoding, forward, detectors,
statistics. Writes scale.csv (measured) and scale.md (with the full run, which is computed).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from extraction import LAYERS, noise, recorded
from pages import markdown
from PIL import Image
from tqdm import tqdm

from mint_utils.audited import AuditedModel, Preprocess
from mint_utils.audited.insightface import InsightIResNet
from mint_utils.detectors import Detector
from mint_utils.device import describe_device
from mint_utils.evidence.bootstrap import person_weights
from mint_utils.evidence.conformal import image_p_values
from mint_utils.evidence.metrics import SortedScores
from mint_utils.scenario import FolderFaces, RecordioFaces, SyntheticFaces
from mint_utils.sources import SOURCES, SyntheticSource

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from recordio_files import with_persons, write  # noqa: E402

IMAGES = 22_000_000
CHANNELS = 64 + 128 + 256 + 512 + 512  # taps of IResNet-100, and its embedding
MAPS = 100_000 * 2 * 8 * 8 * (64 + 128 + 256 + 512)  # bytes of the detector samples' maps
# Computed, not measured: an H100 at 40 % of its 989 TFLOP/s in bfloat16, IResNet-100 at 24.2 GFLOP
# an image, two for a multiplication with an addition counted in.
GPU_RATE = 0.4 * 989e12 / (2 * 24.2e9)
DECODERS = 16  # processors beside each GPU that read pictures
PAGE = """# What 22 million images take

On {device}. `python benchmarks/scale.py` on {day}.

## Measured

{measured}
The bottleneck is the forward on a processor: a picture is decoded {times:,.0f} times as fast as
IResNet-100 takes it (bfloat16). Detectors and statistics do not grow with the 22 million: they see
the detector samples.

## Computed: IResNet-100, one view, all images

Vectors of {channels:,} numbers in float16, and maps of 100,000 detector samples: {disk:.0f} GB. The
processor's rate is measured above. **The GPU's is not**: no GPU was at hand, and it is 40 % of an
H100's peak, fed by {decoders} decoding processors each. Five views (what calibrated MINT asks) take
five times as long and as much room.

{computed}"""


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def decoding(images: int) -> list[tuple]:
    """Pictures a second from a .rec file and from folders, one thread."""
    drawn = SyntheticSource(SyntheticFaces(kind="synthetic", persons=20, images=1, size=112), 0)
    files = []
    for image_id in drawn.images()["image_id"]:
        file = BytesIO()
        Image.fromarray(drawn.read(image_id)).save(file, "JPEG", quality=95)
        files.append(file.getvalue())
    persons = {person: [files[person]] * (images // 20) for person in range(20)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "rec", with_persons(persons))
        for person, some in persons.items():
            (folder / "folders" / f"p{person}").mkdir(parents=True)
            for number, content in enumerate(some):
                (folder / "folders" / f"p{person}" / f"{number}.jpg").write_bytes(content)
        found = []
        for block in (
            RecordioFaces(kind="recordio", path=str(folder / "rec")),
            FolderFaces(kind="folders", path=str(folder / "folders")),
        ):
            source = SOURCES[block.kind](block, 0)
            ids = source.images()["image_id"]
            taken = timed(lambda source=source, ids=ids: [source.read(i) for i in ids])
            found.append((f"decoding, {block.kind}", "images/s", len(ids) / taken))
    return found


def forwards(images: int) -> list[tuple]:
    torch.manual_seed(0)
    model = AuditedModel("IResNet-100", InsightIResNet(100), Preprocess(112), LAYERS)
    faces, found = noise(images, 112), []
    for precision in ("float32", "bfloat16"):
        recorded(model, faces, precision)  # warm
        taken = timed(lambda p=precision: recorded(model, faces, p))
        found.append((f"IResNet-100, all taps pooled, {precision}", "images/s", images / taken))
    return found


def detectors(samples: int) -> list[tuple]:
    """Seconds an epoch for 100,000 samples, from so many."""
    rng = np.random.default_rng(0)
    is_member, held = np.arange(samples) % 2 == 0, np.arange(samples) % 9 == 0
    inputs = {
        "vanilla": [torch.from_numpy(rng.normal(size=(samples, CHANNELS)).astype(np.float32))],
        "cnn": [torch.from_numpy(rng.normal(size=(samples, 256, 8, 8)).astype(np.float16))],
    }
    found = []
    for method, given in inputs.items():
        several, one = (
            timed(lambda m=method, g=given, e=e: Detector(m, epochs=e).fit(g, is_member, held))
            for e in (3, 1)
        )
        taken = (several - one) / 2 * 100_000 / samples
        found.append((f"{method} MINT, an epoch of 100,000 samples", "s", taken))
    return found


def statistics(scores: int) -> list[tuple]:
    """A million scores of 100,000 persons: AUC on 100 resamples, and all p-values."""
    rng = np.random.default_rng(0)
    score, identity = rng.normal(size=scores), np.arange(scores) // 10
    positive = identity % 2 == 0

    def resampled():
        SortedScores(score, positive).auc(person_weights(identity, positive, 100))

    known = score[~positive][: scores // 5]
    whose = identity[~positive][: scores // 5]
    ranked = timed(lambda: image_p_values(score, known, whose))
    return [
        ("AUC of 1,000,000 scores, 1,000 resamples of persons", "s", 10 * timed(resampled)),
        ("p-values of 1,000,000 scores", "s", ranked),
    ]


def full_run(rates: dict[str, float]) -> pd.DataFrame:
    """Hours for IMAGES on machines of several sizes; whichever is slower, decoding or forward."""
    decode = rates["decoding, recordio"]
    per_gpu = min(GPU_RATE, DECODERS * decode)
    here = rates["IResNet-100, all taps pooled, bfloat16"]
    rows = [("this machine, bfloat16", here, "measured"),
            ("1 GPU", per_gpu, "computed"), ("8 GPUs", 8 * per_gpu, "computed")]  # fmt: skip
    table = pd.DataFrame(rows, columns=["machine", "images/s", "rate"])
    table["hours"] = (IMAGES / table["images/s"] / 3600).round(1)
    table["images/s"] = table["images/s"].round().astype(int)
    return table[["machine", "rate", "images/s", "hours"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2_000, help="to decode (default: 2,000)")
    parser.add_argument("--samples", type=int, default=10_000, help="to fit on (default: 10,000)")
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    chosen = parser.parse_args()
    works = [
        lambda: decoding(chosen.images), lambda: forwards(64),
        lambda: detectors(chosen.samples), lambda: statistics(chosen.scores),
    ]  # fmt: skip
    rows = [row for work in tqdm(works, desc="measuring") for row in work()]
    table = pd.DataFrame(rows, columns=["what", "unit", "value"]).round({"value": 1})
    table.to_csv(chosen.out / "scale.csv", index=False)
    rates = table.set_index("what")["value"].to_dict()
    page = PAGE.format(
        device=describe_device(), day=date.today(), measured=markdown(table),
        times=rates["decoding, recordio"] / rates["IResNet-100, all taps pooled, bfloat16"],
        channels=CHANNELS, disk=(IMAGES * CHANNELS * 2 + MAPS) / 1e9, decoders=DECODERS,
        computed=markdown(full_run(rates)),
    )  # fmt: skip
    (chosen.out / "scale.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
