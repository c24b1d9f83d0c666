"""Figures drawn from counts and distances: Wilson's interval, and the spread of the distances."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from mmc_tf.checks import argument_error, check_number


def wilson_interval(successes: int, total: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a proportion p = successes / total.

        (p + z²/2n ± z sqrt(p(1 - p)/n + z²/4n²)) / (1 + z²/n)        (Wilson 1927)

    Unlike p ± z·sqrt(p(1 - p)/n) it does not shrink to a point at 0 and 1, where robust accuracies live.

    Args:
        successes: how many of the examples count, 0 to `total`.
        total: number of examples, at least 1.
        confidence: probability that the interval covers the truth, in (0, 1).

    Returns:
        (low, high), both in [0, 1].

    Raises:
        UserError: if `successes` is not in [0, total], or `total` is 0.

    Example:
        >>> [round(bound, 4) for bound in wilson_interval(0, 100)]
        [0.0, 0.037]
    """
    check_number("total", total, minimum=1, integer=True)
    check_number("successes", successes, minimum=0, maximum=total, integer=True)
    if not 0 < confidence < 1:
        raise argument_error("confidence", "a number in (0, 1)", confidence)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / total
    center = share + z * z / (2 * total)
    half_width = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    # Rounding leaves 1e-18 instead of 0 at the ends; the interval must contain the share itself.
    low = 0.0 if successes == 0 else (center - half_width) / scale
    high = 1.0 if successes == total else (center + half_width) / scale
    return low, high


def summarize_distances(distances: np.ndarray) -> dict[str, float] | None:
    """Mean, median and quartiles of the distances of broken examples.

    Args:
        distances: float (N,), in the attack's norm, only of examples that were broken.

    Returns:
        `{"mean", "median", "lower_quartile", "upper_quartile"}`, or None when nothing was broken.

    Example:
        >>> summarize_distances(np.array([1.0, 2.0, 3.0, 4.0, 10.0]))["median"]
        3.0
    """
    distances = np.asarray(distances, np.float64)
    if distances.size == 0:
        return None
    lower, median, upper = np.quantile(distances, [0.25, 0.5, 0.75])
    return {
        "mean": float(distances.mean()),
        "median": float(median),
        "lower_quartile": float(lower),
        "upper_quartile": float(upper),
    }
