"""What the faces look like that a run ranks among: their crop, their quality, their likeness.

Photographs are cropped as these are, compared with these, and told apart as well as these can be.
"""

from functools import cached_property

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from mint_utils.activations.extract import embeddings
from mint_utils.alignment import MOVED, SIZE, TEMPLATE, landmarks
from mint_utils.appearance import look
from mint_utils.asking.finished_run import FinishedRun
from mint_utils.audited import AuditedModel
from mint_utils.audited.recognition import pair_cosines, verification_pairs
from mint_utils.chance import chance
from mint_utils.faces import FaceSet, resized
from mint_utils.sources import open_sources

IMAGES = 200  # of calibrate externals that are looked at
EACH = 4  # of one person
CROPS = 24  # in which MTCNN looks for the five points
LOOKS = ("sharpness", "brightness", "contrast")  # of appearance.py, compared with photographs


class CalibrateFaces:
    """Up to IMAGES images of the run's calibrate externals; read where the run read them.

    Raises FileNotFoundError, saying what to do, if the run's faces are not on this machine.
    """

    def __init__(self, run: FinishedRun):
        table = run.calibrate
        table = table[(table["role"] == "external") & (table["n_images"] == 1)]
        table = table.rename(columns={"unit": "image_id"})[["image_id", "identity"]]
        table = table.drop_duplicates("image_id")
        turn = table["image_id"].map(lambda i: chance(run.scenario.seed, "look", i))
        table = table.loc[turn.sort_values().index]
        table = table[table.groupby("identity").cumcount() < EACH].head(IMAGES)
        source = table["image_id"].str.partition("/")[0]
        self.run = run
        self.faces = FaceSet(
            table.assign(source=source).reset_index(drop=True), open_sources(run.scenario)
        )

    @cached_property
    def images(self) -> list[np.ndarray]:
        return [self.faces.read(row) for row in range(len(self.faces))]

    @cached_property
    def side(self) -> int:
        """Pixels of the shorter side, the median: photographs are cropped to as many."""
        return int(np.median([min(image.shape[:2]) for image in self.images]))

    @cached_property
    def template(self) -> np.ndarray:
        """(5, 2): where the run's crops of ``side`` pixels have eyes, nose and mouth.

        ArcFace's points where they lie within MOVED of those, since that is then the crop meant.
        Raises ValueError if MTCNN finds no face in half of the images.
        """
        found = [landmarks(resized(image, SIZE)) for image in self.images[:CROPS]]
        known = [points for points in found if points is not None]
        if 2 * len(known) < len(found):
            raise ValueError(
                f"MTCNN finds a face in {len(known)} of {len(found)} images of this run, so it "
                "cannot be told how photographs are to be cropped: crop them as the run's faces "
                "are, and ask with --aligned"
            )
        middle = np.median(known, axis=0)
        close = np.linalg.norm(middle - TEMPLATE, axis=1).mean() <= MOVED
        return (TEMPLATE if close else middle) * self.side / SIZE

    def is_such_a_crop(self, image: np.ndarray) -> bool | None:
        """Whether ``image`` is cropped as the run's are; None if MTCNN finds no face in it."""
        height, width = image.shape[:2]
        if any(image.shape == own.shape for own in self.images):
            return True
        points = landmarks(image)
        if points is None or height != width:
            return None if points is None else False
        away = points * self.side / width - self.template
        return bool(np.linalg.norm(away, axis=1).mean() <= 2 * MOVED * self.side / SIZE)

    @cached_property
    def looks(self) -> pd.DataFrame:
        """LOOKS of every image."""
        return pd.DataFrame([look(image) for image in self.images])[list(LOOKS)]

    @property
    def usual(self) -> str:
        """What 98 of 100 of the run's images have, in words."""
        low, high = self.looks.quantile(0.01), self.looks.quantile(0.99)
        ranges = (f"{name} {low[name]:.0f} to {high[name]:.0f}" for name in LOOKS)
        return f"{self.side} pixels, " + ", ".join(ranges)

    def unlike(self, measured: dict) -> str:
        """What of ``measured`` (LOOKS, face_pixels) 98 of 100 of the run's images do not have."""
        said = []
        low, high = self.looks.quantile(0.01), self.looks.quantile(0.99)
        for name in LOOKS:
            if measured[name] < low[name]:
                said.append(f"{name} {measured[name]:.0f} is below the run's {low[name]:.0f}")
            elif measured[name] > high[name]:
                said.append(f"{name} {measured[name]:.0f} is above the run's {high[name]:.0f}")
        if measured["face_pixels"] < self.side / 2:
            said.append(f"enlarged from {measured['face_pixels']:.0f} to {self.side} pixels")
        return "; ".join(said)

    def same_person(self, model: AuditedModel) -> float:
        """Cosine from which the audited model takes two photos to show one person.

        Where sensitivity and specificity together are highest on the calibrate externals.
        """
        identity = self.faces.table["identity"].to_numpy()
        first, second, genuine = verification_pairs(identity, self.run.scenario.seed)
        cosine = pair_cosines(embeddings(model, self.faces), first, second)
        false, true, threshold = roc_curve(genuine, cosine)
        return float(threshold[np.argmax(true - false)])
