"""What a finished run says of images of unknown membership, as a table and in words."""

from dataclasses import dataclass

import pandas as pd

from mint_utils.asking import answer_notes
from mint_utils.asking.answer_notes import LEVEL
from mint_utils.asking.questions import ACCESS, photographs, question
from mint_utils.evidence.verdict import EXPLAINED, SHOWN
from mint_utils.faces import FaceSet

COLUMNS = [
    "unit_kind", "unit", "photos", "access", "contrast", "method", "score", "p_value",
    "smallest_p", "persons", "verdict",
]  # fmt: skip
RANKED = {"p_value": "rank", "smallest_p": "smallest_rank"}  # what photographs have instead


@dataclass(frozen=True)
class Answer:
    """Where the asked images, their folder and the person they show stand among strangers.

    ``images``, ``folder`` (as a set of different persons) and ``person`` have COLUMNS, a row for
    each rung that speaks: ``score`` is larger for a likelier member, ``verdict`` is what the run's
    report says of that rung. ``skipped`` has image_id and why, ``quality`` the columns of
    photo_quality.py, a row an image. Photographs that are ranked among the run's own strangers,
    who were photographed otherwise, have no p-value: :attr:`is_rank`.
    """

    run: str
    assignment: str
    left_out: tuple[str, ...]  # what rungs need that cannot be asked: access levels, one_class
    path: str
    one_person: bool
    images: pd.DataFrame
    folder: pd.DataFrame
    person: pd.DataFrame
    skipped: pd.DataFrame
    others: int  # files that are no pictures
    copies: int  # images that are copies of an earlier one
    tested: int  # images of persons whom the run itself tested
    faces: FaceSet  # what was scored
    quality: pd.DataFrame
    photos: bool  # faces were found in photographs and cropped
    usual: str  # what nearly all of the run's own faces look like; "" if they are not here
    strangers: int  # persons named to rank among; 0 for the run's own
    strangers_left_out: tuple[str, ...]

    @property
    def is_rank(self) -> bool:
        """Whether the numbers are ranks among other kinds of pictures, and no p-values."""
        return self.photos and not self.strangers

    @property
    def table(self) -> pd.DataFrame:
        """Every p-value, a row each; called rank where it is no more than that."""
        parts = [part for part in (self.images, self.folder, self.person) if len(part)]
        whole = pd.concat(parts, ignore_index=True)
        return whole.rename(columns=RANKED) if self.is_rank else whole

    @property
    def by_photograph(self) -> pd.DataFrame:
        """The p-value (or rank) of each image, a row each, a column for what was looked at."""
        wide = self.images.pivot(index="unit", columns="access", values="p_value")
        return wide[list(self.images["access"].unique())].rename(columns=ACCESS)

    @property
    def warnings(self) -> list[str]:
        """What must be read before any number."""
        return answer_notes.warnings(self)

    @property
    def notes(self) -> list[str]:
        """How the numbers came to be, and what they do not prove."""
        return answer_notes.notes(self)

    @property
    def shows(self) -> list[str]:
        """What the numbers do say."""
        return answer_notes.shows(self)


def in_words(answer: Answer) -> str:
    """The whole answer, for people who are no statisticians.

    Taught in notebook 09.
    """
    asked = photographs(answer.images["unit"].nunique())
    lines = [f"{asked} in {answer.path}, asked of the run {answer.run!r}", read_how(answer)]
    lines += ["", f"IN SHORT: {in_short(answer)}"]
    lines += _section("READ THIS FIRST", answer.warnings)
    if answer.photos:
        lines += ["", "THE PHOTOGRAPHS: which face was taken, and how good it is"]
        lines += [f"Nearly all of the run's own faces have {answer.usual}."]
        lines += [f"  {row['image_id']}: {face_in_words(row)}" for row in records(answer.quality)]
    lines += ["", f"EACH PHOTOGRAPH: {question(answer.images)}", of_hundred(answer, answer.images)]
    for unit, rows in answer.images.groupby("unit", sort=False):
        lines += [f"  {unit}: " + "; ".join(_so_many(answer, row) for row in records(rows))]
    for rows in together(answer):
        whole = "FOLDER" if rows["unit_kind"].iloc[0] == "folder" else "PERSON"
        lines += ["", f"THE {whole}: {question(rows)}", of_hundred(answer, rows)]
        lines += [f"  {_so_many(answer, row)}" for row in records(rows)]
    lines += _section("WHAT THIS SHOWS", answer.shows)
    lines += _section("WHAT THIS DOES NOT PROVE", answer.notes)
    return "\n".join(lines)


def records(table: pd.DataFrame) -> list[dict]:
    return table.to_dict("records")


def together(answer: Answer) -> list[pd.DataFrame]:
    """The rows of the folder, and those of each question and size of album about the person."""
    albums = answer.person.groupby(["contrast", "photos"], sort=False)
    return [rows for rows in (answer.folder, *(rows for _, rows in albums)) if len(rows)]


def in_short(answer: Answer) -> str:
    """Where the person, or folder, or each image stands, by the methods that were shown to work.

    High is among the highest twentieth of strangers, or above all of them where they are fewer.
    """
    rows = next(part for part in (answer.person, answer.folder, answer.images) if len(part))
    shown = rows[rows["verdict"] == SHOWN]
    if shown.empty:
        return "This run cannot say: none of its methods was shown to work for this question."
    high = shown["p_value"] <= shown["smallest_p"].clip(lower=LEVEL) * (1 + 1e-9)
    if shown["unit_kind"].iloc[0] == "image":
        counts = high.groupby(shown["access"], sort=False).agg(["sum", "size"])
        said = ", ".join(f"{n} of {of} by {ACCESS[name]}" for name, n, of in counts.itertuples())
        if shown["smallest_p"].max() > LEVEL:
            few = shown["persons"].min()
            return f"Above the photographs of all {few} strangers, who are few, are {said}."
        return f"Among the highest twentieth of strangers' photographs are {said}."
    what = "photographs of persons the model never saw"
    if not high.any():
        return (
            f"Nothing unusual: by every method that was shown to work they could be {what}. That "
            "does not show that they were not used."
        )
    which = "every method" if high.all() else f"{high.sum()} of {len(high)} methods"
    if answer.is_rank:
        what += " but taken in another way than the run's"
    else:
        what += ", by a rare chance"
    return (
        f"High among strangers by {which} shown to work: as photographs that were used score. "
        f"They could also be {what}."
    )


def read_how(answer: Answer) -> str:
    """A sentence: whether faces were looked for."""
    if answer.photos:
        return "Taken as photographs: faces were found and cropped as the run's own faces are."
    if not answer.usual:
        return "Taken as aligned images; the run's faces are not here to compare their crop with."
    return "Taken as aligned images: cropped as the run's own faces are."


def of_hundred(answer: Answer, rows: pd.DataFrame) -> str:
    """What the numbers of ``rows`` count, all of one unit."""
    kind, count = rows["unit_kind"].iloc[0], rows["photos"].iloc[0]
    who = "persons the model never saw"
    if answer.strangers:
        who = "the strangers that were named"
    elif answer.photos:
        who = "the run's strangers"
    said = {
        "image": f"Of 100 photographs of {who}, so many score as high",
        "folder": f"Of 100 sets of {count} drawn from these and photographs of {who} shuffled "
        "together, so many score as high on average",
        "album": f"Of 100 of {who}, so many have {count} photographs that together score as high",
    }
    said["album"] = said["album"].replace("100 of persons", "100 persons")
    return said[kind] + (" (a rank among them, not a probability):" if answer.is_rank else ":")


def so_many(row: dict) -> str:
    """Of 100 strangers, in words."""
    p = row["p_value"]
    if pd.isna(p):
        return "nobody to compare with"
    if p <= row["smallest_p"] * (1 + 1e-9):
        none = "none" if row["unit_kind"] != "folder" else "as few as can be seen"
        return f"{none} of {row['persons']}"
    return f"about {100 * p:.0f}" if p >= 0.01 else "fewer than 1"


def face_in_words(row: dict) -> str:
    """Which face of a photograph, how large, what is unusual; a row of ``quality``."""
    which = row["chosen"] if row["faces"] == 1 else f"{row['chosen']}, of {row['faces']}"
    said = [f"{which}, {row['face_pixels']:.0f} pixels, sharpness {row['sharpness']:.0f}"]
    said += [row["unlike"]] if row["unlike"] else []
    said += [f"a copy of {row['copy_of']}"] if row["copy_of"] else []
    return "; ".join(said)


def _section(title: str, items: list[str]) -> list[str]:
    return ["", title, *(f"- {item}" for item in items)] if items else []


def _so_many(answer: Answer, row: dict) -> str:
    said, p, called = so_many(row), row["p_value"], "rank" if answer.is_rank else "p"
    if p <= row["smallest_p"] * (1 + 1e-9):
        said += f" ({called} {p:.2g}, the smallest possible)"
    elif not pd.isna(p):
        said += f" ({called} {p:.2g})"
    tag = " [may be the dataset]" if row["verdict"] == EXPLAINED else " [not shown to work]"
    return f"{ACCESS[row['access']]}, {said}{'' if row['verdict'] == SHOWN else tag}"
