"""DDN against exact margins and a NumPy re-computation."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import tensorflow as tf
from small_models import predictions, small_images, small_model

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exact_margins, make_bed
from mmc_tf.attacks import ddn
from mmc_tf.checks import UserError
from mmc_tf.classifier.notes import NetworkWarning
from mmc_tf.models.heads import HEADS


def inner_bed(seed=0, *, size=64, **options):
    return make_bed(seed=seed, size=size, low=0.35, high=0.65, **options)


def ratios(attack, bed):
    result = attack(bed, bed.images, bed.labels)
    assert result.found.all()
    return result.distance / exact_margins(bed, norm="l2")


def recompute(bed, index, *, num_steps, radius, gamma, levels=None, target=None):
    """DDN with the margin on one example of a linear bed, in float64."""
    x = bed.images[index].ravel().astype(np.float64)
    kernel, bias, label = bed.kernel.astype(np.float64), bed.bias.astype(np.float64), bed.labels[index]
    farthest = np.linalg.norm(np.maximum(x, 1 - x))
    delta, best, least = np.zeros_like(x), x, np.inf
    for k in range(num_steps + 1):
        logits = (x + delta) @ kernel + bias
        prediction = logits.argmax()
        reached = prediction != label if target is None else prediction == target
        length = np.linalg.norm(delta)
        if reached and length < least:
            best, least = x + delta, length
        own = label if target is None else target
        other = np.where(np.arange(10) == own, -np.inf, logits).argmax()
        direction = kernel[:, other] - kernel[:, own]
        direction = direction if target is None else -direction
        step = 0.01 + 0.99 * (1 + np.cos(np.pi * k / num_steps)) / 2
        moved = delta + step * direction / np.linalg.norm(direction)
        radius = min(radius * (1 - gamma if reached else 1 + gamma), farthest)
        point = np.clip(x + radius * moved / np.linalg.norm(moved), 0, 1)
        if levels is not None:
            point = np.round(point * (levels - 1)) / (levels - 1)
        delta = point - x
    return best


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(
    ("radius", "gamma", "levels"), [(1.0, 0.05, None), (30.0, 0.2, None), (0.2, 0.1, 64)]
)
def test_every_formula_against_numpy(radius, gamma, levels, targeted):
    bed = inner_bed(seed=4, size=6)
    targets = (bed.labels + 3) % 10
    attack = attacks.DDN(
        num_steps=25, initial_norm=radius, gamma=gamma, levels=levels, targeted=targeted, objective="margin"
    )
    result = attack(bed, bed.images, bed.labels, targets=targets if targeted else None)
    settings = {"num_steps": 25, "radius": radius, "gamma": gamma, "levels": levels}
    expected = [
        recompute(bed, index, target=targets[index] if targeted else None, **settings) for index in range(6)
    ]
    assert result.found.all()
    np.testing.assert_allclose(result.adversarial.reshape(6, -1), expected, atol=1e-5)
    # The clean image, then one pass per step, which judges the last one too.
    assert (result.queries == 26).all()
    assert result.backward_passes == 6 * 26


def test_the_steps_fall_along_half_a_cosine():
    np.testing.assert_allclose(ddn.step_length(tf.constant([0.0, 0.5, 1.0])), [1, 0.505, 0.01], atol=1e-6)


def test_units_of_any_length_and_of_none():
    delta = np.zeros((3, 2, 2, 1), np.float32)
    delta[0, :, :, 0] = [[3e-30, 4e-30], [0, 0]]
    delta[1, :, :, 0] = [[3e30, 0], [0, -4e30]]
    expected = np.zeros_like(delta)
    expected[0, :, :, 0] = [[0.6, 0.8], [0, 0]]
    expected[1, :, :, 0] = [[0.6, 0], [0, -0.8]]
    np.testing.assert_allclose(ddn.unit(tf.constant(delta)), expected, rtol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_linear_margins_in_1000_steps(seed):
    found = ratios(attacks.DDN(num_steps=1000, objective="margin"), inner_bed(seed))
    assert found.min() >= 1 - 1e-3
    assert found.mean() <= 1.005
    assert found.max() <= 1.02


def test_cross_entropy_aims_between_the_classes():
    """Its gradient mixes the planes of several classes, which costs up to 8 % on these beds."""
    found = ratios(attacks.DDN(num_steps=1000), inner_bed(1))
    assert found.mean() <= 1.03
    assert found.max() <= 1.15


def test_a_hundred_steps_from_near_and_from_afar():
    bed = inner_bed(1)
    near, far = (
        np.median(ratios(attacks.DDN(initial_norm=radius, objective="margin"), bed)) for radius in (0.3, 1.0)
    )
    assert near <= 1.01
    assert far <= 1.01
    # A radius of 1 cannot shrink below 0.95^100 = 0.006.
    tiny = exact_margins(bed, norm="l2") < 0.95**100
    result = attacks.DDN(objective="margin")(bed, bed.images, bed.labels)
    assert (result.distance[tiny] >= 0.95**100).all()


def test_the_scale_of_the_logits_does_not_matter_to_the_margin_and_blinds_cross_entropy():
    factor = tf.Variable(1.0)
    bed = inner_bed(factor=factor)
    attack = attacks.DDN(objective="margin")
    plain = attack(bed, bed.images, bed.labels)
    factor.assign(4096.0)
    np.testing.assert_array_equal(attack(bed, bed.images, bed.labels).adversarial, plain.adversarial)
    factor.assign(3000.0)
    steep = attack(bed, bed.images, bed.labels)
    assert abs(steep.success.mean() - plain.success.mean()) <= 0.008
    np.testing.assert_allclose(np.median(steep.distance), np.median(plain.distance), rtol=1e-4)
    blind = attacks.DDN(objective="ce")(bed, bed.images, bed.labels)
    assert blind.zero_gradient.mean() > 0.5
    assert not steep.zero_gradient.any()
    assert blind.found.mean() < 1
    with pytest.warns(NetworkWarning, match="HEAD_UNKNOWN"):
        chosen = attacks.DDN()(bed, bed.images, bed.labels)
    assert chosen.objective == "margin"
    np.testing.assert_array_equal(chosen.adversarial, steep.adversarial)


def test_without_a_gradient_it_walks_at_random_by_seed_and_index_alone():
    bed = inner_bed(size=12, factor=3000.0)
    attack = attacks.DDN(num_steps=10, initial_norm=3.0, objective="ce")
    one, again, other = (attack(bed, bed.images, bed.labels, seed=seed) for seed in (1, 1, 2))
    blind = one.zero_gradient
    assert blind.sum() >= 4
    np.testing.assert_array_equal(one.adversarial, again.adversarial)
    walked = blind & one.found & other.found
    assert walked.any()
    assert (one.adversarial != other.adversarial)[walked].any()
    np.testing.assert_array_equal(one.adversarial[~blind], other.adversarial[~blind])
    part = np.flatnonzero(blind)[::2]
    alone = attack(bed, bed.images[part], bed.labels[part], indices=part, seed=1)
    np.testing.assert_allclose(alone.adversarial, one.adversarial[part], atol=1e-6)


def test_the_last_iterate_is_judged():
    bed = inner_bed(size=16)
    result = attacks.DDN(num_steps=1, objective="margin")(bed, bed.images, bed.labels)
    np.testing.assert_allclose(result.distance[result.found], 1.05, rtol=1e-5)
    assert result.found.all()


def test_grey_levels():
    bed = inner_bed()
    bed = type(bed)(bed.kernel, bed.bias, np.round(bed.images * 255).astype(np.float32) / 255)
    result = attacks.DDN(levels=256, objective="margin")(bed, bed.images, bed.labels)
    assert result.found.all()
    grey = result.adversarial * 255
    np.testing.assert_allclose(grey, np.round(grey), atol=1e-4)
    found = result.distance / exact_margins(bed, norm="l2")
    assert 1.003 <= np.median(found) <= 1.1


def test_misclassified_images_are_nearest_to_themselves():
    """Also in training, where they are attacked as all others."""
    bed = inner_bed(size=16)
    labels = bed.labels.copy()
    labels[::2] = (labels[::2] + 1) % 10
    attack = attacks.DDN(num_steps=5)
    adversarial = attack.perturb(bed, bed.images, labels, indices=np.arange(16)).numpy()
    np.testing.assert_array_equal(adversarial[::2], bed.images[::2])
    assert (adversarial[1::2] != bed.images[1::2]).any(axis=(1, 2, 3)).all()


def test_two_minimum_norm_attacks_agree_on_a_network_with_centers():
    model, images = small_model("mmc"), small_images()
    labels = predictions(model, images)
    decoupled = attacks.DDN(num_steps=300)(model, images, labels)
    weighted = attacks.CW(num_steps=200, binary_search_steps=8)(model, images, labels)
    assert decoupled.found.all()
    assert weighted.found.all()
    ratio = decoupled.distance / weighted.distance
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    assert ratio.mean() == pytest.approx(1, abs=0.05)


def test_objectives_by_head():
    centers, dense, softmax = HEADS.get("mmc")(4), HEADS.get("dense")(4), HEADS.get("mmlda")(4)
    attack = attacks.DDN()
    choices = [attack.choose_objective(head) for head in (centers, softmax, dense, None)]
    assert choices == ["margin", "margin", "ce", "ce"]
    assert attacks.DDN(adaptive=False).choose_objective(centers) == "ce"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_steps": 0}, r"`num_steps`.*>= 1"),
        ({"initial_norm": 0.0}, r"`initial_norm`.*> 0.*initial_norm=0.0"),
        ({"gamma": 0}, r"`gamma`.*> 0 and <= 0.999.*gamma=0"),
        ({"gamma": 1.0}, r"`gamma`.*<= 0.999"),
        ({"levels": 1}, r"`levels`.*an integer >= 2.*levels=1"),
        ({"levels": 25.5}, r"`levels`.*an integer"),
        ({"norm": "linf"}, r"`norm`.*l2 for the attack ddn"),
    ],
)
def test_refused_settings(settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make("ddn", **settings)


def test_defaults_and_example():
    settings = attacks.make("ddn").settings()
    expected = {"num_steps": 100, "initial_norm": 1.0, "gamma": 0.05, "levels": None, "epsilon": None}
    assert {name: settings[name] for name in expected} == expected
    assert doctest.testmod(ddn) == doctest.TestResults(failed=0, attempted=1)
