"""DeepFool against exact margins, its own formulas in NumPy, and FAB (specification, Section 10)."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from exact_margins import FACTORS, class_margins
from small_models import predictions, small_images, small_model

from mmc_tf import attacks
from mmc_tf.acceptance.linear import make_bed
from mmc_tf.attacks.projections import measure
from mmc_tf.checks import UserError

NORMS = ("l2", "linf")


def deepfool(model, images, labels=None, **settings):
    labels = predictions(model, images) if labels is None else labels
    return attacks.make("deepfool", **settings)(model, images, labels)


def reference(model, images, *, norm, num_steps=50, overshoot=0.02, xi=1e-6, num_candidates=10):
    """Section 10 in NumPy, in float64 but for the model."""

    @tf.function
    def scores_and_gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            logits = model(x)
        return logits, tape.batch_jacobian(logits, x)

    clean = images.reshape(len(images), -1).astype(np.float64)
    points, ways, unbroken = clean.copy(), np.zeros_like(clean), np.ones(len(images), bool)
    for k in range(num_steps):
        logits, gradients = scores_and_gradients(tf.constant(points.reshape(images.shape), tf.float32))
        logits = logits.numpy().astype(np.float64)
        gradients = gradients.numpy().astype(np.float64).reshape(*logits.shape, -1)
        if k == 0:
            ranked = np.argsort(-logits)[:, :num_candidates]
        unbroken &= logits.argmax(axis=1) == ranked[:, 0]
        for i in np.flatnonzero(unbroken):
            y, *rivals = ranked[i]
            values = np.abs(logits[i, rivals] - logits[i, y])
            normals = gradients[i, rivals] - gradients[i, y]
            slopes = np.linalg.norm(normals, 2 if norm == "l2" else 1, axis=1)
            j = np.argmin(values / (slopes + 1e-8))
            unit = normals[j] / slopes[j] if norm == "l2" else np.sign(normals[j])
            ways[i] += (values[j] / slopes[j] + xi) * unit
            points[i] = np.clip(clean[i] + (1 + overshoot) * ways[i], 0, 1)
    return points.reshape(images.shape)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("norm", NORMS)
def test_ratio_to_the_exact_margin(norm, factor):
    bed = make_bed(seed=2, size=64, low=0.35, high=0.65, factor=factor)
    exact = class_margins(bed, norm=norm).min(axis=1)
    result = deepfool(bed, bed.images, bed.labels, norm=norm)
    assert result.found.all()
    ratio = result.distance / exact
    assert ratio.min() >= 1.019
    assert 1.019 <= ratio.mean() <= 1.03
    assert 1.019 <= np.median(ratio) <= 1.021
    # All of the excess is overshoot and ξ.
    np.testing.assert_allclose(result.distance, 1.02 * (exact + 1e-6), rtol=2e-3, atol=1e-7)
    # One step: the clean image forward, L gradients at it, and the verdict on where they lead.
    np.testing.assert_array_equal(result.queries, 3)
    assert result.backward_passes == 64 * (1 + 10)
    one = deepfool(bed, bed.images, bed.labels, norm=norm, num_steps=1)
    np.testing.assert_array_equal(one.adversarial, result.adversarial)


@pytest.mark.parametrize("norm", NORMS)
def test_the_xi_of_foolbox(norm):
    bed = make_bed(seed=3, size=64, low=0.35, high=0.65)
    exact = class_margins(bed, norm=norm).min(axis=1)
    result = deepfool(bed, bed.images, bed.labels, norm=norm, foolbox_compatible=True)
    np.testing.assert_allclose(result.distance, 1.02 * (exact + 1e-4), rtol=2e-3)
    same = deepfool(bed, bed.images, bed.labels, norm=norm, xi=1e-4)
    np.testing.assert_array_equal(same.adversarial, result.adversarial)


@pytest.mark.parametrize("head", ["dense", "mmc"])
@pytest.mark.parametrize("norm", NORMS)
def test_against_numpy_on_a_network(norm, head):
    model, images = small_model(head), small_images()
    result = deepfool(model, images, norm=norm)
    assert result.found.all()
    assert result.queries.max() > 5
    np.testing.assert_allclose(result.adversarial, reference(model, images, norm=norm), atol=2e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_a_thousand_times_the_logits_change_nothing(norm):
    model, images = small_model(), small_images()

    def steep(x):
        return 1000 * model(x)

    plain, large = deepfool(model, images, norm=norm), deepfool(steep, images, norm=norm)
    np.testing.assert_array_equal(large.success, plain.success)
    np.testing.assert_allclose(large.adversarial, plain.adversarial, atol=1e-5)


@pytest.mark.parametrize("head", ["dense", "mmc"])
def test_fab_is_nearer(head):
    """In the mean, and nowhere farther by more than its own overshoot of half a percent."""
    model, images = small_model(head), small_images(64)
    labels = predictions(model, images)
    ours = deepfool(model, images, labels, norm="l2")
    fab = attacks.make("fab", norm="l2", num_steps=50)(model, images, labels)
    assert ours.found.all()
    assert fab.found.all()
    assert (fab.distance <= 1.006 * ours.distance).all()
    assert np.mean(fab.distance <= ours.distance) >= 0.8
    assert fab.distance.mean() < 0.95 * ours.distance.mean()


def test_two_candidates_know_the_runner_up_alone():
    bed = make_bed(seed=4, size=64, low=0.35, high=0.65)
    margins = class_margins(bed, norm="l2")
    runner_up = np.argsort(-bed.logits)[:, 1]
    result = deepfool(bed, bed.images, bed.labels, num_candidates=2, num_steps=1)
    found = result.found
    np.testing.assert_allclose(
        result.distance[found], 1.02 * (margins[np.arange(64), runner_up][found] + 1e-6), rtol=1e-3
    )
    everything = deepfool(bed, bed.images, bed.labels)
    assert (result.distance[found] >= everything.distance[found] * (1 - 1e-5)).all()
    assert (result.distance[found] > everything.distance[found] * 1.01).any()


@pytest.mark.parametrize("norm", NORMS)
def test_clipping_to_the_radius(norm):
    bed = make_bed(seed=5, size=64, low=0.35, high=0.65)
    epsilon = float(np.median(class_margins(bed, norm=norm).min(axis=1)))
    free = deepfool(bed, bed.images, bed.labels, norm=norm)
    clipped = deepfool(bed, bed.images, bed.labels, norm=norm, epsilon=epsilon, clip_to_epsilon=True)
    delta = (free.adversarial - bed.images).astype(np.float64)
    if norm == "linf":
        expected = np.clip(delta, -epsilon, epsilon)
    else:
        expected = delta * np.minimum(1, epsilon / measure(delta, norm=norm))[:, None, None, None]
    np.testing.assert_allclose(clipped.adversarial, bed.images + expected, atol=1e-7)
    assert clipped.distance.max() <= epsilon * (1 + 1e-6) + 1e-6
    np.testing.assert_array_equal(clipped.success, bed_is_broken(bed, clipped.adversarial))
    # Without clipping, ε judges and nothing else.
    judged = deepfool(bed, bed.images, bed.labels, norm=norm, epsilon=epsilon)
    np.testing.assert_array_equal(judged.adversarial, free.adversarial)
    np.testing.assert_array_equal(judged.success, free.distance <= epsilon)
    assert 0.3 < judged.success.mean() < 0.6


def bed_is_broken(bed, images):
    return np.asarray(bed(tf.constant(images))).argmax(axis=1) != bed.labels


@pytest.mark.parametrize("norm", NORMS)
def test_without_a_gradient_it_stands_still(norm):
    def flat(x):
        return 0 * tf.reduce_sum(x, [1, 2, 3])[:, None] + tf.constant([2.0, 0, 0])

    images = small_images(5)
    result = deepfool(flat, images, np.zeros(5, int), norm=norm)
    np.testing.assert_array_equal(result.adversarial, images)
    assert result.zero_gradient.all()
    np.testing.assert_array_equal(result.queries, 2)


def test_no_steps_return_the_image():
    bed = make_bed(size=8)
    result = deepfool(bed, bed.images, bed.labels, num_steps=0)
    np.testing.assert_array_equal(result.adversarial, bed.images)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_candidates": 1}, r"`num_candidates`. Expected an integer >= 2. Received: num_candidates=1"),
        ({"num_steps": -1}, r"`num_steps`. Expected an integer >= 0. Received: num_steps=-1"),
        ({"overshoot": -0.1}, r"`overshoot`. Expected a number >= 0. Received: overshoot=-0.1"),
        ({"xi": -1e-6}, r"`xi`. Expected a number >= 0. Received: xi=-1e-06"),
        ({"xi": 1e-5, "foolbox_compatible": True}, r"`xi`. Expected None with foolbox_compatible.*=1e-05"),
        ({"clip_to_epsilon": True}, r"`epsilon`. Expected a radius to clip to.*Received: epsilon=None"),
        ({"norm": "l1"}, r"`norm`. Expected one of l2, linf for the attack deepfool. Received: norm=l1"),
        ({"targeted": True}, r"`targeted`. Expected False: deepfool is untargeted"),
        ({"objective": "ce"}, r"`objective`. Expected None: deepfool has its own"),
    ],
)
def test_bad_input(settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make("deepfool", **settings)


def test_what_is_attacked_unseen_is_left_alone_if_wrong():
    """In `perturb` nobody has looked at the clean images."""
    bed = make_bed(size=16, low=0.35, high=0.65)
    labels = bed.labels.copy()
    labels[::2] = (labels[::2] + 1) % 10
    attack = attacks.make("deepfool")
    found = attack.perturb(bed, bed.images, labels, indices=np.arange(16)).numpy()
    np.testing.assert_array_equal(found[::2], bed.images[::2])
    np.testing.assert_allclose(found[1::2], attack(bed, bed.images, labels).adversarial[1::2], atol=1e-6)
