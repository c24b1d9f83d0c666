"""What every attack of the registry promises (universal checks U1 to U7 of the specification)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from small_models import predictions, small_images, small_model
from traits import CASES, FIXED, JUDGED, RADII, TARGETED, TRAITS, build, on_both_heads, parameters

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exactly_robust, make_bed
from mmc_tf.attacks.judging import radius_limit
from mmc_tf.attacks.projections import measure

BED = make_bed(shape=(6, 6, 2), size=24, num_classes=4)
LINF_CASES = [name for name, norm in CASES if norm == "linf"]
SMALL = {"linf": 0.03, "l2": 0.1, "l1": 0.3}  # for the linear classifier


@pytest.fixture(scope="module", params=["dense", "mmc"])
def model(request):
    return small_model(request.param)


@pytest.fixture(scope="module")
def images():
    values = small_images()
    # Pixels on the walls of the box, where clipping matters.
    values[::2] = np.round(values[::2] * 4) / 4
    return values


def attack_bed(attack, bed=BED, **settings):
    return attack(bed, bed.images, bed.labels, **settings)


def test_every_attack_has_traits():
    assert set(TRAITS) == set(attacks.names())


@pytest.mark.parametrize(("model", "name", "norm"), on_both_heads(CASES), indirect=["model"])
def test_ball_box_verdict_and_batches(name, norm, model, images):
    """U1 and U3, on both kinds of head and with the objective that fits the head."""
    labels = predictions(model, images)
    fixed = (name, norm) in FIXED
    attack = build(name, norm, objective=None, epsilon=SMALL[norm] if fixed else None)
    result = attack(model, images, labels, seed=5)

    assert np.isfinite(result.adversarial).all()
    assert result.adversarial.min() >= 0
    assert result.adversarial.max() <= 1
    distance = measure(result.adversarial - images, norm=norm)
    np.testing.assert_allclose(result.distance, distance, rtol=1e-5, atol=1e-7)
    if fixed:
        assert distance.max() <= radius_limit(attack.epsilon, norm=norm)

    np.testing.assert_array_equal(result.prediction, predictions(model, result.adversarial))
    np.testing.assert_array_equal(result.success, result.prediction != labels)
    assert result.success.any() or not TRAITS[name].breaks_box
    assert not fixed or result.success.mean() < 1

    order = np.random.default_rng(0).permutation(len(images))[:8]
    alone = attack(model, images[order], labels[order], indices=order, seed=5)
    np.testing.assert_allclose(alone.adversarial, result.adversarial[order], atol=1e-6)
    np.testing.assert_array_equal(alone.success, result.success[order])
    np.testing.assert_array_equal(alone.queries, result.queries[order])


@pytest.mark.parametrize("epsilon", [1 / 255, 1.0])
@pytest.mark.parametrize(("name", "norm"), parameters(FIXED))
def test_small_and_large_radii(name, norm, epsilon):
    """U1 where rounding and the box matter most."""
    result = attack_bed(build(name, norm, epsilon=epsilon))
    distance = measure(result.adversarial - BED.images, norm=norm)
    assert distance.max() <= radius_limit(epsilon, norm=norm)
    assert result.adversarial.min() >= 0
    assert result.adversarial.max() <= 1


@pytest.mark.parametrize(("name", "norm"), parameters(FIXED))
def test_radius_zero_returns_the_input(name, norm):
    """U2."""
    result = attack_bed(build(name, norm, epsilon=0.0))
    np.testing.assert_array_equal(result.adversarial, BED.images)
    assert not result.success.any()
    assert not result.distance.any()


@pytest.mark.parametrize(("name", "norm"), parameters(CASES))
def test_what_the_logits_may_do_without_changing_anything(name, norm):
    """U4 and U5: a constant on all logits of an example, a factor, and another order of the classes."""
    order = np.arange(4) if TRAITS[name].own_classes else np.array([2, 0, 3, 1])

    def disguised(x):
        shift = 500 * tf.sin(50 * tf.reduce_mean(tf.stop_gradient(x), axis=[1, 2, 3]))[:, None]
        return tf.gather(factor * BED(x) + shift, order, axis=1)

    factor = 10.0 if TRAITS[name].scale_free else 1.0
    attack = build(name, norm)
    plain = attack_bed(attack)
    other = attack(disguised, BED.images, np.argsort(order)[BED.labels])
    np.testing.assert_allclose(other.adversarial, plain.adversarial, atol=TRAITS[name].rounding)
    np.testing.assert_array_equal(other.success, plain.success)
    np.testing.assert_array_equal(order[other.prediction], plain.prediction)


@pytest.mark.parametrize("name", ["apgd_ce", "cw", "deepfool", "fab_t", "pgd", "spsa"])
def test_logits_of_another_precision_are_taken_as_float32(name):
    norm = attacks.get(name).norms[0]

    def double(x):
        return tf.cast(BED(x), tf.float64)

    attack = build(name, norm)
    plain, other = attack_bed(attack), attack(double, BED.images, BED.labels)
    np.testing.assert_array_equal(other.adversarial, plain.adversarial)
    np.testing.assert_array_equal(other.queries, plain.queries)


@pytest.mark.parametrize("name", LINF_CASES)
def test_stronger_settings_break_more(name):
    """U6."""
    bed = make_bed(seed=1, shape=(6, 6, 2), num_classes=4)
    radii = [0.002, 0.01, 0.03, 1.0] if (name, "linf") in FIXED else []
    broken = [attack_bed(build(name, "linf", epsilon=e), bed).success.mean() for e in radii]
    broken_by_steps = [
        attack_bed(build(name, "linf", epsilon=0.01, **more), bed).success.mean()
        for more in TRAITS[name].adds_steps
    ]
    for shares in (broken, broken_by_steps):
        assert all(after >= before - 0.02 for before, after in itertools.pairwise(shares))
    if radii and TRAITS[name].breaks_box:
        assert 1 - broken[-1] <= 1 / 4


@pytest.mark.parametrize(("name", "norm"), parameters(JUDGED))
def test_nothing_breaks_that_is_exactly_robust(name, norm):
    """U7."""
    for epsilon in (SMALL[norm], 2 * SMALL[norm]):
        result = attack_bed(build(name, norm, epsilon=epsilon))
        robust = exactly_robust(BED, norm=norm, epsilon=epsilon)
        assert 0 < robust.sum() < len(robust)
        assert not (result.success & robust).any()


@pytest.mark.parametrize(("name", "norm"), parameters(CASES))
def test_the_seed_matters_if_and_only_if_there_is_chance(name, norm):
    # Steps too short to end in a corner of the ball from anywhere.
    radius = TRAITS[name].chance_radius * SMALL[norm]
    attack = build(name, norm, epsilon=radius, step_size=SMALL[norm] / 20)
    one, two = (attack_bed(attack, seed=seed).adversarial for seed in (1, 2))
    assert (one == attack_bed(attack, seed=1).adversarial).all()
    assert bool(np.any(one != two)) == TRAITS[name].random


@pytest.mark.parametrize(("name", "norm"), parameters(CASES))
def test_new_numbers_cost_no_new_trace(name, norm):
    calls = []

    def counted(x):
        if not tf.executing_eagerly():  # the look before an attack is no trace
            calls.append(tuple(x.shape))
        return BED(x)

    def run(targeted=False, **settings):
        attack = build(name, norm, targeted=targeted, **settings)
        return attack(counted, BED.images, BED.labels, indices=np.arange(24) + len(calls), seed=len(calls))

    kinds = (False, True) if attacks.get(name).can_target else (False,)
    for targeted in kinds:
        run(targeted)
    traced = len(calls)
    assert 0 < traced <= 16
    for targeted in kinds:
        run(targeted, epsilon=RADII[norm] / 3)
        run(targeted, epsilon=RADII[norm] / 5, step_size=0.01)
        run(targeted, num_steps=7, decay=0.5)
    assert len(calls) == traced


@pytest.mark.parametrize(("name", "norm"), parameters(CASES))
def test_misclassified_images_are_left_alone(name, norm):
    labels = BED.labels.copy()
    labels[::3] = (labels[::3] + 1) % 4
    for targeted in (False, True) if attacks.get(name).can_target else (False,):
        result = build(name, norm, targeted=targeted)(BED, BED.images, labels)
        np.testing.assert_array_equal(result.adversarial[::3], BED.images[::3])
        assert not result.distance[::3].any()
        assert (result.queries[::3] == 1).all()
        assert result.misclassified[::3].all()
        np.testing.assert_array_equal(result.clean_prediction, BED.labels)
        if not targeted:
            assert result.success[::3].all()
        else:
            np.testing.assert_array_equal(result.success[::3], (result.targets == BED.labels)[::3])


@pytest.mark.parametrize(("name", "norm"), parameters(TARGETED))
def test_targeted_verdicts(name, norm):
    epsilon = 2 * RADII[norm] if (name, norm) in FIXED else None
    result = attack_bed(build(name, norm, targeted=True, epsilon=epsilon, num_steps=20))
    np.testing.assert_array_equal(result.success, result.prediction == result.targets)
    np.testing.assert_array_equal(result.misclassified, result.prediction != BED.labels)
    assert result.misclassified.any()
