"""Are the rungs' p-values as small as they say, and no smaller? Without any effect, that is.

Draws scores of clustered persons with nothing in them, for a detector and a control that look at
the same pictures, and computes the two p-values of a rung as the ladder does: AUC against chance,
and gain over the control. Student's t on a bootstrap's deviation is an approximation, and Holm
over some 35 rungs asks of it p-values of about 0.001. Writes p_values.csv and p_values.md.
"""

import argparse
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from pages import markdown, processor_minutes, shares_told
from tqdm import tqdm

from mint_utils.evidence.bootstrap import one_sided_p, person_weights
from mint_utils.evidence.metrics import SortedScores, auc
from mint_utils.evidence.permutation import gain_p, label_p
from mint_utils.evidence.rungs import FEW_PERSONS

LEVELS = (0.05, 0.005, 0.001)
PERSONS = (10, 20, 40, 80)  # a side; the first by permutation
UNITS = ("images", "images of the same persons", "albums")
ABOUT = """# Are the p-values of a rung what they say?

Shares of null rungs whose p-value is at most a level, for the AUC (against chance) and for the gain
over a control that sees the same pictures; 95 % intervals in brackets. 5 to 20 photos a person, two
photos of a person correlated by 0.1 to 0.6; an album is one score a person. "Same persons": a
quarter of each person's photos against the others. Below {few} persons p-values come from
permutation, else from Student's t with the bootstrap's deviation. A rung's own p is the larger of
the two.

`python benchmarks/p_values.py` on {day}, seed {seed}, {resamples} resamples, {minutes:.0f} minutes
of one processor.
"""


def null_images(units: str, persons: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Person number and side of every image (or album)."""
    sides = 1 if units == "images of the same persons" else 2
    photos = rng.integers(5, 21, size=sides * persons)
    if units == "albums":
        photos[:] = 1
    identity = np.repeat(np.arange(len(photos)), photos)
    if sides == 1:
        return identity, np.concatenate([np.arange(n) >= max(1, round(n / 4)) for n in photos])
    return identity, identity < persons


def null_scores(identity: np.ndarray, rng) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a detector and of a control, correlated because they see the same pictures."""
    within_person, same_pictures = rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.5)

    def level(units: int) -> np.ndarray:
        shared = np.sqrt(same_pictures) * rng.normal(size=(units, 1))
        return shared + np.sqrt(1 - same_pictures) * rng.normal(size=(units, 2))

    persons = level(identity.max() + 1)[identity]
    score = np.sqrt(within_person) * persons + np.sqrt(1 - within_person) * level(len(identity))
    return score[:, 0], score[:, 1]


def null_p(units: str, persons: int, resamples: int, rng) -> tuple[float, float]:
    """p of the AUC and of the gain, as mint_utils.evidence.rungs computes them."""
    identity, positive = null_images(units, persons, rng)
    score, control = null_scores(identity, rng)
    if persons < FEW_PERSONS:
        return label_p(score, identity, positive), gain_p(score, control, identity, positive)
    weights = person_weights(identity, positive, resamples, int(rng.integers(2**31)))
    point, other = auc(score, positive), auc(control, positive)
    resampled = SortedScores(score, positive).auc(weights)
    gain = resampled - SortedScores(control, positive).auc(weights)
    return (
        one_sided_p(point, resampled, 0.5, persons),
        one_sided_p(point - other, gain, 0.0, persons),
    )


def shares(units: str, persons: int, p: np.ndarray) -> list[dict]:
    """Rows of p_values.csv for draws (n, 2) of the two p-values."""
    rows = []
    for name, values in zip(("AUC", "gain"), p.T, strict=True):
        hits = {level: int((values <= level).sum()) for level in LEVELS}
        rows.append(
            {"statistic": name, "units": units, "persons": persons, "draws": len(values)}
            | {f"at_{level}": hits[level] for level in LEVELS}
        )
    return rows


def page(table: pd.DataFrame, **how) -> str:
    """p_values.md."""
    about = ABOUT.format(few=FEW_PERSONS, day=date.today(), **how)
    return f"{about}\n{markdown(shares_told(table))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000, help="a row; four times that of albums")
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write")
    asked = parser.parse_args()
    rows = []
    cells = [(units, persons) for units in UNITS for persons in PERSONS]
    for place, (units, persons) in enumerate(tqdm(cells, unit="row")):
        rng = np.random.default_rng([asked.seed, place])
        # Permutation is slow; a bootstrap of albums is fast and the more doubtful.
        draws = asked.draws // 4 if persons < FEW_PERSONS else asked.draws
        draws *= 4 if units == "albums" else 1
        p = [null_p(units, persons, asked.resamples, rng) for _ in range(draws)]
        rows += shares(units, persons, np.array(p))
    table = pd.DataFrame(rows).sort_values("statistic", kind="stable", ignore_index=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(asked.out / "p_values.csv", index=False)
    how = {"seed": asked.seed, "resamples": asked.resamples, "minutes": processor_minutes()}
    text = page(table, **how)
    (asked.out / "p_values.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
