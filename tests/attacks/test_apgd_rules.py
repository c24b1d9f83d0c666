"""The rules of APGD: starts, checkpoints, step sizes, sparse steps (specification, Sections 13.1 and 13.4)."""

from __future__ import annotations

import apgd_by_hand
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks.apgd_climb import MomentumRule, StepMemory, set_out
from mmc_tf.attacks.apgd_l1 import SparseRule, SupportMemory, sparse_step
from mmc_tf.attacks.judging import radius_limit

ONE = tf.constant(1)


@pytest.mark.parametrize("start", ["linf", "l2", "l1"])
def test_starts(start):
    images = tf.fill((5, 4, 4, 3), 0.5)
    if start == "l1":
        rule = SparseRule(images, epsilon=0.2, num_steps=ONE)
    else:
        rule = MomentumRule(images, norm=start, epsilon=0.2, num_steps=ONE)
    point = rule.enter(rule.start(tf.range(5), seed=0, stream=0))
    order = {"linf": np.inf, "l2": 2, "l1": 1}[start]
    lengths = np.linalg.norm((point - images).numpy().reshape(5, -1), order, axis=1)
    np.testing.assert_allclose(lengths, 0.2, rtol=1e-5)


def periods(rule, num_steps):
    found, period = [], rule.first_period()
    while sum(found) + int(period) <= num_steps:
        found.append(int(period))
        period = rule.next_period(period)
    return np.cumsum(found).tolist()


def test_checkpoints():
    images = tf.zeros((1, 2, 2, 1))

    def stops(num_steps):
        return periods(MomentumRule(images, norm="linf", epsilon=0.1, num_steps=num_steps), num_steps)

    assert stops(tf.constant(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert stops(tf.constant(1)) == [1]
    assert stops(tf.constant(10)) == [2, 3, 4, 5, 6, 7, 8, 9, 10] == apgd_by_hand.checkpoints(10)
    sparse = [
        periods(SparseRule(images, epsilon=0.1, num_steps=tf.constant(n)), n)[:3] for n in (100, 30, 40)
    ]
    assert sparse == [[4, 8, 12], [1, 2, 3], [1, 2, 3]]


def test_when_a_step_is_halved():
    """Conditions (i) and (ii): rises of 20, (halved before?), (best improved?)."""
    cases = [
        (15, True, True, True),  # at most 75 %
        (16, True, True, False),
        (16, True, False, False),  # halved last time: one more period
        (16, False, False, True),
        (16, False, True, False),
        (15, False, True, True),
    ]
    rises, halved, improved, expected = map(list, zip(*cases, strict=True))
    size = len(cases)
    images = tf.zeros((size, 1, 1, 1))
    rule = MomentumRule(images, norm="linf", epsilon=0.5, num_steps=tf.constant(100))
    best = tf.fill((size,), 2.0)
    climb = set_out(images + 0.1)._replace(
        best_point=images + 0.3, best_gradient=images + 5.0, best_value=best, rises=tf.constant(rises)
    )
    memory = StepMemory(tf.ones(size), tf.constant(halved), tf.where(improved, 1.0, 2.0))
    climb, memory = rule.review(climb, memory, tf.constant(20))
    np.testing.assert_array_equal(memory.halved, expected)
    np.testing.assert_array_equal(memory.step_size, np.where(expected, 0.5, 1.0))
    np.testing.assert_allclose(climb.point[:, 0, 0, 0], np.where(expected, 0.3, 0.1))
    np.testing.assert_allclose(climb.previous[:, 0, 0, 0], 0.1)
    np.testing.assert_allclose(climb.gradient[:, 0, 0, 0], np.where(expected, 5.0, 0.0))
    np.testing.assert_array_equal(climb.rises, 0)
    np.testing.assert_array_equal(memory.best_value, best)


def test_how_sparse_the_next_steps_are():
    images = tf.zeros((3, 2, 3, 2))  # D = 12
    best = np.zeros((3, 12), np.float32)
    best[0, :9], best[1, :10], best[2, :10] = 0.1, 0.1, 0.1
    rule = SparseRule(images, epsilon=0.5, num_steps=tf.constant(100))
    climb = set_out(images)._replace(best_point=tf.reshape(best, images.shape))
    memory = SupportMemory(tf.constant([0.3, 0.3, 0.06]), tf.fill((3,), 3), tf.constant([10, 10, 10]))
    climb, memory = rule.review(climb, memory, tf.constant(4))
    # 9 of 10 is below .95, 10 of 10 is not.
    np.testing.assert_allclose(memory.step_size, [0.5, 0.2, 0.05], rtol=1e-6)
    np.testing.assert_array_equal(memory.number, [6, 7, 7])
    np.testing.assert_array_equal(memory.support, [9, 10, 10])
    assert float(tf.reduce_sum(climb.point[0])) == pytest.approx(0.9)
    assert not climb.point.numpy()[1:].any()


def test_a_sparse_step_by_numbers():
    gradient = tf.reshape(tf.constant([[0.1, -3.0, 0.0, 2.0, 2.0, -0.5]] * 3), (3, 1, 6, 1))
    step = sparse_step(gradient, number=tf.constant([1, 2, 6]), size=tf.fill((3,), 0.6))
    expected = [[0, -0.6, 0, 0, 0, 0], [0, -0.2, 0, 0.2, 0.2, 0], [0.12, -0.12, 0, 0.12, 0.12, -0.12]]
    np.testing.assert_allclose(step.numpy().reshape(3, 6), expected, rtol=1e-6)
    nothing = sparse_step(tf.zeros((1, 1, 6, 1)), number=tf.constant([2]), size=tf.constant([0.6]))
    np.testing.assert_array_equal(nothing, 0)


@pytest.mark.parametrize("epsilon", [0.05, 0.3, 12.0])
def test_every_l1_iterate_is_within_ball_and_box(epsilon):
    """U1 after rounding, at CIFAR's size, from dense starts."""
    generator = np.random.default_rng(0)
    images = generator.uniform(0, 1, (8, 32, 32, 3)).astype(np.float32)
    rule = SparseRule(tf.constant(images), epsilon=epsilon, num_steps=tf.constant(10))
    climb = set_out(rule.enter(rule.start(tf.range(8), seed=0, stream=0)))
    memory = rule.begin(climb.point)
    for k in range(6):
        point = climb.point.numpy()
        length = np.abs(point.astype(np.float64) - images).sum(axis=(1, 2, 3))
        assert length.max() <= radius_limit(epsilon, norm="l1")
        assert length.min() >= 0.99 * epsilon
        assert point.min() >= 0
        assert point.max() <= 1
        climb = climb.see(
            tf.fill((8,), float(k)), tf.constant(generator.normal(size=images.shape), tf.float32)
        )
        memory = memory._replace(number=tf.fill((8,), 300 * k))
        climb = climb.go(rule.step(climb, memory, tf.constant(k == 0)))
