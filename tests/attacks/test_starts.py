"""Random starts and targets: their laws, and that they depend on (seed, index, restart) alone."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from mmc_tf.attacks.projections import measure
from mmc_tf.attacks.starts import random_start, random_targets, uniform_in_ball
from mmc_tf.checks import UserError

SHAPE = (2, 3, 1)


@tf.function(reduce_retracing=True)
def _draw(indices, seed, stream, norm):
    return uniform_in_ball(SHAPE, indices, norm=norm, epsilon=0.5, seed=seed, stream=stream)


def draw(norm, indices, *, seed=0, stream=0):
    return _draw(tf.constant(indices), tf.constant(seed), tf.constant(stream), norm).numpy()


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_uniform_in_the_ball(norm):
    points = draw(norm, range(4000))
    # Uniform in a D-dimensional ball of any norm: (‖u‖/ε)^D is uniform in [0, 1], every orthant as likely.
    volumes = (measure(points, norm=norm) / 0.5) ** 6
    assert stats.kstest(volumes, "uniform").pvalue > 1e-3
    orthants = ((points.reshape(4000, 6) > 0) * 2 ** np.arange(6)).sum(axis=1)
    assert stats.chisquare(np.bincount(orthants, minlength=64)).pvalue > 1e-3


def test_the_coordinates_of_the_linf_start_are_uniform():
    points = draw("linf", range(1000))
    assert stats.kstest(points.ravel() + 0.5, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_draws_belong_to_the_example(norm):
    together = draw(norm, [5, 7, 11, 13])
    np.testing.assert_array_equal(draw(norm, [13, 5]), together[[3, 0]])
    np.testing.assert_array_equal(draw(norm, [11]), together[[2]])


def test_draws_differ_by_seed_index_and_restart():
    plain = draw("linf", [3])
    others = [
        draw("linf", [4]),
        draw("linf", [3], seed=1),
        draw("linf", [3], stream=1),
        draw("linf", [0], seed=3),
    ]
    assert all(np.abs(plain - other).max() > 0.05 for other in others)


def test_starts_stay_in_box_and_ball():
    images = tf.constant(np.random.default_rng(0).uniform(size=(50, *SHAPE)), tf.float32)
    for norm in ("linf", "l2", "l1"):
        start = random_start(images, tf.range(50), norm=norm, epsilon=tf.constant(0.5), seed=0).numpy()
        assert start.min() >= 0
        assert start.max() <= 1
        assert measure(start - images, norm=norm).max() <= 0.5 + 1e-6


def test_targets_are_uniform_over_the_wrong_classes():
    labels = np.full(6000, 3)
    targets = random_targets(labels, 5, indices=np.arange(6000), seed=0).numpy()
    counts = np.bincount(targets, minlength=5)
    assert counts[3] == 0
    assert stats.chisquare(counts[[0, 1, 2, 4]]).pvalue > 1e-3

    with_true = random_targets(labels, 5, indices=np.arange(6000), seed=0, include_true=True).numpy()
    assert stats.chisquare(np.bincount(with_true, minlength=5)).pvalue > 1e-3


def test_targets_belong_to_the_example():
    labels = np.array([0, 1, 2, 3] * 5)
    targets = random_targets(labels, 10, indices=np.arange(20), seed=4).numpy()
    some = [17, 3, 8]
    np.testing.assert_array_equal(random_targets(labels[some], 10, indices=some, seed=4), targets[some])
    assert (targets != labels).all()


def test_one_class_leaves_no_target():
    with pytest.raises(UserError, match=r"`targeted`.*two classes or more"):
        random_targets(np.zeros(2), 1, indices=np.arange(2), seed=0)
