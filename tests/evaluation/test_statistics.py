import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.evaluation.statistics import summarize_distances, wilson_interval


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", Table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_equals_published_values(successes, total, low, high):
    assert wilson_interval(successes, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("successes", "total"), [(0, 1), (3, 7), (500, 1000), (9999, 10000)])
def test_wilson_interval_mirrors_and_holds_the_share(successes, total):
    low, high = wilson_interval(successes, total)
    mirrored = wilson_interval(total - successes, total)
    assert (low, high) == pytest.approx((1 - mirrored[1], 1 - mirrored[0]), abs=1e-12)
    assert 0 <= low <= successes / total <= high <= 1


def test_wilson_interval_solves_its_equation():
    # Its ends are the p at which |p - successes / total| is z standard errors of p itself.
    low, high = wilson_interval(30, 100, confidence=0.99)
    for end in (low, high):
        assert abs(end - 0.3) / np.sqrt(end * (1 - end) / 100) == pytest.approx(2.5758293, rel=1e-6)


@pytest.mark.parametrize(("successes", "total"), [(1, 0), (-1, 5), (6, 5), (1.5, 5)])
def test_wilson_interval_refuses_impossible_counts(successes, total):
    with pytest.raises(UserError, match="Received"):
        wilson_interval(successes, total)


def test_wilson_interval_refuses_certainty():
    with pytest.raises(UserError, match="confidence"):
        wilson_interval(1, 2, confidence=1.0)


def test_distances_by_hand():
    assert summarize_distances(np.array([4.0, 1.0, 2.0, 3.0, 10.0], np.float32)) == {
        "mean": 4.0,
        "median": 3.0,
        "lower_quartile": 2.0,
        "upper_quartile": 4.0,
    }
    assert summarize_distances(np.array([])) is None
