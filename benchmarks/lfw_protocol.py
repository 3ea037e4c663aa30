"""Are published models opened as they were meant to be? Accuracy on LFW's 6,000 pairs, ten folds.

Needs LFW with its pairs.txt and the weights of data/README.md, in data/raw or a folder of
MINT_DATA. Writes lfw_protocol.csv and lfw_protocol.md.
"""

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pages import markdown

from mint_utils.audited import FAMILIES
from mint_utils.audited.lfw_protocol import lfw_accuracy, lfw_pairs
from mint_utils.faces import FaceSet
from mint_utils.scenario import Facenet, LfwFaces, MobileFaceNet
from mint_utils.sources import LfwSource

CASIA, MS1M = "weights/facenet_casia.safetensors", "weights/facenet_ms1m.safetensors"
MODELS = {  # name -> its block of a scenario, and the accuracy (%) that is published for it
    "facenet_casia": (Facenet(family="facenet", weights=CASIA), 99.05),
    "facenet_ms1m": (Facenet(family="facenet", weights=MS1M, standardise=True), 99.2),
    "mobilefacenet_casia": (
        MobileFaceNet(family="mobilefacenet", weights="weights/mobilefacenet_casia.safetensors"),
        98.35,
    ),
}
COLUMNS = ["model", "pixels", "embedding", "pairs", "accuracy", "std", "published"]
PAGE = """# LFW verification

Accuracy in per cent on the 6,000 pairs of the LFW protocol, mean and standard deviation over ten
folds; the threshold is the best of the other nine. Crops aligned to 112 x 112, enlarged where a
model takes more; one view of each picture, no flipped copy.

`python benchmarks/lfw_protocol.py` on {day}, {minutes:.0f} minutes.

{table}
The published figures are of the models' own crops (182 x 182 by MTCNN, cut to 160, for facenet) and
are what to come close to, not what to reach.
"""


def row(name: str, source: LfwSource, pairs: pd.DataFrame) -> dict:
    """One model through all pairs."""
    spec, published = MODELS[name]
    model = FAMILIES[spec.family](spec, FaceSet(pd.DataFrame(), {}), 0)
    accuracies = 100 * lfw_accuracy(model, source, pairs)
    with torch.inference_mode():
        blank = np.zeros((2, model.preprocess.size, model.preprocess.size, 3), np.uint8)
        width = model.module(model.preprocess(blank)).shape[1]
    found = (name, model.preprocess.size, width, len(pairs), accuracies.mean(), accuracies.std())
    return dict(zip(COLUMNS, (*found, published), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS), help=f"of {', '.join(MODELS)}")
    parser.add_argument("--pairs", type=int, help="so many pairs of each kind and fold, not all")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    chosen = parser.parse_args()
    started = time.monotonic()
    source = LfwSource(LfwFaces(kind="lfw"), 0)
    pairs = lfw_pairs(source)
    if chosen.pairs:
        pairs = pairs.groupby(["fold", "genuine"]).head(chosen.pairs).reset_index(drop=True)
    table = pd.DataFrame([row(name, source, pairs) for name in chosen.models], columns=COLUMNS)
    table = table.round({"accuracy": 2, "std": 2})
    table.to_csv(chosen.out / "lfw_protocol.csv", index=False)
    minutes = (time.monotonic() - started) / 60
    page = PAGE.format(day=date.today(), minutes=minutes, table=markdown(table))
    (chosen.out / "lfw_protocol.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
