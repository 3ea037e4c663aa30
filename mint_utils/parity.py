"""Whether the two sides of an audit look alike: size, compression, crop, colour and sharpness.

Where they do not, a detector can tell members from externals without any model.
"""

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from tqdm import tqdm

from mint_utils.appearance import look, stored
from mint_utils.chance import chance
from mint_utils.evidence.bootstrap import auc_interval, person_weights
from mint_utils.evidence.metrics import SortedScores
from mint_utils.face_boxes import face_boxes
from mint_utils.faces import FaceSet
from mint_utils.sources import SyntheticSource

IMAGES = 1000  # a side that are read: more of them would say little more of as many persons
FACES = 40  # photographs a side in which MTCNN, slower than all the rest, measures the face
LEAST = 0.10  # how far from 0.5 an AUC must be to matter
LEVEL = 0.01  # chance that any property is said to differ where none does
DRAWS = 2000  # permutations of persons between the sides
COLUMNS = ["property", "member_side", "external_side", "auc", "low", "high", "p", "differs"]


def parity(faces: FaceSet) -> pd.DataFrame:
    """One row a property of the pictures (COLUMNS), compared between the two sides.

    The member side are all images of member persons, held out or not. At most IMAGES a side are
    read, drawn by chance and always the same ones; see :func:`compared` for the columns.

    Taught in notebook 01.
    """
    drawn = _drawn(faces, IMAGES)
    table = drawn.table
    measured = []
    for row in tqdm(range(len(drawn)), desc="comparing the sides", unit="image"):
        image = drawn.read(row)
        measured.append(stored(*drawn.source_of(row), image) | look(image))
    measured = pd.DataFrame(measured).join(_crops(drawn))
    member_side = (table["role"] != "external").to_numpy()
    return compared(measured, table["identity"].to_numpy(), member_side)


def _drawn(faces: FaceSet, most: int) -> FaceSet:
    """At most ``most`` images of each side, in an order that chance decides."""
    turn = pd.Series([chance(0, "parity", i) for i in faces.table["image_id"]], dtype=float)
    rank = turn.groupby((faces.table["role"] == "external").to_numpy()).rank(method="first")
    kept = faces.where(rank <= most)
    order = turn[(rank <= most).to_numpy()].to_numpy().argsort()
    return FaceSet(kept.table.iloc[order].reset_index(drop=True), faces.sources)


def _crops(drawn: FaceSet) -> pd.DataFrame:
    """Height and vertical middle of the face, as parts of the picture's height, NaN if not known.

    Measured on the first FACES photographs of each side; drawn faces are not asked about.
    """
    sources = [drawn.sources[group] for group in drawn.table["source"]]
    asked = np.array([not isinstance(source, SyntheticSource) for source in sources], bool)
    external = (drawn.table["role"] == "external").to_numpy()
    rows = [r for side in (external, ~external) for r in np.flatnonzero(asked & side)[:FACES]]
    crops = pd.DataFrame(
        index=range(len(drawn)), columns=["face height", "face middle"], dtype=float
    )
    if rows:
        looked_at = tqdm(rows, desc="looking for faces", unit="image")
        _, top, _, bottom = face_boxes(drawn.read(row) for row in looked_at).T
        crops.loc[rows] = np.column_stack([bottom - top, (top + bottom) / 2])
    return crops


def compared(measured: pd.DataFrame, identity: np.ndarray, member_side: np.ndarray) -> pd.DataFrame:
    """COLUMNS for each column of ``measured`` (n images; NaN where not known) that has a value.

    ``identity`` (n,) names the person, ``member_side`` (n,) is bool. ``member_side`` and
    ``external_side`` are medians; ``auc`` is the probability that a random image of the member
    side has the larger value, ``low`` and ``high`` its 95 % interval over persons, all blank if a
    side has no value. ``p`` is the probability that a property would come out so far from 0.5
    if persons were on sides by chance, corrected for the number of properties. A property
    ``differs`` if that is at most LEVEL and ``auc`` is LEAST or more from 0.5.
    """
    measured = measured.loc[:, measured.notna().any()]
    rows = [_row(measured[name], identity, member_side) for name in measured]
    table = pd.DataFrame(rows, columns=COLUMNS[:-2])
    table["p"] = _p_values(measured, identity, member_side)
    table["differs"] = (table["p"] <= LEVEL) & ((table["auc"] - 0.5).abs() >= LEAST)
    return table


def _row(values: pd.Series, identity: np.ndarray, member_side: np.ndarray) -> dict:
    known = values.notna().to_numpy()
    score, who, member = values[known].to_numpy(float), identity[known], member_side[known]
    row = {"property": values.name, "member_side": np.nan, "external_side": np.nan}
    row |= {"auc": np.nan, "low": np.nan, "high": np.nan}
    for side, mask in (("member_side", member), ("external_side", ~member)):
        row[side] = float(np.median(score[mask])) if mask.any() else np.nan
    if member.any() and not member.all():
        ordered = SortedScores(score, member)
        persons = [len(np.unique(who[mask])) for mask in (member, ~member)]
        row["auc"] = float(ordered.auc()[0])
        resampled = ordered.auc(person_weights(who, member))
        row["low"], row["high"] = auc_interval(row["auc"], resampled, *persons)
    return row


def _p_values(measured: pd.DataFrame, identity: np.ndarray, member_side: np.ndarray) -> np.ndarray:
    """Two-sided p of every AUC by permuting persons between the sides; 1 where there is none.

    The largest deviation of all properties is what each is compared with (Westfall and Young
    1993): that corrects for their number, and no more than needed where they go together.
    """
    persons, code = np.unique(identity, return_inverse=True)
    actual = np.bincount(code, weights=member_side, minlength=len(persons)) > 0
    shuffled = np.random.default_rng(0).permuted(np.tile(actual, (DRAWS, 1)), axis=1)
    called = np.vstack([actual, shuffled]).astype(np.float32)
    sums, sizes = np.zeros((2, len(persons), measured.shape[1]))
    for place, name in enumerate(measured):
        known = measured[name].notna().to_numpy()
        np.add.at(sums[:, place], code[known], rankdata(measured[name][known]))
        np.add.at(sizes[:, place], code[known], 1)
    chosen = called @ sizes
    with np.errstate(invalid="ignore", divide="ignore"):  # a side without values has no AUC
        auc = (called @ sums - chosen * (chosen + 1) / 2) / (chosen * (sizes.sum(0) - chosen))
        auc = np.nan_to_num(auc, nan=0.5)
        far = np.nan_to_num(np.abs(auc - 0.5) / auc.std(axis=0))
    return (far.max(axis=1, initial=0)[:, None] >= far[0] - 1e-9).mean(axis=0)


def parity_warnings(table: pd.DataFrame) -> list[str]:
    """A sentence that names what differs, the clearest first; [] if nothing does."""
    differing = table[table["differs"].astype(bool)]
    if differing.empty:
        return []
    order = (differing["auc"] - 0.5).abs().sort_values(ascending=False, kind="stable").index
    named = [_difference(row) for row in differing.loc[order[:3]].to_dict("records")]
    if len(differing) > 3:
        named.append(f"{len(differing) - 3} more (parity table)")
    what = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return [
        f"The two sides differ in {what}: a detector can tell the sets apart without any model."
    ]


def _difference(row: dict) -> str:
    word, share = ("higher", row["auc"]) if row["auc"] > 0.5 else ("lower", 1 - row["auc"])
    return (
        f"{row['property']} (median {row['member_side']:.3g} against {row['external_side']:.3g}; "
        f"a random member-side image is the {word} in {100 * share:.0f} %)"
    )
