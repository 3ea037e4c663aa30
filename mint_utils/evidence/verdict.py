"""The verdict: which of four sentences the evidence supports, at each rung and for the report.

1. membership shown: the gain over every control is significant (Holm over rungs) and either the
   assignment was random, or no control is above chance, at this or any other rung with externals,
   *and* none could be above 0.60 (one-sided 95 % bound): a control that merely lacks the persons
   to be significant excludes nothing.
2. explained by the dataset: not 1, and both the rung and some control are above chance.
3. no evidence: neither, and the study had the power to see an AUC of 0.60.
4. cannot tell: otherwise, with the reason.
"""

import numpy as np
import pandas as pd

from mint_utils.evidence.rungs import COLUMNS

LEVEL = 0.05
NOTHING_TO_SEE = 0.60  # an AUC that a powered study excludes before it says "no evidence"
SHOWN, EXPLAINED, NONE, CANNOT = (
    "membership shown",
    "explained by the dataset",
    "no evidence",
    "cannot tell",
)
ORDER = [SHOWN, EXPLAINED, NONE, CANNOT]

WITH_ACCESS = {
    "outcome": "With access to the model's embeddings alone",
    "activations": "With access to the model's activations",
    "twin": "With the model's embeddings and activations, and reference models of the same kind,",
    "head_blind": "With access to the model's class centres, without names,",
    "head_named": "With access to the class centres and to which person each belongs,",
}
CONTROL = {
    "untrained_twin": "an untrained copy of the model",
    "reference_twin": "models of the same kind that never saw the person",
    "pixels": "the pictures alone, without any model",
}
TOLD = {
    "member_vs_external": "images the model was trained on from images of persons it never saw",
    "member_vs_held_out": "images the model was trained on from other photos of the same persons",
    "held_out_vs_external": (
        "unseen photos of persons the model was trained on from photos of persons it never saw"
    ),
}


def powered(m: int, n: int) -> bool:
    """Whether m and n persons give an AUC's 95 % half-width of at most 0.10 under chance."""
    return bool(m and n and 1.96 * np.sqrt((m + n + 1) / (12 * m * n)) <= 0.10)


def judge(rung: pd.Series, assignment: str) -> tuple[str, str]:
    """Verdict of one row of :func:`mint_utils.evidence.rungs.ladder`, and its reason."""
    control_above = rung["control_p"] <= LEVEL
    if rung["constant"]:
        return CANNOT, "the method gives every image the same score"
    beats = rung["p_holm"] <= LEVEL
    control_at_chance = not control_above and rung["control_upper"] <= NOTHING_TO_SEE
    if beats and assignment == "observed" and rung["control_elsewhere"] and control_at_chance:
        return CANNOT, "at another rung a control is above chance: the two sets differ"
    if beats and (assignment == "random" or control_at_chance):
        return SHOWN, "the score beats every control beyond what chance among persons explains"
    if rung["p_chance_holm"] <= LEVEL and control_above:
        return EXPLAINED, f"so can {_control(rung)}, which cannot know of the training"
    if beats:  # sets as they came, and a control that may or may not see their difference
        return CANNOT, (
            "too few persons to exclude that the sets differ: a control's AUC may be up to "
            f"{rung['control_upper']:.2f}"
        )
    if rung["p_below_holm"] <= LEVEL:
        return CANNOT, "the score is below chance: what it was chosen for in fit is not so on test"
    if powered(rung["m"], rung["n"]):
        if rung["upper"] <= NOTHING_TO_SEE:
            return NONE, f"an AUC above {NOTHING_TO_SEE:.2f} is excluded"
        return CANNOT, (
            f"the score does not beat every control (p = {rung['p_holm']:.2g}), yet an AUC up to "
            f"{rung['upper']:.2f} is not excluded"
        )
    why = f"too few persons ({rung['m']} on one side, {rung['n']} on the other)"
    if rung["p_chance_holm"] <= LEVEL:
        return CANNOT, f"{why} to tell its score from that of {_control(rung)}"
    return CANNOT, why


def judged(ladder: pd.DataFrame, assignment: str) -> pd.DataFrame:
    """rungs.csv (COLUMNS and ``reason``): the ladder with a verdict on every rung.

    Taught in notebook 05.
    """
    if ladder.empty:
        return pd.DataFrame(columns=[*COLUMNS, "reason"])
    # Sets that differ at one rung with externals differ at all of them, seen there or not.
    externals = ladder["contrast"] != "member_vs_held_out"
    differ = bool((ladder.loc[externals, "control_p"] <= LEVEL).any())
    ladder = ladder.assign(control_elsewhere=externals & differ)
    pairs = [judge(rung, assignment) for _, rung in ladder.iterrows()]
    verdicts, reasons = zip(*pairs, strict=True)
    return ladder.assign(verdict=verdicts, reason=reasons)


def report_verdict(rungs: pd.DataFrame, assignment: str) -> dict:
    """The report's verdict from its judged rungs: ``verdict``, ``reason``, ``sentence``, ``rung``.

    The headline is the first of the four that any rung reaches; *no evidence* needs it at every
    powered rung. Among rungs with the headline the one with the largest gain speaks.

    Taught in notebook 05.
    """
    if rungs.empty:
        why = "no two roles are both present on the test split"
        return {
            "verdict": CANNOT, "reason": why, "sentence": _sentence(CANNOT, None), "rung": None,
            "proves": [], "does_not_prove": does_not_prove(CANNOT, assignment),
        }  # fmt: skip
    reached = set(rungs["verdict"])
    strong = rungs[[powered(m, n) for m, n in zip(rungs["m"], rungs["n"], strict=True)]]
    if NONE in reached and not (strong["verdict"] == NONE).all():
        reached.discard(NONE)
    verdict = next(v for v in ORDER if v in reached or v == CANNOT)
    speaking = rungs[rungs["verdict"] == verdict]
    if speaking.empty:
        speaking = rungs
    rung = speaking.loc[speaking["gain"].idxmax()]
    return {
        "verdict": verdict,
        "reason": rung["reason"],
        "sentence": _sentence(verdict, rung),
        "rung": {key: _plain(rung[key]) for key in COLUMNS},
        "proves": _proven(rungs),
        "does_not_prove": does_not_prove(verdict, assignment),
    }


def _proven(rungs: pd.DataFrame) -> list[str]:
    """A sentence for each contrast in which something is shown or explained: its clearest rung."""
    told = rungs[rungs["verdict"].isin([SHOWN, EXPLAINED])]
    clearest = told.groupby(["contrast", "verdict"], sort=False)["gain"].idxmax()
    return [_sentence(told.loc[row, "verdict"], told.loc[row]) for row in clearest]


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


def _control(rung: pd.Series) -> str:
    target, _, _ = rung["best_control"].partition(":")
    return CONTROL.get(target, target)


def _sentence(verdict: str, rung: pd.Series | None) -> str:
    if rung is None:
        return "This audit cannot tell whether the model was trained on these faces."
    who = f"{WITH_ACCESS[rung['access']]} one"
    photos = f", {rung['k']} photos of one person at a time" if rung["k"] > 1 else ""
    what = TOLD[rung["contrast"]] + photos
    figures = f"AUC {rung['auc']:.2f}, 95 % interval {rung['low']:.2f} to {rung['high']:.2f}"
    control = f"the best control, {_control(rung)}, reaches {rung['control_auc']:.2f}"
    if verdict == SHOWN:
        return f"Membership is shown. {who} can tell {what} ({figures}); {control}."
    if verdict == EXPLAINED:
        return (
            f"{who} can tell the two sets of images apart{photos} ({figures}), but {control}: the "
            "result cannot be told from the difference between the datasets."
        )
    if verdict == NONE:
        return (
            f"No evidence of membership. {who} cannot tell {what} ({figures}; an AUC above "
            f"{NOTHING_TO_SEE:.2f} is excluded); {control}."
        )
    return f"This audit cannot tell. {who} can try to tell {what} ({figures}); {control}."


def does_not_prove(verdict: str, assignment: str) -> list[str]:
    """What a reader must not conclude."""
    limits = [
        "It is about groups of images. The p-values of single images in tables/scores.parquet are "
        "not corrected for their number and accuse no one.",
        "It holds for these faces and this model; another database or model needs its own audit.",
        "One report is one look: rerunning with other seeds until something shows proves nothing.",
    ]
    if assignment == "random":
        limits.append(
            "The study drew the members and trained the model itself: it shows what can be "
            "detected, not that anybody's photographs were used without their knowledge."
        )
    if verdict == SHOWN and assignment == "observed":
        limits.append("Who is a member was stated by the scenario, not drawn by the study.")
    if verdict == EXPLAINED:
        limits.append("It does not say that the images were not used in training.")
    if verdict in (NONE, CANNOT):
        limits.append("Absence of evidence is not evidence that the images were not used.")
    return limits


def warnings(
    skipped: pd.DataFrame, attested_by: str, assignment: str, overrides: dict, hidden: bool = False
) -> list[str]:
    """What a reader of the verdict must know about how it came to be; without names if ``hidden``.

    Taught in notebook 05.
    """
    found = []
    if len(skipped):
        found.append(f"{len(skipped)} images could not be read and were left out.")
    if assignment == "observed":
        by = attested_by or "nobody that the scenario names"
        found.append(
            f"Who is a member was not drawn by chance; it is attested by: {by}. The two sides may "
            "differ in more than training."
        )
    if overrides:
        changed = ", ".join(f"{key} = {value}" for key, value in overrides.items())
        changed = f"in {len(overrides)} keys" if hidden else changed
        found.append(f"This run differs from the scenario's file: {changed}.")
    return found
