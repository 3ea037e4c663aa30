"""Figures of merit of membership scores, weighted or not. Larger scores mean likelier members."""

import numpy as np

FPRS = {"tpr_at_5pct_fpr": 0.05, "tpr_at_1pct_fpr": 0.01, "tpr_at_0.1pct_fpr": 0.001}


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties at half; NaN without both sides.

    >>> auc(np.array([3.0, 1.0, 2.0]), np.array([True, False, False]))
    1.0
    """
    return float(SortedScores(score, positive).auc()[0])


class SortedScores:
    """Scores sorted once; every resample of them is then a matter of counting.

    ``weights`` in the methods is (B, n): how often each image is counted in each of B resamples
    (default: once, B = 1). Ties stand together.
    """

    def __init__(self, score: np.ndarray, positive: np.ndarray):
        score, positive = np.asarray(score), np.asarray(positive, bool)
        if not np.isfinite(score).all():
            raise ValueError(f"{int((~np.isfinite(score)).sum())} scores are not finite numbers")
        self.order = np.argsort(score, kind="stable")
        ordered = score[self.order]
        self.starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        self.values = ordered[self.starts]
        self.positive = positive[self.order].astype(np.float32)

    def _counts(self, weights: np.ndarray | None):
        """Positives and negatives at each distinct score, ascending: two (B, g) arrays."""
        if weights is None:
            weights = np.ones((1, len(self.order)), np.float32)
        weights = weights[:, self.order].astype(np.float32)
        positives = np.add.reduceat(weights * self.positive, self.starts, axis=1)
        return positives, np.add.reduceat(weights, self.starts, axis=1) - positives

    def auc(self, weights: np.ndarray | None = None) -> np.ndarray:
        """(B,) AUCs."""
        return self._auc(*self._counts(weights))

    @staticmethod
    def _auc(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
        below = np.cumsum(negatives, axis=1, dtype=np.float64) - negatives / 2
        total = positives.sum(1, dtype=np.float64) * negatives.sum(1, dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (positives * below).sum(1) / total

    def ranking_metrics(self, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """``auc`` and the TPR at each FPR of FPRS, read off the ROC without interpolation."""
        positives, negatives = self._counts(weights)
        out = {"auc": self._auc(positives, negatives)}
        tpr, fpr = (_share_from_the_top(counts) for counts in (positives, negatives))
        for name, most in FPRS.items():
            out[name] = np.where(fpr <= most, tpr, 0).max(axis=1)
        return out

    def roc(self, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """False- and true-positive rates (B, g + 1), from (0, 0) to (1, 1)."""
        positives, negatives = self._counts(weights)
        rates = (_share_from_the_top(counts)[:, ::-1] for counts in (negatives, positives))
        fpr, tpr = (np.pad(rate, ((0, 0), (1, 0))) for rate in rates)
        return fpr, tpr


def _share_from_the_top(counts: np.ndarray) -> np.ndarray:
    """Share of the total at or above each score; column 0 is the lowest score, where it is 1."""
    from_top = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    return from_top / np.maximum(from_top[:, :1], 1e-12)


def share(flag: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """(B,) weighted share of images for which ``flag`` holds."""
    if weights is None:
        weights = np.ones((1, len(flag)), np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights @ flag.astype(np.float32)) / weights.sum(1)


def best_threshold(score: np.ndarray, positive: np.ndarray) -> float:
    """The score from which on calling "member" gives the best balanced accuracy."""
    ordered = SortedScores(score, positive)
    fpr, tpr = ordered.roc()
    # Column k of the ROC calls the k highest distinct scores members.
    called = int(np.argmax(tpr[0] - fpr[0]))
    return np.inf if called == 0 else float(ordered.values[-called])
