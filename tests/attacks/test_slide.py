"""SLIDE (specification, Section 12)."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from small_models import small_model

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exactly_robust, make_bed
from mmc_tf.attacks.judging import radius_limit
from mmc_tf.attacks.slide import project_l1, quantile_step
from mmc_tf.checks import UserError

EPSILON = 0.3


def robust_share(bed, name, **settings):
    attack = attacks.make(name, norm="l1", epsilon=EPSILON, **settings)
    return (~attack(bed, bed.images, bed.labels).success).mean()


def test_linear_bed():
    bed = make_bed(seed=2)
    exact = exactly_robust(bed, norm="l1", epsilon=EPSILON).mean()
    robust = robust_share(bed, "slide")
    assert exact <= robust <= exact + 0.04
    assert robust_share(bed, "pgd", num_steps=50) >= robust + 0.1
    assert exact <= robust_share(bed, "slide", step_size=0.05 * EPSILON, num_steps=50) <= exact + 0.04
    assert exact <= robust_share(bed, "slide", random_start=True, num_restarts=2) <= exact + 0.06


def test_logits_of_mmc_size_blind_cross_entropy_and_not_the_margin():
    factor = tf.Variable(1.0)
    bed = make_bed(seed=2, factor=factor)
    for objective in ("ce", "margin"):
        attack = attacks.make("slide", epsilon=EPSILON, objective=objective)
        factor.assign(1.0)
        plain = attack(bed, bed.images, bed.labels)
        factor.assign(3000.0)
        steep = attack(bed, bed.images, bed.labels)
        if objective == "ce":
            assert steep.zero_gradient.mean() > 0.9
            assert steep.success.mean() < plain.success.mean() - 0.15
        else:
            assert not steep.zero_gradient.any()
            np.testing.assert_array_equal(steep.success, plain.success)


def test_the_joint_projection_uses_more_of_the_radius():
    """Pixels near the walls: clipping to the box after the ball gives part of the radius away."""
    bed = make_bed(seed=1, size=48, shape=(4, 4, 3), low=0.9, num_classes=3)
    settings = {"epsilon": 3.0, "iterate": "last", "objective": "margin"}
    joint = attacks.make("slide", **settings)(bed, bed.images, bed.labels)
    in_turn = attacks.make("slide", joint_projection=False, **settings)(bed, bed.images, bed.labels)
    assert joint.distance.max() <= radius_limit(3.0, norm="l1")
    assert in_turn.distance.max() <= radius_limit(3.0, norm="l1")
    assert joint.distance.mean() > in_turn.distance.mean() + 0.1


def test_a_step_by_numbers():
    gradient = np.zeros((4, 1, 10, 1), np.float32)
    gradient[0, 0, :4, 0] = 3, -2, 2, 1
    gradient[1, 0, :2, 0] = 5, -4
    gradient[3] = -1
    for quantile, rows in (
        (0.99, [[0.6, 0, 0], [0.6, 0, 0], [0, 0, 0], [-0.06] * 3]),
        (0.8, [[0.2, -0.2, 0.2], [0.3, -0.3, 0], [0, 0, 0], [-0.06] * 3]),  # ties are kept
        (0.5, [[0.15, -0.15, 0.15], [0.3, -0.3, 0], [0, 0, 0], [-0.06] * 3]),  # zeros are not
    ):
        step = quantile_step(tf.constant(gradient), quantile=quantile, size=0.6).numpy()[:, 0, :, 0]
        np.testing.assert_allclose(step[:, :3], rows, rtol=1e-6)
        np.testing.assert_allclose(np.abs(step).sum(axis=1), [0.6, 0.6, 0, 0.6], rtol=1e-5)


def test_pixels_at_a_wall_are_passed_over():
    """The largest gradient points out of the box: the next one gets the whole step."""
    kernel = np.zeros((4, 2), np.float32)
    kernel[:, 1] = 4, -3, 2, 1

    def model(images):
        return tf.reshape(images, (-1, 4)) @ kernel + [8.0, 0.0]

    images = np.array([[1.0, 0.0, 0.5, 0.5]], np.float32).reshape(1, 2, 2, 1)
    attack = attacks.make("slide", epsilon=0.4, num_steps=1, step_size=0.3, iterate="last")
    result = attack(model, images, np.zeros(1, np.int32))
    np.testing.assert_allclose(result.adversarial.ravel(), [1.0, 0.0, 0.8, 0.5], rtol=1e-6)


def test_projection_on_the_l1_ball():
    found = project_l1(tf.constant([[0.9, -0.5, 0.2, 0.05], [0.3, 0.0, 0.0, -0.2]]), epsilon=1.0)
    np.testing.assert_allclose(found, [[0.7, -0.3, 0, 0], [0.3, 0, 0, -0.2]], atol=1e-6)


def test_objective_by_head_and_defaults():
    attack = attacks.make("slide", epsilon=12.0)
    assert attack.choose_objective(small_model("mmc").layers[-1]) == "margin"
    assert attack.choose_objective(small_model("dense").layers[-1]) == "ce"
    assert attacks.make("slide", epsilon=12.0, adaptive=False).choose_objective(None) == "ce"
    settings = attack.settings()
    assert (settings["step_size"], settings["num_steps"]) == (pytest.approx(2.4), 10)
    assert (settings["quantile"], settings["joint_projection"], settings["random_start"]) == (
        0.99,
        True,
        False,
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quantile": 1.0}, "`quantile`. Expected a number < 1. Received: quantile=1.0"),
        ({"quantile": -0.1}, "`quantile`. Expected a number >= 0"),
        ({"joint_projection": 2}, "`joint_projection`. Expected True or False"),
        ({"norm": "l2"}, "`norm`. Expected one of l1 for the attack slide"),
        ({"step_size": 0.0}, "`step_size`. Expected a number > 0"),
        ({"num_restarts": 2}, "`num_restarts`. Expected 1 without random starts"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make("slide", epsilon=1.0, **settings)
