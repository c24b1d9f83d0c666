import numpy as np
import pytest
from scipy.special import logsumexp

from mmc_tf.evaluation.runner_up import comparable, lse_gap, other_scores


@pytest.mark.parametrize(("kept", "expected"), [(1, np.log(9)), (3, np.log(3)), (9, 0.0)])
def test_equal_scores_are_as_far_as_they_can_be(kept, expected):
    assert lse_gap(np.full((2, 10), 7.0), np.array([0, 9]), kept=kept) == pytest.approx([expected] * 2)


def test_one_other_class_is_the_maximum():
    assert lse_gap(np.array([[3.0, -1.0]]), np.array([0])) == [0.0]


def test_the_true_class_does_not_count():
    logits = np.random.default_rng(0).normal(size=(50, 6)) * 3
    labels = np.arange(50) % 6
    others = np.array([np.delete(row, label) for row, label in zip(logits, labels, strict=True)])
    assert lse_gap(logits, labels) == pytest.approx(logsumexp(others, axis=1) - others.max(axis=1))
    assert np.array_equal(other_scores(logits, labels), -np.sort(-others, axis=1))


def test_a_constant_changes_nothing_where_logits_are_large():
    logits = np.array([[-1e5, -1e5 - 1.0, -1e5 - 2.0]])
    assert lse_gap(logits, np.array([0])) == pytest.approx([np.log1p(np.exp(-1.0))])


def test_comparable_by_hand():
    first, second = np.array([4.9, 5.0, 1.0, -1.0]), np.array([1.0, 1.0, -0.5, -2.0])
    assert comparable(first, second, factor=5.0).tolist() == [True, False, False, False]
