"""Steps and projections against worked numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize

from mmc_tf.attacks.judging import is_valid, is_within, radius_limit
from mmc_tf.attacks.projections import add_inwards, measure, project_ball, project_l1_and_box
from mmc_tf.attacks.steps import dense_step, move, rescale, steepest_step
from mmc_tf.checks import UserError


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        ("linf", [0.25, -0.25, 0.2, 0.05]),
        ("l2", [0.216, -0.12, 0.048, 0.012]),
        ("l1", [0.1363636, -0.0757576, 0.030303, 0.0075758]),
    ],
)
def test_projection(norm, expected):
    delta = tf.constant([[0.9, -0.5, 0.2, 0.05]])
    size = float(np.linalg.norm([0.9, -0.5, 0.2, 0.05]))
    if norm == "l2":
        expected = np.array([0.9, -0.5, 0.2, 0.05]) * 0.25 / size
    np.testing.assert_allclose(
        project_ball(delta, norm=norm, epsilon=tf.constant(0.25))[0], expected, atol=1e-6
    )


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_projection_keeps_what_is_inside(norm):
    delta = tf.constant([[0.02, -0.01, 0.0, 0.005]])
    np.testing.assert_array_equal(project_ball(delta, norm=norm, epsilon=tf.constant(0.05)), delta)


def test_measure():
    delta = np.array([[0.3, -0.4, 0.0]])
    assert [measure(delta, norm=n)[0] for n in ("linf", "l2", "l1")] == pytest.approx([0.4, 0.5, 0.7])
    with pytest.raises(UserError, match="l1, l2, linf"):
        measure(delta, norm="l3")


@pytest.mark.parametrize("scale", [1e-37, 1e-20, 1e-7, 1.0, 1e30])
def test_unit_steps_whatever_the_size_of_the_gradient(scale):
    gradient = tf.constant([[3.0, -4.0, 0.0]]) * scale
    step = steepest_step(gradient, norm="l2", size=tf.constant(1.0))
    np.testing.assert_allclose(step, [[0.6, -0.8, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(steepest_step(gradient, norm="l1", size=tf.constant(1.0)), [[0.0, -1.0, 0.0]])
    np.testing.assert_allclose(
        dense_step(gradient, norm="l1", size=tf.constant(1.0)), [[3 / 7, -4 / 7, 0.0]], rtol=1e-6
    )


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_no_step_along_a_zero_gradient(norm):
    zero = tf.zeros((1, 3))
    for rule in (steepest_step, dense_step):
        np.testing.assert_array_equal(rule(zero, norm=norm, size=tf.constant(1.0)), zero)
    np.testing.assert_array_equal(rescale(zero), zero)


def test_order_of_ball_and_box():
    clean, step = tf.constant([[0.9, 0.5]]), tf.constant([[0.3, 0.4]])
    settings = {"clean": clean, "norm": "l2", "epsilon": tf.constant(0.25)}
    # Ball first: (.3, .4) shrinks to (.15, .2), then the box cuts .05 away.
    np.testing.assert_allclose(move(clean, step, **settings), [[1.0, 0.7]], atol=1e-6)
    # Box first: (.1, .4) has length .412 and shrinks by .25/.412.
    factor = 0.25 / np.hypot(0.1, 0.4)
    expected = [[0.9 + 0.1 * factor, 0.5 + 0.4 * factor]]
    np.testing.assert_allclose(move(clean, step, box_first=True, **settings), expected, atol=1e-6)


def test_slack_of_the_radius():
    assert radius_limit(8 / 255, norm="linf") == 8 / 255 + 1e-7
    assert radius_limit(2.0, norm="l2") == 2 * (1 + 1e-6) + 1e-6


def test_invalid_images_are_recognised():
    images = np.full((6, 2, 2, 1), 0.5, np.float32)
    images[1, 0, 0, 0], images[2, 0, 0, 0], images[3, 0, 0, 0] = 1.0000001, -1e-9, np.nan
    distance = np.array([0.1, 0.1, 0.1, np.nan, 0.2, 0.1])
    valid = is_valid(images, distance)
    np.testing.assert_array_equal(valid, [True, False, False, False, True, True])
    within = is_within(distance, norm="linf", epsilon=0.1)
    np.testing.assert_array_equal(within, [True, True, True, False, False, True])
    assert is_within(distance, norm="linf", epsilon=None).all()


def test_the_least_change_into_l1_ball_and_box():
    """Specification, Section 2.2."""
    image = np.array([[0.95, 0.3, 0.5, 0.02]], np.float32)
    step = np.array([[0.4, -0.5, 0.2, -0.3]], np.float32)
    for radius, expected in ((0.6, [0.05, -0.3, 0.2, -0.02]), (0.4, [0.05, -0.3, 0.03, -0.02])):
        found = project_l1_and_box(step, image, epsilon=tf.constant(radius)).numpy()[0]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    roomy = np.array([[0.1, 0.6, 0.1, 0.1]], np.float32)
    far = np.array([[0.9, -0.5, 0.2, 0.05]], np.float32)
    np.testing.assert_allclose(project_l1_and_box(far, roomy, epsilon=1.0)[0], [0.7, -0.3, 0, 0], atol=1e-6)


def test_l1_ball_and_box_against_a_general_solver():
    generator = np.random.default_rng(0)
    x, u = generator.uniform(size=(2, 5)), generator.normal(0, 0.5, size=(2, 5))
    radii = tf.constant([0.4, 0.9])
    found = project_l1_and_box(u.astype(np.float32), x.astype(np.float32), epsilon=radii[:, None]).numpy()
    for row, radius in enumerate(radii.numpy()):
        best = minimize(
            lambda d, row=row: ((d[:5] - d[5:] - u[row]) ** 2).sum(),
            np.full(10, 0.01),
            bounds=[(0, c) for c in np.concatenate([1 - x[row], x[row]])],
            constraints=[{"type": "ineq", "fun": lambda d, r=radius: r - d.sum()}],
            method="SLSQP",
        ).x
        np.testing.assert_allclose(found[row], best[:5] - best[5:], atol=2e-4)
        assert np.abs(found[row]).sum() <= radius + 1e-6


def test_rounding_never_leads_away():
    generator = np.random.default_rng(0)
    images = generator.uniform(0, 1, (4, 1000)).astype(np.float32)
    images[0, :10], images[1, :10] = 0, 1
    delta = (generator.normal(size=images.shape) * 10.0 ** generator.uniform(-9, 0, images.shape)).astype(
        np.float32
    )
    moved = add_inwards(tf.constant(images), tf.constant(delta)).numpy()
    done = moved.astype(np.float64) - images
    assert (np.abs(done) <= np.abs(delta) * (1 + 1e-6)).all()
    inside = (images + delta > 0) & (images + delta < 1)
    np.testing.assert_allclose(done[inside], delta[inside], atol=3e-7)
    assert (done * delta >= 0).all()


@pytest.mark.parametrize("epsilon", [1 / 255, 0.3, 12.0])
def test_dense_steps_in_l1_stay_within_the_radius_after_rounding(epsilon):
    generator = np.random.default_rng(0)
    images = generator.uniform(0.1, 0.9, (8, 32, 32, 3)).astype(np.float32)
    step = dense_step(
        generator.normal(size=images.shape).astype(np.float32), norm="l1", size=tf.constant(2 * epsilon)
    )
    settings = {"clean": tf.constant(images), "norm": "l1", "epsilon": tf.constant(epsilon)}
    moved = move(tf.constant(images), step, box_first=True, **settings).numpy()
    reached = measure(moved.astype(np.float64) - images, norm="l1")
    assert (reached <= radius_limit(epsilon, norm="l1")).all()
    # Pixels have 24 bits: a perturbation of 1e-6 a pixel is lost by a thirtieth of itself.
    assert (reached >= 0.96 * epsilon).all()
