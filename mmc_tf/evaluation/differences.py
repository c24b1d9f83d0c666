"""Differences between two accuracies, on the same examples or on different ones, with their 95 % intervals."""

from __future__ import annotations

import math
from statistics import NormalDist

from mmc_tf.checks import check_number
from mmc_tf.evaluation.statistics import wilson_interval

_BISECTIONS = 60


def paired_interval(only_a: int, only_b: int, total: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Tango's score interval of the difference p_A - p_B of two proportions on the same examples.

    All Δ that the score test does not reject (Tango, Statistics in Medicine 17, 1998, Eq. 9 and 13):

        |b - c - nΔ| / sqrt(n(2 q(Δ) + Δ(1 - Δ))) <= z,
        q(Δ) = (sqrt(B² - 8nC) - B) / 4n,  B = (2n - b + c)Δ - b - c,  C = -cΔ(1 - Δ),

    q being the maximum-likelihood estimate of P(only B) given Δ. At Δ = 0 this is McNemar's test without
    correction. Unlike the interval of Wald it keeps its coverage where few examples differ, or none.

    Args:
        only_a: b, examples that count for A alone, >= 0.
        only_b: c, examples that count for B alone, >= 0.
        total: n, all examples, at least 1.
        confidence: probability that the interval covers the truth, in (0, 1).

    Returns:
        (low, high), both in [-1, 1].

    Raises:
        UserError: for counts below 0 or of more than `total` together.

    Example:
        >>> [round(bound, 3) for bound in paired_interval(0, 0, 100)]
        [-0.037, 0.037]
    """
    check_number("total", total, minimum=1, integer=True)
    check_number("only_a", only_a, minimum=0, maximum=total, integer=True)
    check_number("only_b", only_b, minimum=0, maximum=total - only_a, integer=True)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    middle = (only_a - only_b) / total

    def accepted(difference: float) -> bool:
        distance = (only_a - only_b - total * difference) ** 2
        return distance <= z * z * total * _variance(only_a, only_b, total, difference)

    def bound(end: float) -> float:
        inside, outside = middle, end
        for _ in range(_BISECTIONS):
            between = (inside + outside) / 2
            inside, outside = (between, outside) if accepted(between) else (inside, between)
        return inside

    return bound(-1.0), bound(1.0)


def _variance(b: int, c: int, n: int, difference: float) -> float:
    """n times the variance of the estimated difference, under the hypothesis of this one."""
    first = (2 * n - b + c) * difference - b - c
    last = -c * difference * (1 - difference)
    estimate = (math.sqrt(max(first * first - 8 * n * last, 0.0)) - first) / (4 * n)
    return max(2 * estimate + difference * (1 - difference), 0.0)


def unpaired_interval(
    successes_a: int, total_a: int, successes_b: int, total_b: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """The hybrid score interval of the difference p_A - p_B of two proportions on different examples.

        low = d - sqrt((p_A - l_A)² + (u_B - p_B)²),  high = d + sqrt((u_A - p_A)² + (p_B - l_B)²)

    with Wilson's bounds l and u (Newcombe, Statistics in Medicine 17, 1998, p. 873, method 10).

    Args:
        successes_a: how many examples of A count.
        total_a: number of examples of A.
        successes_b: how many examples of B count.
        total_b: number of examples of B.
        confidence: probability that the interval covers the truth, in (0, 1).

    Returns:
        (low, high), both in [-1, 1].

    Example:
        >>> [round(bound, 4) for bound in unpaired_interval(56, 70, 48, 80)]
        [0.0524, 0.3339]
    """
    low_a, high_a = wilson_interval(successes_a, total_a, confidence=confidence)
    low_b, high_b = wilson_interval(successes_b, total_b, confidence=confidence)
    share_a, share_b = successes_a / total_a, successes_b / total_b
    difference = share_a - share_b
    return (
        difference - math.hypot(share_a - low_a, high_b - share_b),
        difference + math.hypot(high_a - share_a, share_b - low_b),
    )


def mcnemar_p_value(only_a: int, only_b: int) -> float:
    """The two-sided p-value of McNemar's exact test that A and B are equally accurate.

    The probability, if each of the b + c examples that count for one alone were as likely to count for the other, of
    a split as uneven or more (McNemar 1947; exact: Binomial(b + c, 1/2)).

    Example:
        >>> mcnemar_p_value(5, 0)
        0.0625
    """
    if not only_a + only_b:
        return 1.0
    from scipy.stats import binomtest  # a second of importing that help need not wait for

    return float(binomtest(only_a, only_a + only_b, 0.5).pvalue)
