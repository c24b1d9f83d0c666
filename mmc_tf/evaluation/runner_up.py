"""How far log Σ_{l≠y} exp(h_l) is from the runner-up alone, which stands for it in the MMC paper (Eq. 6)."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp


def other_scores(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The scores of all classes but the true one, the largest first: (N, L), (N,) -> (N, L − 1).

    Example:
        >>> other_scores(np.array([[1.0, 5.0, 3.0]]), np.array([1]))
        array([[3., 1.]])
    """
    scores = np.asarray(scores, np.float64)
    wrong = np.arange(scores.shape[1]) != np.asarray(labels)[:, None]
    return -np.sort(-scores[wrong].reshape(len(scores), -1), axis=1)


def lse_gap(logits: np.ndarray, labels: np.ndarray, *, kept: int = 1) -> np.ndarray:
    """log Σ_{l≠y} exp(h_l) − log Σ_{l in the `kept` largest of them} exp(h_l), in [0, log((L − 1)/kept)].

    Args:
        logits: h (N, L).
        labels: y int (N,).
        kept: 1: what the paper keeps, max_{l≠y} h_l.

    Returns:
        (N,) float64.
    """
    others = other_scores(logits, labels)
    return np.maximum(logsumexp(others, axis=1) - logsumexp(others[:, :kept], axis=1), 0.0)


def comparable(first: np.ndarray, second: np.ndarray, *, factor: float) -> np.ndarray:
    """Whether first < factor · second, for scores first >= second; False where the second is not positive.

    Args:
        first: any shape.
        second: likewise.
        factor: > 1.
    """
    return (np.asarray(second) > 0) & (np.asarray(first) < factor * np.asarray(second))
