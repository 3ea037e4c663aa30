"""What a choice shows: pure look-ups in the material, in two parts that change apart."""

from dataclasses import dataclass

import numpy as np

from mint_utils.choices import not_a_choice
from mint_utils.evidence.metrics import SortedScores, share
from mint_utils.evidence.thresholds import ppv, upper_bound
from mint_utils.explorer.material import Material

PRIORS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5)  # of being a member, before the test
CALLED_AT = 0.05  # the part of calibrate externals above the threshold one starts with


@dataclass(frozen=True)
class Shown:
    """What stands on one side: one image of a person, or (``image`` None) all of them together."""

    identity: str
    image: str | None = None


@dataclass(frozen=True)
class Choice:
    """What the reader has chosen. ``twin`` is the control whose maps stand beneath."""

    tap: str
    channel: int
    member: Shown
    external: Shown
    threshold: float
    prior: float = 0.01
    twin: str | None = None

    @property
    def shown(self) -> tuple[Shown, Shown]:
        return self.member, self.external


@dataclass(frozen=True)
class Pictures:
    """Faces and maps of both sides. ``maps`` has (2, h, w) a target, or why there are none."""

    roles: tuple[str, str]
    titles: tuple[str, str]
    faces: tuple[list, list]  # up to four (s, s, 3) a side, None where a photograph is not here
    maps: dict[str, np.ndarray | str]
    tap: str
    channel: int


@dataclass(frozen=True)
class Values:
    """One channel over all images, and what a threshold on it would do on test.

    ``values`` and ``role`` are of all images, ``marked`` those of the images shown. Rates are of
    test images; ``fpr_upper`` is the one-sided 95 % bound over persons, which ``ppv`` uses.
    """

    roles: tuple[str, str]
    tap: str
    channel: int
    values: np.ndarray
    role: np.ndarray
    marked: tuple[np.ndarray, np.ndarray]
    threshold: float
    members_above: bool
    roc: tuple[np.ndarray, np.ndarray]  # false- and true-positive rates
    auc: float
    tpr: float
    fpr: float
    fpr_upper: float
    prior: float
    ppv: float
    effect: float
    q: float


def default_choice(material: Material) -> Choice:
    """The channel with the largest effect on fit persons, and of each side the middle image.

    Taught in notebook 06.
    """
    best = material.channels.iloc[0]
    tap, channel = str(best["tap"]), int(best["channel"])
    shown = [_middle(material, tap, channel, side) for side in (0, 1)]
    twins = material.twins()
    threshold = default_threshold(material, tap, channel)
    return Choice(tap, channel, *shown, threshold, twin=twins[0] if twins else None)


def default_threshold(material: Material, tap: str, channel: int) -> float:
    """What 5 % of calibrate externals reach, where there are any; else the middle of all."""
    values = _values(material, tap, channel)
    known = values[material.on_side(1, "calibrate")]
    if not len(known):
        return float(np.median(values))
    above = channel_test(material, tap, channel)["effect"] >= 0
    return float(np.quantile(known, 1 - CALLED_AT if above else CALLED_AT))


def channel_test(material: Material, tap: str, channel: int) -> dict:
    """The row of ``material.channels`` for one channel."""
    table = material.channels
    return table[(table["tap"] == tap) & (table["channel"] == channel)].iloc[0].to_dict()


def look(material: Material, choice: Choice) -> Pictures:
    """Faces and maps. ValueError for a tap, channel, person or image that is not there.

    Taught in notebook 06.
    """
    _values(material, choice.tap, choice.channel)
    images = [_images(material, side, choice.shown[side]) for side in (0, 1)]
    rows = [[material.row_of[image] for image in some] for some in images]
    targets = ["audited", *([choice.twin] if choice.twin else [])]
    titles = tuple(_title(one, len(some)) for one, some in zip(choice.shown, images, strict=True))
    return Pictures(
        material.sides, titles,
        tuple([material.face(row) for row in some[:4]] for some in rows),
        {target: _maps(material, target, choice, rows) for target in targets},
        choice.tap, choice.channel,
    )  # fmt: skip


def weigh(material: Material, choice: Choice) -> Values:
    """The channel over all images, the ROC on test, and what the threshold costs there.

    Taught in notebook 06.
    """
    values = _values(material, choice.tap, choice.channel)
    test = channel_test(material, choice.tap, choice.channel)
    members_above = bool(test["effect"] >= 0)
    positive, negative = (material.on_side(side, "test") for side in (0, 1))
    score = values if members_above else -values
    asked = positive | negative
    ordered = SortedScores(score[asked], positive[asked])
    called = score >= (choice.threshold if members_above else -choice.threshold)
    tpr, fpr = (float(share(called[some])[0]) for some in (positive, negative))
    upper = _fpr_upper(material, called[negative], fpr)
    rows = [
        [material.row_of[image] for image in _images(material, side, choice.shown[side])]
        for side in (0, 1)
    ]
    false_rates, true_rates = (rates[0] for rates in ordered.roc())
    return Values(
        material.sides, choice.tap, choice.channel, values,
        material.faces.table["role"].to_numpy(), tuple(values[some] for some in rows),
        choice.threshold, members_above, (false_rates, true_rates), float(ordered.auc()[0]),
        tpr, fpr, upper, choice.prior, ppv(choice.prior, tpr, upper), test["effect"], test["q"],
    )  # fmt: skip


def in_words(values: Values) -> str:
    """What the threshold does, in a sentence or two.

    Taught in notebook 06.
    """
    where = "at or above" if values.members_above else "at or below"
    tpr, fpr, most = (
        f"{100 * rate:.0f}\u00a0%" for rate in (values.tpr, values.fpr, values.fpr_upper)
    )
    said = (
        f"Whoever is {where} {values.threshold:.3g} is called a member: on test {tpr} of members "
        f"are found, {fpr} of externals are accused (95\u00a0% bound: {most})."
    )
    if not np.isfinite(values.ppv):
        return said
    return (
        f"{said} If {100 * values.prior:g}\u00a0% of those asked are members, a yes is right in "
        f"{100 * values.ppv:.2g}\u00a0% of cases."
    )


def channel_in_words(material: Material, tap: str, channel: int) -> str:
    """What the test of a channel says, and how many of its tap are discoveries."""
    test, table = channel_test(material, tap, channel), material.channels
    found = int(table.loc[table["tap"] == tap, "discovery"].sum())
    of = int((table["tap"] == tap).sum())
    told = "a discovery" if test["discovery"] else "no discovery"
    return (
        f"d = {test['effect']:+.2f}, q = {test['q']:.2g}: {told}. "
        f"{found} of the {of} channels of {tap} are, at 5 % false ones."
    )


def _values(material: Material, tap: str, channel: int) -> np.ndarray:
    values = material.vector(tap)
    if not 0 <= channel < values.shape[1]:
        raise ValueError(f"{tap} has channels 0 to {values.shape[1] - 1}, not {channel}")
    return values[:, channel]


def _middle(material: Material, tap: str, channel: int, side: int) -> Shown:
    rows = np.flatnonzero(material.on_side(side) & material.audited.mapped)
    if not len(rows):
        raise ValueError(f"no maps are kept of any {material.sides[side]}: raise detectors.samples")
    row = rows[np.argsort(_values(material, tap, channel)[rows], kind="stable")[len(rows) // 2]]
    image = material.faces.table.iloc[row]
    return Shown(image["identity"], image["image_id"])


def _images(material: Material, side: int, shown: Shown) -> list[str]:
    images = material.photographs(side, shown.identity)
    if not images:
        raise ValueError(not_a_choice(material.sides[side], shown.identity, material.persons(side)))
    if shown.image is not None and shown.image not in images:
        raise ValueError(not_a_choice("image", shown.image, images))
    return images if shown.image is None else [shown.image]


def _title(shown: Shown, images: int) -> str:
    if shown.image is None:
        return f"{shown.identity} ({images})"
    return shown.image.rpartition("/")[2]


def _maps(material: Material, target: str, choice: Choice, rows: list) -> np.ndarray | str:
    """(2, h, w), the mean over each side's images, or why there are none."""
    if not material.show_faces:
        return "hidden, as are faces: this is what the scenario says"
    if target not in material.targets:
        return material.missing.get(target, f"{target} was not recorded")
    if choice.tap not in material.targets[target].taps:
        return f"{target} has no tap {choice.tap}"
    found = [
        np.mean([material.maps(target, choice.tap, row) for row in some], axis=0) for some in rows
    ]
    if choice.channel >= len(found[0]):
        return f"{target} has no channel {choice.channel} at {choice.tap}"
    return np.stack([maps[choice.channel] for maps in found])


def _fpr_upper(material: Material, accused: np.ndarray, fpr: float) -> float:
    code, weights = material.strangers
    images = np.bincount(code, minlength=weights.shape[1]).astype(np.float32)
    wrong = np.bincount(code, weights=accused, minlength=weights.shape[1]).astype(np.float32)
    return upper_bound(fpr, (weights @ wrong) / (weights @ images), weights.shape[1])
