"""Which worlds the benchmark draws its audits from, fixed before any of them was audited.

Null audits, where "membership shown" is a false alarm, in equal numbers:

1. assignment at random, 40 to 150 persons a side, no effect at all;
2. the same with small numbers, 10 to 30 persons a side: at most ten of them on test, where exact
   permutation replaces the bootstrap;
3. assignment observed, 20 to 150 persons a side, the two sets alike;
4. assignment observed, the two *sets* differ and nobody was trained on: the controls see a d' of
   0.3 to 1.5, the audited model the same times a factor of 1 to 3, in every contrast with
   externals. The detector is a better eye than the blind controls.

Outside that count, because the rule is known not to be safe there: a difference between observed
sets that the controls hardly see (AUC 0.55) and the audited model sees very well (d' = 2).

Power: assignment at random, training adds to one access level what gives a single image the AUC
named, for members against externals; unseen photos of member persons gain half of that.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from simulated_audit import World

TEST_SHARE = 0.35  # of the persons, as scenarios have it
FAINT, PLAIN = 0.55, 2.0  # the stress: AUC of the controls, d' of the audited model
STRESS_PERSONS = (30, 60, 120)  # a side of test
POWER_PERSONS = (20, 40, 80, 160)  # a side of test
POWER_AUCS = (0.55, 0.60, 0.65, 0.70, 0.80, 0.90)  # of one image
PLANTED_AT = ("outcome", "activations", "head_blind")


@dataclass(frozen=True)
class Cell:
    """A row of the table: so many audits of worlds that ``draw`` draws."""

    table: str  # false alarms, stress or power
    name: str
    persons: str  # a side, in words: of all splits for nulls, of test for the others
    audits: int
    draw: Callable[[np.random.Generator], World]
    auc: float = np.nan  # planted


def null_cells(audits: int) -> list[Cell]:
    """The four families of the docstring, ``audits`` in each."""

    def random(low: int, high: int):
        return lambda rng: World(int(rng.integers(low, high + 1)))

    def alike(rng) -> World:
        return World(int(rng.integers(20, 151)), "observed")

    def different(rng) -> World:
        seen = rng.uniform(0.3, 1.5)
        return World(int(rng.integers(20, 151)), "observed", seen, seen * rng.uniform(1, 3))

    return [
        Cell("false alarms", "random, nothing learned", "40 to 150", audits, random(40, 150)),
        Cell("false alarms", "random, small numbers", "10 to 30", audits, random(10, 30)),
        Cell("false alarms", "observed, sets alike", "20 to 150", audits, alike),
        Cell("false alarms", "observed, sets differ", "20 to 150", audits, different),
    ]


def stress_cells(audits: int) -> list[Cell]:
    """A control that is nearly blind beside a detector that is not, at three sizes."""

    def faint(persons: int):
        return lambda rng: World(_all_persons(persons), "observed", d_prime(FAINT), PLAIN)

    name = "observed, sets differ, faint controls"
    return [Cell("stress", name, f"{n} on test", audits, faint(n)) for n in STRESS_PERSONS]


def power_cells(audits: int) -> list[Cell]:
    """Effects of six sizes at four numbers of persons."""

    def planted(persons: int, auc: float):
        return lambda rng: World(
            _all_persons(persons), planted=d_prime(auc), planted_at=str(rng.choice(PLANTED_AT))
        )

    return [
        Cell("power", f"AUC {auc:.2f}", f"{n} on test", audits, planted(n, auc), auc)
        for n in POWER_PERSONS
        for auc in POWER_AUCS
    ]


def d_prime(auc: float) -> float:
    """The difference of two normal means, in deviations, that gives an AUC."""
    return float(np.sqrt(2) * norm.ppf(auc))


def _all_persons(on_test: int) -> int:
    return round(on_test / TEST_SHARE)
