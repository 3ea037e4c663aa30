"""What a training was and what it promises, a row each, for people to read."""

import pandas as pd


def training_record(notes: dict) -> pd.DataFrame:
    """``what`` and ``value`` from the notes of a model; empty if the study did not train it.

    Taught in notebook 02.
    """
    rows = []
    if "losses" in notes:
        rows += [
            ("images trained on", notes["images"]),
            ("most images of one person", notes["most_images"]),
            ("epochs", len(notes["losses"])),
            ("precision", notes["precision"]),
        ]
    if "early_stopping" in notes:
        rows += _stopping(notes["early_stopping"])
    if "privacy" in notes:
        rows += _privacy(notes["privacy"], notes["most_images"])
    return pd.DataFrame(rows, columns=["what", "value"])


def _stopping(told: dict) -> list[tuple]:
    recognised = told["kept_recognised"]
    return [
        ("epochs of the trial training", len(recognised)),
        ("kept photos recognised, at best", max(recognised)),
        ("kept photos recognised, when stopped", recognised[told["epochs"] - 1]),
    ]


def _privacy(told: dict, most_images: int) -> list[tuple]:
    """What was spent; for a person the bound of group privacy, k times that of an image."""
    return [
        ("epsilon spent, for one image", round(told["epsilon"], 3)),
        (
            f"epsilon for a person with {most_images} images",
            round(told["epsilon"] * most_images, 1),
        ),
        ("delta, for one image", told["delta"]),
        ("longest gradient of an image (clip)", told["clip"]),
        ("noise, in units of clip", round(told["noise"], 3)),
        ("part of the images drawn in a step", round(told["sample_rate"], 4)),
        ("steps", told["steps"]),
    ]
