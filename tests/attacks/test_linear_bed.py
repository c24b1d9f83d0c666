"""Attacks against exact answers on linear classifiers (specification, Section 2.1)."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exactly_robust, largest_gain, make_bed

RADII = {"linf": 0.006, "l2": 0.07, "l1": 0.3}


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_exact_solver_against_a_general_one(norm):
    generator = np.random.default_rng(0)
    w, x = generator.normal(size=6), generator.uniform(size=6)
    power = {"linf": 12, "l2": 2, "l1": 1}[norm]
    limits = {"linf": 0.3, "l2": 0.6, "l1": 0.9}
    # δ = up - down with both parts in their capacities makes all three constraints smooth.
    capacity = np.concatenate([1 - x, x])
    if norm == "linf":
        capacity = np.minimum(capacity, limits[norm])
    constraint = (
        []
        if norm == "linf"
        else [
            {"type": "ineq", "fun": lambda d: limits[norm] ** power - (d[:6] ** power + d[6:] ** power).sum()}
        ]
    )
    found = minimize(
        lambda d: -w @ (d[:6] - d[6:]),
        np.full(12, 0.01),
        bounds=[(0, c) for c in capacity],
        constraints=constraint,
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert largest_gain(w, x, norm=norm, epsilon=limits[norm]) == pytest.approx(-found.fun, abs=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["fgsm", "bim", "mim", "pgd"])
def test_two_classes_are_exact_in_linf(name, seed):
    bed = make_bed(seed=seed, num_classes=2)
    exact = exactly_robust(bed, norm="linf", epsilon=0.04)
    result = attacks.make(name, epsilon=0.04)(bed, bed.images, bed.labels)
    assert 0.2 < exact.mean() < 0.95
    np.testing.assert_array_equal(~result.success, exact)


@pytest.mark.parametrize("objective", ["ce", "margin"])
def test_pgd_is_exact_in_linf(objective):
    bed = make_bed()
    exact = exactly_robust(bed, norm="linf", epsilon=RADII["linf"]).mean()
    attack = attacks.make("pgd", epsilon=RADII["linf"], num_steps=10, num_restarts=3, objective=objective)
    result = attack(bed, bed.images, bed.labels)
    assert (~result.success).mean() == pytest.approx(exact, abs=0.008)


def test_pgd_is_within_two_points_in_l2():
    bed = make_bed()
    exact = exactly_robust(bed, norm="l2", epsilon=RADII["l2"]).mean()
    attack = attacks.make("pgd", norm="l2", epsilon=RADII["l2"], num_steps=50)
    robust = (~attack(bed, bed.images, bed.labels).success).mean()
    assert exact <= robust <= exact + 0.02


def test_dense_l1_is_weak():
    bed = make_bed()
    exact = exactly_robust(bed, norm="l1", epsilon=RADII["l1"]).mean()
    attack = attacks.make("pgd", norm="l1", epsilon=RADII["l1"], num_steps=50)
    robust = (~attack(bed, bed.images, bed.labels).success).mean()
    assert exact + 0.1 <= robust <= exact + 0.25


def test_one_step_of_bim_is_fgsm_bit_for_bit():
    bed = make_bed()
    for norm, epsilon in (("linf", 8 / 255), ("l2", 0.5)):
        settings = {"norm": norm, "epsilon": epsilon, "objective": "margin"}
        fgsm = attacks.make("fgsm", **settings)(bed, bed.images, bed.labels)
        bim = attacks.make("bim", num_steps=1, step_size=epsilon, **settings)(bed, bed.images, bed.labels)
        np.testing.assert_array_equal(bim.adversarial, fgsm.adversarial)


def test_bim_moves_no_faster_than_its_steps():
    bed = make_bed()
    for steps in (1, 3, 7):
        attack = attacks.make("bim", epsilon=0.02, step_size=0.004, num_steps=steps, iterate="last")
        result = attack(bed, bed.images, bed.labels)
        assert result.distance.max() <= min(0.02, steps * 0.004) + 1e-6


@pytest.mark.parametrize("num_classes", [2, 10])
def test_momentum_without_memory_is_bim_bit_for_bit(num_classes):
    bed = make_bed(num_classes=num_classes)
    settings = {"epsilon": 0.01, "num_steps": 10, "iterate": "last", "objective": "margin"}
    bim = attacks.make("bim", **settings)(bed, bed.images, bed.labels)
    mim = attacks.make("mim", decay=0.0, **settings)(bed, bed.images, bed.labels)
    np.testing.assert_array_equal(mim.adversarial, bim.adversarial)
    if num_classes == 2:
        mim = attacks.make("mim", **settings)(bed, bed.images, bed.labels)
        np.testing.assert_array_equal(mim.adversarial, bim.adversarial)


@pytest.mark.parametrize("name", ["fgsm", "bim", "mim", "pgd"])
def test_logits_of_mmc_size_blind_cross_entropy_and_nothing_else(name):
    """The cheapest test that an attack copes with MMC-scale logits: the same classifier, times 3,000."""
    factor = tf.Variable(1.0)
    bed = make_bed(factor=factor)
    ranked = np.sort(bed.logits)
    gaps = ranked[:, -1] - ranked[:, -2]
    for objective in ("ce", "margin", "dlr") if name == "pgd" else ("ce", "margin"):
        attack = attacks.make(name, epsilon=RADII["linf"], objective=objective)
        factor.assign(1.0)
        plain = attack(bed, bed.images, bed.labels)
        factor.assign(3000.0)
        steep = attack(bed, bed.images, bed.labels)
        lost = steep.misclassified.mean() - plain.misclassified.mean()
        assert not plain.zero_gradient.any()
        if objective == "ce":
            assert lost <= -0.1
            # TensorFlow flushes what is below 1.2e-38, the softmax at a gap of 87.3.
            np.testing.assert_array_equal(steep.zero_gradient, 3000 * gaps > 87.4)
            assert steep.zero_gradient.mean() > 0.7
        else:
            assert abs(lost) <= 0.008
            assert not steep.zero_gradient.any()


def test_moderate_scaling_changes_nothing_for_cross_entropy():
    factor = tf.Variable(1.0)
    bed = make_bed(factor=factor)
    exact = exactly_robust(bed, norm="linf", epsilon=RADII["linf"]).mean()
    for value in (1.0, 10.0):
        factor.assign(value)
        attack = attacks.make("pgd", epsilon=RADII["linf"], objective="ce")
        result = attack(bed, bed.images, bed.labels)
        assert (~result.success).mean() == pytest.approx(exact, abs=0.03)
