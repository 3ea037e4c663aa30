"""What somebody must know to read an answer: before its numbers, and after them."""

import pandas as pd

from mint_utils import one_class
from mint_utils.asking.questions import ACCESS, photographs, question
from mint_utils.asking.strangers import FEWEST
from mint_utils.evidence.verdict import EXPLAINED, SHOWN
from mint_utils.figures.style import method_name

LEVEL = 0.05
NAMED = 20  # files that are named one by one
WHY_NOT = {  # access levels that cannot be asked, and what they need
    "twin": "reference models, which a report does not keep",
    "head_named": "the person's class, which a stranger has not",
    one_class.NAME: "the strangers whom the run fitted on, and whom a report does not keep",
}

P_VALUE = (
    "A p-value says how unusual a score is for somebody the model never saw. It is not the "
    "probability that the photograph was used, and a large one does not show that it was not."
)
RANK = (
    "A rank among other people's pictures of another kind is no probability of anything. One of "
    "0.02 does not say that a stranger's photograph from the same phone would score so high in 2 "
    "of 100 cases, and a large one does not show that a photograph was not used."
)


def warnings(answer) -> list[str]:
    """Sentences on an Answer (answers.py) that belong before its numbers."""
    return [*_of_photos(answer), *_of_verdicts(answer.table), *_of_the_set(answer.assignment)]


def notes(answer) -> list[str]:
    """Sentences on how the numbers came to be, and on what they do not prove."""
    return [*_of_numbers(answer), *_of_files(answer), *_of_unit(answer), *_limits(answer)]


def shows(answer) -> list[str]:
    """Sentences on what the numbers do say."""
    among = "persons whom the run's model never saw"
    if answer.strangers:
        among = f"the {answer.strangers} strangers that were named"
    return [
        f"How many of {among} score as high as these photographs do: the fewer, the more the "
        "model treats them like photographs that it was trained on.",
        "Methods, their settings and who is compared with were fixed before these photographs "
        "were seen; the run's verdict says of each method whether it tells members from strangers.",
    ]


def _of_photos(answer) -> list[str]:
    if not answer.is_rank:
        return []
    return [
        "These photographs were taken, stored and sent in another way than the pictures that the "
        "run compares with, and that alone moves scores up or down. So each number is only a rank "
        "among the run's strangers, not a probability. For more than that, name photographs of at "
        f"least {FEWEST} other persons whom the model cannot have seen, taken in the same way: "
        "--strangers FOLDER, a subfolder a person."
    ]


def _of_verdicts(table: pd.DataFrame) -> list[str]:
    """A sentence for each question with rungs that are not shown in the run's report."""
    rungs = table[(table["unit_kind"] != "folder") & (table["verdict"] != SHOWN)]
    rungs = rungs.drop_duplicates(["access", "contrast", "photos"])
    found = []
    for (_, _, verdict), rows in rungs.groupby(["unit_kind", "contrast", "verdict"], sort=False):
        who = " and ".join(speaker(row) for row in rows.to_dict("records"))
        why = "The audit could not show that this works: its numbers may mean nothing."
        if verdict == EXPLAINED:
            why = "Something that knows nothing of the training tells as much: the numbers can "
            why += "reflect the difference between the datasets."
        found.append(f'Asked "{question(rows)}", {who}: the run\'s verdict is "{verdict}". {why}')
    return found


def speaker(row: dict) -> str:
    """The access and the method that a row of an answer comes from."""
    method, _, aad = row["method"].removesuffix(" (reversed)").partition(" on ")
    return f"{ACCESS[row['access']]} ({method_name(method, aad)})"


def _of_the_set(assignment: str) -> list[str]:
    if assignment != "observed":
        return []
    return [
        "Who is a member was stated, not drawn by chance: the run's members and externals may "
        "differ in more than training, and so may these photographs. Any number can reflect that."
    ]


def _of_numbers(answer) -> list[str]:
    found, images = [], answer.images
    count, smallest = images["unit"].nunique(), images["smallest_p"].max()
    called = "rank" if answer.is_rank else "p-value"
    if smallest > LEVEL:
        found.append(
            f"With {images['persons'].min()} persons to compare with no {called} can be below "
            f"{smallest:.2g}: no photograph can be called unusual at {LEVEL}."
        )
    elif count > 1 and not answer.is_rank:
        low = images.assign(low=images["p_value"] <= LEVEL).groupby("access", sort=False)["low"]
        here = ", ".join(f"{ACCESS[access]} {n}" for access, n in low.sum().items())
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


def _of_files(answer) -> list[str]:
    """Which files are left out, alike or unlike the run's, and so on."""
    found, quality = [], answer.quality
    if len(answer.skipped):
        rows = answer.skipped.itertuples(index=False)
        found.append(_listed("Left out", [f"{row.image_id} {row.why}" for row in rows]))
    if answer.others:
        found.append(f"Not looked at: {answer.others} other files in the folder, no photographs.")
    if answer.copies:
        copies = quality[quality["copy_of"] != ""].itertuples(index=False)
        pairs = [f"{copy.image_id} of {copy.copy_of}" for copy in copies]
        named = _listed("Copies, by pixels or by look", pairs)
        found.append(f"{named} Counted once in what is said of the folder or the person.")
    unlike = quality[quality["unlike"] != ""]
    if len(unlike):
        found.append(
            f"Unlike 98 of 100 of the run's own in some way: {photographs(len(unlike))} of "
            f"{len(quality)}. The list of photographs says in which; their numbers mean least."
        )
    if answer.tested:
        found.append(
            f"Of persons whom the run itself tested: {photographs(answer.tested)}. Its report "
            "says whether they were members."
        )
    return found


def _listed(what: str, files: list[str]) -> str:
    more = f"; and {len(files) - NAMED} more" if len(files) > NAMED else ""
    return f"{what}: {photographs(len(files))}: {'; '.join(files[:NAMED])}{more}."


def _of_unit(answer) -> list[str]:
    found, called = [], "rank" if answer.is_rank else "p-value"
    different = answer.images["unit"].nunique() - answer.copies
    for album in sorted(set(answer.person["photos"])):
        if album < different:
            found.append(
                f"{album} of the {different} different photographs, drawn by chance and always the "
                f"same, make the album of {album}."
            )
    if answer.one_person:
        found.append(
            f"All of one person: the {called}s of the single photographs go together and must not "
            "be combined. Photographs of one occasion can score high because they look alike: the "
            "run's albums are of several."
        )
    elif len(answer.folder):
        found.append(
            f"The folder's {called} takes every photograph to show another person. Several of one "
            "person make it look stronger than it is: ask about those with --one-person."
        )
    if answer.photos and answer.one_person:
        how = (
            "as the strangers' were" if answer.strangers else "which the run's own albums were not"
        )
        found.append(
            f"Photographs count as the person's if the audited model finds them alike, {how}. "
            "Those that it does not recognise are left out, so that an album looks closer."
        )
    return found


def _limits(answer) -> list[str]:
    found = [RANK if answer.is_rank else P_VALUE]
    if answer.strangers:
        found.append(
            f"It holds if the model never saw the {answer.strangers} strangers, and if they were "
            "photographed as these persons were: same cameras, same apps, same years. Nobody but "
            "who named them can know."
        )
    elif not answer.is_rank:
        found.append(
            "It holds for photographs like those the run compares with: the same crop, source and "
            "quality. Others can score higher or lower for that reason alone."
        )
    if answer.strangers_left_out:
        who = ", ".join(answer.strangers_left_out[:NAMED])
        found.append(f"Strangers without a usable photograph, left out: {who}.")
    if answer.left_out:
        needs = "; ".join(WHY_NOT.get(access, access) for access in answer.left_out)
        found.append(f"Left out: methods of the run that need {needs}.")
    return found
