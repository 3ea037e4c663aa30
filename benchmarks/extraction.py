"""How fast activations are recorded: against the bare forward, and against the usual loop.

The usual loop: hooks that keep every map, float32, one torch.cat at the end, then the mean over
places. All are run in turn, so that whatever else the machine does hits all of them; a ratio is of
neighbours in time. Also the memory of 1,000 and of 10,000 images. Random weights: speed does not
ask what a model knows. Writes extraction.csv and extraction.md.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from facenet_pytorch import InceptionResnetV1
from pages import markdown
from torch.nn import functional as F
from tqdm import tqdm

from mint_utils.activations.extract import extract
from mint_utils.activations.recorder import Recorder
from mint_utils.audited import AuditedModel, Preprocess
from mint_utils.audited.insightface import InsightIResNet
from mint_utils.audited.iresnet import IResNet
from mint_utils.device import best_device, describe_device
from mint_utils.faces import FaceSet

LAYERS = ("layer1", "layer2", "layer3", "layer4")
BLOCKS = ("conv2d_4b", "repeat_1", "repeat_2", "repeat_3", "block8")
BATCH = 32
COLUMNS = ["model", "precision", "against", "ratio", "lowest", "highest", "images_per_second"]
PAGE = """# Speed of extraction

Images per second of `extract` (all taps pooled, one view, pictures in memory) as a multiple of
what it stands beside, on {device}; {images} images a run, {rounds} runs of each in turn, the median
ratio with the lowest and the highest.

`python benchmarks/extraction.py` on {day}.

{table}
Pooled vectors differ from the usual loop's by at most {apart:.1e} of a tap's largest value in
float32; the embedding's cosine to that of float32 is at least {cosine:.4f} in bfloat16.

Peak memory of an extraction (small model, 112 x 112): {small:.0f} MB with 1,000 images,
{large:.0f} MB with 10,000 ({growth:+.1%}).
"""


@dataclass
class Noise:
    """Pictures that cost nothing to read."""

    side: int

    def read(self, image_id: str) -> np.ndarray:
        rng = np.random.default_rng(int(image_id) % 64)
        return rng.integers(0, 256, (self.side, self.side, 3), dtype=np.uint8)


def noise(count: int, side: int) -> FaceSet:
    ids = [str(number) for number in range(count)]
    table = pd.DataFrame({"image_id": ids, "identity": ids, "digest": ids, "source": "noise"})
    return FaceSet(table, {"noise": Noise(side)})


def models() -> dict[str, AuditedModel]:
    """The two that are compared, with random weights."""
    torch.manual_seed(0)
    facenet = InceptionResnetV1(pretrained=None, num_classes=None)
    iresnet = InsightIResNet(50)
    return {
        "facenet": AuditedModel("facenet", facenet, Preprocess(160), BLOCKS),
        "IResNet-50": AuditedModel("IResNet-50", iresnet, Preprocess(112), LAYERS),
    }


def recorded(model: AuditedModel, faces: FaceSet, precision: str) -> dict:
    recorder = Recorder(model, ("plain",), batch_size=BATCH, precision=precision)
    return recorder.rows(faces, np.zeros(len(faces), bool))[0]


@torch.inference_mode()
def bare(model: AuditedModel, x: torch.Tensor, precision: str) -> None:
    """The model alone, as ``extract`` runs it."""
    device = best_device()
    model.module.to(device, memory_format=torch.channels_last)
    with torch.autocast(device.type, getattr(torch, precision), precision != "float32"):
        for batch in x.split(BATCH):
            model.module(batch.to(device, memory_format=torch.channels_last)).float().cpu()


@torch.no_grad()
def usual(model: AuditedModel, x: torch.Tensor) -> dict:
    """What people write: keep the maps, join them, then take the mean."""
    model.module.to(best_device(), memory_format=torch.contiguous_format)
    maps = {tap: [] for tap in model.taps}
    known = dict(model.module.named_modules())

    def keeper(tap):
        return lambda module, inputs, output: maps[tap].append(output.detach().cpu())

    hooks = [known[tap].register_forward_hook(keeper(tap)) for tap in model.taps]
    outcome = [model.module(batch.to(best_device())).cpu() for batch in x.split(BATCH)]
    for hook in hooks:
        hook.remove()
    joined = {tap: torch.cat(parts) for tap, parts in maps.items()}
    pooled = {f"plain/{tap}": whole.mean((2, 3)) for tap, whole in joined.items()}
    return pooled | {"plain/outcome": torch.cat(outcome)}


def timed(work, *given) -> float:
    start = time.perf_counter()
    work(*given)
    return time.perf_counter() - start


def compared(name: str, model: AuditedModel, images: int, rounds: int) -> list[dict]:
    """Ratios of one model."""
    faces = noise(images, model.preprocess.size)
    x = model.preprocess(faces.pixels(model.preprocess.size)).contiguous()
    runs = {
        ("usual", "float32"): lambda: usual(model, x),
        **{("bare", p): lambda p=p: bare(model, x, p) for p in ("float32", "bfloat16")},
        **{("ours", p): lambda p=p: recorded(model, faces, p) for p in ("float32", "bfloat16")},
    }
    for run in runs.values():
        run()  # warm
    taken = {key: [] for key in runs}
    for _ in tqdm(range(rounds), desc=name, unit="round"):
        for key, run in runs.items():
            taken[key].append(timed(run))
    found = []
    for precision in ("float32", "bfloat16"):
        ours = np.array(taken["ours", precision])
        for beside in (("bare", precision), ("usual", "float32")):
            ratio = np.array(taken[beside]) / ours
            words = "bare forward" if beside[0] == "bare" else "the usual loop in float32"
            spread = (np.median(ratio), ratio.min(), ratio.max(), images / np.median(ours))
            found.append(dict(zip(COLUMNS, (name, precision, words, *spread), strict=True)))
    return found


def agreement(model: AuditedModel, images: int) -> tuple[float, float]:
    """Largest difference to the usual loop in float32, smallest cosine in bfloat16."""
    faces = noise(images, model.preprocess.size)
    x = model.preprocess(faces.pixels(model.preprocess.size)).contiguous()
    expected, whole = usual(model, x), recorded(model, faces, "float32")
    apart = max(float((whole[n] - v).abs().max() / v.abs().max()) for n, v in expected.items())
    half = recorded(model, faces, "bfloat16")["plain/outcome"]
    return apart, float(F.cosine_similarity(half, whole["plain/outcome"]).min())


def peak(count: int) -> float:
    """Peak memory (MB) of a process that extracts so many images."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--memory", str(count), "--out", folder]
        return float(
            subprocess.run(
                command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ).stdout
        )


def extract_alone(count: int, folder: Path) -> None:
    torch.manual_seed(0)
    module = IResNet((8, 16, 32, 64), (1, 1, 1, 1), 64, 112)
    model = AuditedModel("small", module, Preprocess(112), ("stage1", "stage4"))
    extract(model, noise(count, 112), root=folder)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=96, help="a run (default: 96)")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each (default: 7)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.memory:
        extract_alone(chosen.memory, chosen.out)
        return
    rows, apart, cosine = [], 0.0, 1.0
    for name, model in models().items():
        rows += compared(name, model, chosen.images, chosen.rounds)
        found = agreement(model, BATCH)
        apart, cosine = max(apart, found[0]), min(cosine, found[1])
    table = pd.DataFrame(rows, columns=COLUMNS).round(2)
    table.to_csv(chosen.out / "extraction.csv", index=False)
    small, large = peak(1_000), peak(10_000)
    page = PAGE.format(
        device=describe_device(), images=chosen.images, rounds=chosen.rounds, day=date.today(),
        table=markdown(table), apart=apart, cosine=cosine, small=small, large=large,
        growth=large / small - 1,
    )  # fmt: skip
    (chosen.out / "extraction.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
