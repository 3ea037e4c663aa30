"""Exact tests for few persons, where a bootstrap would promise too much.

Everything is an AUC over *cells* (the images of one person, or of one person in one role):
``wins[i, j]`` counts how often an image of cell i scores above one of cell j, ties at half, and a
0/1 mask says which cells are called positive in a permutation.
"""

from itertools import combinations
from math import comb

import numpy as np
from scipy.stats import rankdata

MOST = 150_000  # permutations that are enumerated; beyond it they are drawn
BLOCK = 5_000  # permutations that are evaluated at once


def cell_wins(score: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(c, c) wins between cells 0..c-1 and the cells' sizes (c,); memory grows with n c."""
    order = np.argsort(score, kind="stable")
    members = np.eye(int(cell.max()) + 1, dtype=np.float32)[cell[order]]
    upto = np.vstack([np.zeros(members.shape[1], np.float32), np.cumsum(members, axis=0)])
    first, last = (np.searchsorted(score[order], score[order], side) for side in ("left", "right"))
    beaten = (upto[first] + upto[last]) / 2  # those strictly below, and half of the ties
    return members.T @ beaten, members.sum(0)


def cell_auc(wins, sizes, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """(R,) AUCs for R pairs of 0/1 masks over cells, each (R, c); taken in blocks."""
    blocks = []
    for start in range(0, len(positive), BLOCK):
        called = positive[start : start + BLOCK].astype(np.float32)
        others = negative[start : start + BLOCK].astype(np.float32)
        blocks.append(((called @ wins) * others).sum(1) / ((called @ sizes) * (others @ sizes)))
    return np.concatenate(blocks)


def label_p(score, identity, positive, seed: int = 0) -> float:
    """One-sided p for AUC <= 0.5 by permuting roles over persons, exactly where that is feasible.

    Persons on one side exchange their labels. Where persons are on both sides, each one's images
    exchange roles among themselves instead: swapping two parts of unequal size would bring the
    persons' own levels into the comparison.
    """
    wins, sizes, observed = _role_cells(score, identity, positive)
    if len(np.unique(identity)) < len(sizes):
        return _within_persons_p(score, identity, positive, seed)
    masks = _relabellings(observed, seed)
    reached = cell_auc(wins, sizes, masks, 1 - masks)
    actual = cell_auc(wins, sizes, observed[None], 1 - observed[None])[0]
    return float((reached >= actual - 1e-6).mean())


def gain_p(score, control, identity, positive, draws: int = 10_000, seed: int = 0) -> float:
    """One-sided p for AUC(score) - AUC(control) <= 0 by swapping the two within persons.

    Scores are ranked first, so that the two scales can be exchanged.
    """
    _, person = np.unique(identity, return_inverse=True)
    persons = person.max() + 1
    stacked = np.concatenate([rankdata(score), rankdata(control)])
    # Four kinds of cells a person: (score or control) x (positive or negative part).
    part = np.concatenate([person * 2 + positive, person * 2 + positive + 2 * persons])
    used, cell = np.unique(part, return_inverse=True)
    wins, sizes = cell_wins(stacked, cell)
    source, owner, is_positive = used // (2 * persons), used % (2 * persons) // 2, used % 2
    swap = np.random.default_rng(seed).random((draws, persons)) < 0.5
    swap[0] = False  # the observed arrangement counts, so p is never 0
    taken = swap[:, owner] == (source == 1)

    def auc_of(cells):
        return cell_auc(wins, sizes, cells & (is_positive == 1), cells & (is_positive == 0))

    gain = auc_of(taken) - auc_of(~taken)
    return float((gain >= gain[0] - 1e-6).mean())


def _role_cells(score, identity, positive):
    """Cells = (person, role); also which of them are positive, as 0/1."""
    _, person = np.unique(identity, return_inverse=True)
    used, cell = np.unique(person * 2 + positive, return_inverse=True)
    wins, sizes = cell_wins(np.asarray(score), cell)
    return wins, sizes, (used % 2).astype(np.int8)


def _relabellings(observed: np.ndarray, seed: int) -> np.ndarray:
    """All ways (or MOST random ones and the observed) to call as many persons positive."""
    persons, chosen = len(observed), int(observed.sum())
    if comb(persons, chosen) <= MOST:
        rows = np.array(list(combinations(range(persons), chosen)))
        masks = np.zeros((len(rows), persons), np.int8)
        np.put_along_axis(masks, rows, 1, axis=1)
        return masks
    rng = np.random.default_rng(seed)
    return np.vstack([observed[None], rng.permuted(np.tile(observed, (20_000, 1)), axis=1)])


def _within_persons_p(score, identity, positive, seed: int, blocks: int = 10) -> float:
    """Images of a person exchange roles among themselves; 1,000 random exchanges a block.

    The rank sum stands for the AUC. Persons on one side only have nothing to exchange.
    """
    _, person = np.unique(identity, return_inverse=True)
    order = np.argsort(person, kind="stable")
    ranks, person, labels = rankdata(score)[order], person[order], positive[order]
    actual, rng, reached = ranks[labels].sum(), np.random.default_rng(seed), 1
    for _ in range(blocks):
        shuffled = np.argsort(person + rng.random((1000, len(person))), axis=1)
        reached += (ranks[shuffled[:, labels]].sum(axis=1) >= actual - 1e-6).sum()
    return float(reached / (blocks * 1000 + 1))
