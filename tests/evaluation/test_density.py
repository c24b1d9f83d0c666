import math

import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.evaluation.density import (
    GSCEContours,
    MMCContours,
    estimate_density,
    log_ball_volume,
    log_density,
    log_shell_volume,
    log_sphere_area,
)


def contours(**changes):
    settings = {
        "sigma": 0.65,
        "other_sigma": 0.5,
        "mean": np.array([2.0, 0.0, 1.0]),
        "other_mean": np.array([-1.0, 0.5, 0.0]),
        "bias": 0.3,
        "other_bias": -0.2,
    }
    return GSCEContours(**{**settings, **changes})


@pytest.mark.parametrize(
    ("dimension", "volume", "area"),
    [(1, 2 * 3, 2), (2, 9 * np.pi, 6 * np.pi), (3, 36 * np.pi, 36 * np.pi)],
)
def test_balls_and_spheres_of_radius_3_are_those_of_school(dimension, volume, area):
    assert np.exp(log_ball_volume(np.array(9.0), dimension)) == pytest.approx(volume)
    assert np.exp(log_sphere_area(np.array(9.0), dimension)) == pytest.approx(area)


def test_a_shell_from_the_middle_is_the_ball_and_shells_add_up():
    inner, outer = log_shell_volume(np.array([0.0, 4.0]), np.array([4.0, 9.0]), 5)
    whole = log_ball_volume(np.array(9.0), 5)
    assert inner == pytest.approx(float(log_ball_volume(np.array(4.0), 5)))
    assert np.logaddexp(inner, outer) == pytest.approx(float(whole))
    assert log_shell_volume(np.array([9.0]), np.array([4.0]), 5) == pytest.approx(outer)


def test_256_dimensions_do_not_overflow():
    loss = np.geomspace(1e-3, 1e5, 9)
    radii = MMCContours().squared_radius(loss)
    assert np.isfinite(log_shell_volume(radii[:-1], radii[1:], 256)).all()
    assert np.isfinite(log_density(loss, MMCContours(), dimension=256, losses=np.array([1.0, 3.0]))).all()


@pytest.mark.parametrize("dimension", [2, 3, 7])
def test_theorem_2_is_its_printed_formula(dimension):
    losses = np.array([1.0, 2.0, 6.0])
    mean, deviation = losses.mean(), losses.std()
    for loss in (0.5, 2.0, 5.0):
        # Eq. 16 over Eq. 18.
        normal = math.exp(-0.5 * ((loss - mean) / deviation) ** 2) / math.sqrt(2 * math.pi)
        volume = 2 ** ((dimension + 1) / 2) * math.pi ** (dimension / 2) * loss ** ((dimension - 1) / 2)
        expected = len(losses) * normal / deviation / (volume / math.gamma(dimension / 2))
        found = log_density(np.array(loss), MMCContours(), dimension=dimension, losses=losses)
        assert np.exp(found) == pytest.approx(expected)


@pytest.mark.parametrize("case", [{}, {"sigma": 0.4}])
def test_theorem_1s_spheres_have_the_loss_they_are_named_after(case):
    each = contours(**case)
    direction = np.array([0.6, 0.0, 0.8])
    for loss in (1.05 * each.limit, 0.5 * each.limit):
        if each.squared_radius(loss) == 0:
            continue
        z = each.center + np.sqrt(each.squared_radius(loss)) * direction
        own = -each.sigma * np.sum((z - each.mean) ** 2) + each.bias
        other = -each.other_sigma * np.sum((z - each.other_mean) ** 2) + each.other_bias
        assert np.logaddexp(0, other - own) == pytest.approx(loss)


def test_no_loss_is_below_the_limit_for_a_larger_sigma_and_none_above_it_for_a_smaller_one():
    larger, smaller = contours(), contours(sigma=0.4)
    assert larger.squared_radius(0.99 * larger.limit) == 0 < larger.squared_radius(1.01 * larger.limit)
    assert smaller.squared_radius(1.01 * smaller.limit) == 0 < smaller.squared_radius(0.99 * smaller.limit)
    # The radius grows without end as the loss goes to zero (Section 3.2): O(|log C|).
    radii = smaller.squared_radius(np.array([1e-10, 1e-20]))
    assert np.diff(radii) == pytest.approx(10 * np.log(10) / 0.1, rel=1e-6)


@pytest.mark.parametrize("each", [MMCContours(), contours(sigma=0.4), contours()])
def test_thickness_makes_a_thin_shell_of_an_area(each):
    loss, more, dimension = 4.0, 4.0 + 1e-6, 6
    radii = each.squared_radius(np.array([loss, more]))
    exact = log_shell_volume(radii[:1], radii[1:], dimension)[0]
    thin = log_sphere_area(radii[0], dimension) + each.log_thickness(loss) + np.log(more - loss)
    assert exact == pytest.approx(float(thin), abs=1e-4)


def test_equal_sigmas_have_no_spheres():
    with pytest.raises(UserError, match="other_sigma"):
        contours(other_sigma=0.65)


def test_the_density_of_a_full_ball_is_the_same_in_every_shell():
    generator = np.random.default_rng(0)
    dimension, count, radius = 5, 40_000, 2.0
    direction = generator.standard_normal((count, dimension))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    z = radius * generator.random((count, 1)) ** (1 / dimension) * direction
    losses = 0.5 * (z**2).sum(axis=1)
    found = estimate_density(losses, MMCContours(), dimension=dimension, num_shells=8)
    assert found.count.sum() == count
    everywhere = np.log(count) - log_ball_volume(np.array(radius**2), dimension)
    assert found.log_density == pytest.approx(np.full(8, everywhere), abs=0.05)


def test_a_normal_cloud_has_a_normal_density():
    generator = np.random.default_rng(1)
    dimension, count = 4, 40_000
    losses = 0.5 * (generator.standard_normal((count, dimension)) ** 2).sum(axis=1)
    found = estimate_density(losses, MMCContours(), dimension=dimension, num_shells=20)
    expected = np.log(count) - 0.5 * dimension * np.log(2 * np.pi) - found.loss
    # The first and the last shell are wide.
    assert found.log_density[2:-2] == pytest.approx(expected[2:-2], abs=0.08)
