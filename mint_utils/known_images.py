"""Which images an audit used, so that nobody asks about one on which it made up its mind."""

from pathlib import Path

import pandas as pd

from mint_utils.faces import FaceSet

FILE = "known_images.parquet"
COLUMNS = ["image_id", "identity", "split", "digest", "perceptual"]


def keep_known_images(faces: FaceSet, models: Path) -> None:
    """Keep the images' ids, persons, splits and hashes beside the detectors; no picture.

    Taught in notebook 04.
    """
    there = [column for column in COLUMNS if column in faces.table]
    faces.table[there].to_parquet(models / FILE, index=False)


def known_images(models: Path) -> pd.DataFrame:
    """What :func:`keep_known_images` kept. FileNotFoundError that says what to do if it is gone."""
    if not (models / FILE).is_file():
        raise FileNotFoundError(
            f"{models} has no {FILE}, so it cannot be told who was in fit: run the scenario again"
        )
    return pd.read_parquet(models / FILE)
