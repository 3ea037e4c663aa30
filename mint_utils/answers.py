"""What a finished run says of images of unknown membership, as a table and in words."""

from dataclasses import dataclass

import pandas as pd

from mint_utils.evidence.verdict import EXPLAINED, SHOWN
from mint_utils.figures.style import method_name

LEVEL = 0.05
COLUMNS = [
    "unit_kind", "unit", "photos", "access", "contrast", "method", "score", "p_value",
    "smallest_p", "persons", "verdict",
]  # fmt: skip
ACCESS = {  # what may be asked, and what it looks at; from the least that must be handed over
    "outcome": "embeddings",
    "activations": "activations",
    "head_blind": "class centres",
}
WHY_NOT = {  # access levels that cannot be asked, and what they need
    "twin": "reference models, which a report does not keep",
    "head_named": "the person's class, which a stranger has not",
}
QUESTION = {  # contrast -> what is asked of a photograph, a folder of strangers, a person
    "member_vs_external": {
        "image": "was this photograph trained on?",
        "folder": "were photographs in it trained on, whichever they are?",
        "album": "was this person used, with these very photographs?",
    },
    "held_out_vs_external": {
        "image": "was the person in this photograph used?",
        "folder": "were persons in it used, whoever they are?",
        "album": "was this person used, with other photographs than these?",
    },
}


@dataclass(frozen=True)
class Answer:
    """p-values of the asked images, of the folder they are in, and of the person they show.

    ``images``, ``folder`` (as a set of different persons) and ``person`` have COLUMNS, a row for
    each rung that speaks: ``score`` is larger for a likelier member, ``verdict`` is what the run's
    report says of that rung. ``skipped`` has image_id and why.
    """

    run: str
    assignment: str
    left_out: tuple[str, ...]  # access levels of the run that cannot be asked
    path: str
    one_person: bool
    images: pd.DataFrame
    folder: pd.DataFrame
    person: pd.DataFrame
    skipped: pd.DataFrame
    copies: int  # images that are copies of an earlier one
    tested: int  # images of persons whom the run itself tested

    @property
    def table(self) -> pd.DataFrame:
        """Every p-value, a row each."""
        parts = [part for part in (self.images, self.folder, self.person) if len(part)]
        return pd.concat(parts, ignore_index=True)

    @property
    def warnings(self) -> list[str]:
        """What must be read before any number."""
        return [*_of_verdicts(self.table), *_of_the_set(self.assignment)]

    @property
    def notes(self) -> list[str]:
        """How the numbers came to be, and what they do not prove."""
        return [*_of_numbers(self), *_of_photographs(self), *_limits(self.left_out)]


def in_words(answer: Answer) -> str:
    """The whole answer, for people who are no statisticians."""
    asked = _photographs(answer.images["unit"].nunique())
    lines = [f"{asked} in {answer.path}, asked of the run {answer.run!r}"]
    lines += _section("READ THIS FIRST", answer.warnings)
    lines += ["", f"EACH PHOTOGRAPH: {_question(answer.images)}"]
    lines += ["Of 100 photographs of persons the model never saw, so many score as high:"]
    for unit, rows in answer.images.groupby("unit", sort=False):
        lines += [f"  {unit}: " + "; ".join(map(_so_many, rows.to_dict("records")))]
    lines += _folder(answer.folder) + _person(answer.person)
    lines += _section("WHAT THIS DOES NOT PROVE", answer.notes)
    return "\n".join(lines)


def _section(title: str, items: list[str]) -> list[str]:
    return ["", title, *(f"- {item}" for item in items)] if items else []


def _folder(folder: pd.DataFrame) -> list[str]:
    if folder.empty:
        return []
    return [
        "",
        f"THE FOLDER: {_question(folder)}",
        f"Of 100 sets of {folder['photos'].iloc[0]} drawn from these and strangers' photographs "
        "shuffled together, so many score as high on average:",
        *(f"  {_so_many(row)}" for row in folder.to_dict("records")),
    ]


def _person(person: pd.DataFrame) -> list[str]:
    lines = []
    for (_, photos), rows in person.groupby(["contrast", "photos"], sort=False):
        lines += [
            "",
            f"THE PERSON: {_question(rows)}",
            f"Of 100 persons the model never saw, so many have {photos} photographs that together "
            "score as high:",
            *(f"  {_so_many(row)}" for row in rows.to_dict("records")),
        ]
    return lines


def _so_many(row: dict) -> str:
    p, verdict = row["p_value"], row["verdict"]
    if pd.isna(p):
        said = "nobody to compare with"
    elif p <= row["smallest_p"] * (1 + 1e-9):
        said = f"as few as {row['persons']} persons can show (p {p:.2g}, the smallest possible)"
    else:
        said = f"about {100 * p:.0f}" if p >= 0.01 else "fewer than 1"
        said += f" (p {p:.2g})"
    tag = " [may be the dataset]" if verdict == EXPLAINED else " [not shown to work]"
    return f"{ACCESS[row['access']]}, {said}{'' if verdict == SHOWN else tag}"


def _of_verdicts(table: pd.DataFrame) -> list[str]:
    """A sentence for each question with rungs that are not shown in the run's report."""
    rungs = table[(table["unit_kind"] != "folder") & (table["verdict"] != SHOWN)]
    rungs = rungs.drop_duplicates(["access", "contrast", "photos"])
    found = []
    for (_, _, verdict), rows in rungs.groupby(["unit_kind", "contrast", "verdict"], sort=False):
        who = " and ".join(_speaker(row) for row in rows.to_dict("records"))
        why = "The audit could not show that this works: its numbers may mean nothing."
        if verdict == EXPLAINED:
            why = "Something that knows nothing of the training tells as much: the numbers can "
            why += "reflect the difference between the datasets."
        found.append(f'Asked "{_question(rows)}", {who}: the run\'s verdict is "{verdict}". {why}')
    return found


def _question(rows: pd.DataFrame) -> str:
    return QUESTION[rows["contrast"].iloc[0]][rows["unit_kind"].iloc[0]]


def _speaker(row: dict) -> str:
    method, _, aad = row["method"].removesuffix(" (reversed)").partition(" on ")
    return f"{ACCESS[row['access']]} ({method_name(method, aad)})"


def _of_the_set(assignment: str) -> list[str]:
    if assignment != "observed":
        return []
    return [
        "Who is a member was stated, not drawn by chance: the run's members and externals may "
        "differ in more than training, and so may these photographs. Any number can reflect that."
    ]


def _of_numbers(answer: Answer) -> list[str]:
    found, images = [], answer.images
    count, smallest = images["unit"].nunique(), images["smallest_p"].max()
    if smallest > LEVEL:
        found.append(
            f"With {images['persons'].min()} persons to compare with no p-value can be below "
            f"{smallest:.2g}: no photograph can be called unusual at {LEVEL}."
        )
    elif count > 1:
        low = images.assign(low=images["p_value"] <= LEVEL).groupby("access", sort=False)["low"]
        here = ", ".join(f"{ACCESS[access]} {number}" for access, number in low.sum().items())
        found.append(
            f"{count} photographs were asked about, and p-values are not corrected for that: were "
            f"none of them used, about {LEVEL * count:.2g} would be at or below {LEVEL} by chance. "
            f"Here: {here}."
        )
    if images["access"].nunique() > 1 or len(answer.person) > 1:
        found.append(
            "Every kind of access, and every question, is another look at the same photographs: "
            "decide beforehand which one counts. The smallest number is not the answer."
        )
    return found


def _of_photographs(answer: Answer) -> list[str]:
    found = []
    if len(answer.skipped):
        names = ", ".join(answer.skipped["image_id"])
        found.append(f"Left out, could not be read: {_photographs(len(answer.skipped))}: {names}.")
    if answer.copies:
        found.append(
            f"Copies of another one, by pixels or by look: {_photographs(answer.copies)}. Counted "
            "once in what is said of the folder or the person."
        )
    different = answer.images["unit"].nunique() - answer.copies
    for album in sorted(set(answer.person["photos"])):
        if album < different:
            found.append(
                f"{album} of the {different} different photographs, drawn by chance and always the "
                f"same, make the album of {album}."
            )
    if answer.tested:
        found.append(
            f"Of persons whom the run itself tested: {_photographs(answer.tested)}. Its report "
            "says whether they were members."
        )
    if answer.one_person:
        found.append(
            "All of one person: the p-values of the single photographs go together and must not be "
            "combined. Photographs of one occasion can score high because they look alike: the "
            "run's albums are of several."
        )
    elif len(answer.folder):
        found.append(
            "The folder's p-value takes every photograph to show another person. Several of one "
            "person make it look stronger than it is: ask about those with --one-person."
        )
    return found


def _limits(left_out: tuple[str, ...]) -> list[str]:
    found = [
        "A p-value says how unusual a score is for somebody the model never saw. It is not the "
        "probability that the photograph was used, and a large one does not show that it was not.",
        "It holds for photographs like those the run compares with: the same crop, source and "
        "quality. Others can score higher or lower for that reason alone.",
    ]
    if left_out:
        needs = "; ".join(WHY_NOT.get(access, access) for access in left_out)
        found.append(f"Left out: methods of the run that need {needs}.")
    return found


def _photographs(count: int) -> str:
    return f"{count} photograph{'' if count == 1 else 's'}"
