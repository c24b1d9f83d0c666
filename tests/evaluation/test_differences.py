import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from mmc_tf.checks import UserError
from mmc_tf.evaluation.differences import mcnemar_p_value, paired_interval, unpaired_interval

Z = norm.ppf(0.975)


def score(b, c, n, difference):
    """The score statistic, P(only B) under the hypothesis found by maximizing the likelihood numerically."""

    def loss(q):
        terms = ((b, q + difference), (c, q), (n - b - c, 1 - 2 * q - difference))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in terms if count)

    low, high = max(0, -difference), (1 - difference) / 2
    q = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
    return (b - c - n * difference) / math.sqrt(n * (2 * q + difference * (1 - difference)))


@pytest.mark.parametrize(("b", "c", "n"), [(40, 20, 160), (3, 1, 50), (20, 40, 160), (1, 0, 30), (7, 7, 15)])
def test_the_paired_interval_ends_where_the_score_test_rejects(b, c, n):
    low, high = paired_interval(b, c, n)
    assert low < (b - c) / n < high
    assert score(b, c, n, low) == pytest.approx(Z, rel=1e-3)
    assert score(b, c, n, high) == pytest.approx(-Z, rel=1e-3)


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_paired_intervals_in_closed_form(n):
    # Nobody differs: nΔ/(1 - Δ) = z². All count for A alone: the mirror image at the other end.
    assert paired_interval(0, 0, n) == pytest.approx((-(Z**2) / (n + Z**2), Z**2 / (n + Z**2)))
    low, high = paired_interval(n, 0, n)
    assert high == 1.0
    assert -1 <= low < 1
    assert paired_interval(0, n, n) == pytest.approx((-high, -low))


def test_paired_intervals_cover_the_truth():
    random, truth = np.random.default_rng(0), 0.04
    draws = random.multinomial(80, [0.06, 0.02, 0.92], size=2000)
    bounds = {}
    for b, c, _ in draws.tolist():
        bounds.setdefault((b, c), paired_interval(b, c, 80))
    covered = np.mean([low <= truth <= high for low, high in (bounds[b, c] for b, c, _ in draws.tolist())])
    assert 0.93 <= covered <= 0.98


def test_the_unpaired_interval_of_newcombe_s_table():
    # Newcombe 1998, p. 873, Table II: 56/70 against 48/80, and 9/10 against 3/10, method 10.
    assert unpaired_interval(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert unpaired_interval(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)


def test_mcnemar_s_p_value_by_hand():
    assert mcnemar_p_value(0, 0) == mcnemar_p_value(4, 4) == 1.0
    assert mcnemar_p_value(6, 0) == mcnemar_p_value(0, 6) == pytest.approx(2 / 2**6)
    assert mcnemar_p_value(8, 2) == pytest.approx(2 * (1 + 10 + 45) / 2**10)


@pytest.mark.parametrize("counts", [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(UserError):
        paired_interval(*counts)
