"""How good each asked face is, how near to those that the run ranks among, and what is a copy."""

import pandas as pd

from mint_utils.appearance import look
from mint_utils.asking.calibrate_faces import LOOKS, CalibrateFaces
from mint_utils.near_duplicates import near_duplicates

COLUMNS = [
    "image_id", "faces", "chosen", "face_pixels", *LOOKS, "unlike", "copy_of",
]  # fmt: skip


def quality(asked, calibrate: CalibrateFaces | None) -> pd.DataFrame:
    """COLUMNS, a row a face of ``asked`` (asked_images.Asked).

    ``unlike`` says in which way hardly any of the run's own is so, "" if in none and where the
    run's faces are not known; ``copy_of`` names an earlier image that is or looks the same.
    """
    looks = [look(asked.faces.read(row)) for row in range(len(asked.faces))]
    table = asked.found.merge(asked.faces.table[["image_id", "digest"]], on="image_id")
    table = table.join(pd.DataFrame(looks)[list(LOOKS)])
    rows = table.to_dict("records")
    table["unlike"] = [calibrate.unlike(row) if calibrate else "" for row in rows]
    table["copy_of"] = table["image_id"].map(_originals(asked.faces.table)).fillna("")
    return table[COLUMNS].round(1)


def _originals(images: pd.DataFrame) -> dict[str, str]:
    """For each image that has an earlier one's pixels, or looks like one, that one's name."""
    alike = near_duplicates(images)
    originals = dict(zip(alike["image_id"][::-1], alike["same_as"][::-1], strict=True))
    first = images.drop_duplicates("digest").set_index("digest")["image_id"]
    again = images[images["digest"].duplicated()]
    return originals | dict(zip(again["image_id"], first[again["digest"]], strict=True))
