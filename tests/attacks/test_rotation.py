"""Rotations: known angles, a second interpolation, the law of the angles, the worst of several (Section 20)."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, stats
from small_models import small_images

from mmc_tf import attacks
from mmc_tf.acceptance.linear import make_bed
from mmc_tf.attacks import rotation
from mmc_tf.attacks.rotation import rotate
from mmc_tf.checks import UserError

BED = make_bed(shape=(6, 6, 2), size=24, num_classes=4)


def turned(images, degrees):
    return rotate(tf.constant(images), tf.fill(len(images), float(degrees))).numpy()


def test_docstring_examples():
    outcome = doctest.testmod(rotation)
    assert (outcome.attempted > 0, outcome.failed) == (True, 0)


@pytest.mark.parametrize("side", [1, 2, 7, 28, 32])
def test_quarter_turns(side):
    images = small_images(3, shape=(side, side, 3))
    for quarters in range(-4, 5):
        expected = np.rot90(images, quarters, axes=(1, 2))
        np.testing.assert_allclose(turned(images, 90 * quarters), expected, atol=1e-5)
    # A quarter turn is a transpose and a flip.
    np.testing.assert_allclose(turned(images, 90), images.transpose(0, 2, 1, 3)[:, ::-1], atol=1e-5)


def test_no_turn_is_the_identity():
    images = small_images(3, shape=(9, 5, 2))
    np.testing.assert_allclose(turned(images, 0), images, atol=1e-6)
    result = attacks.make("rotation", max_degrees=0.0)(BED, BED.images, BED.labels)
    np.testing.assert_allclose(result.adversarial, BED.images, atol=1e-6)


@pytest.mark.parametrize("degrees", [-30, 7.5, 21, 45, 130])
@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 6, 2)])
def test_against_another_interpolation(degrees, shape):
    images = small_images(2, shape=shape)
    angle = np.deg2rad(degrees)
    middle = (np.array(shape[:2]) - 1) / 2
    # In (row, column): where a pixel of the result comes from.
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for image, found in zip(images, turned(images, degrees), strict=True):
        for c in range(shape[2]):
            expected = ndimage.affine_transform(
                image[..., c], matrix, middle - matrix @ middle, order=1, mode="nearest"
            )
            np.testing.assert_allclose(found[..., c], expected, atol=2e-5)


def ramps(count):
    """Brightness rises from left to right, gently enough that no corner leaves the box."""
    ramp = np.linspace(0, 1, 9, dtype=np.float32)
    return np.broadcast_to(ramp[None, None, :, None], (count, 9, 9, 1)).copy()


def angles_of(images):
    across = images[:, 4, 5, 0] - images[:, 4, 3, 0]
    down = images[:, 5, 4, 0] - images[:, 3, 4, 0]
    return np.rad2deg(np.arctan2(-down, across))


def test_angles_are_uniform_and_belong_to_the_example():
    bed = make_bed(shape=(9, 9, 1), size=2, num_classes=2)
    images = ramps(800)
    labels = np.full(800, np.argmax(bed(images[:1])))
    np.testing.assert_allclose(angles_of(turned(images[:1], 20)), 20, atol=1e-3)
    result = attacks.make("rotation")(bed, images, labels)
    angles = angles_of(result.adversarial)
    assert stats.kstest((angles + 30) / 60, "uniform").pvalue > 1e-3
    assert 29 < np.abs(angles).max() <= 30.001
    some = [700, 3]
    alone = attacks.make("rotation")(bed, images[some], labels[some], indices=np.array(some))
    np.testing.assert_array_equal(alone.adversarial, result.adversarial[some])
    narrow = attacks.make("rotation", max_degrees=3.0)(bed, images, labels)
    np.testing.assert_allclose(angles_of(narrow.adversarial), angles / 10, atol=1e-2)


def test_the_worst_of_several():
    """On ramps the margin is a function of the angle, known at every angle tried."""
    images = ramps(200)
    kernel = np.random.default_rng(0).normal(size=(81, 1)).astype(np.float32)

    def lead(images):
        return (images - images_clean).reshape(-1, 81) @ kernel

    images_clean = images[:1]
    kernel = kernel * np.sign(lead(turned(images[:1], 12)))
    limit = lead(turned(images[:1], 12)).item()

    def model(x):
        flat = tf.reshape(x - images_clean, (-1, 81)) @ kernel
        return tf.concat([tf.zeros_like(flat), flat - limit], axis=1)

    labels = np.argmax(model(tf.constant(images)), axis=1)
    assert not labels.any()
    results = {k: attacks.make("rotation", worst_of=k)(model, images, labels) for k in (1, 2, 5)}
    tried = np.stack([draw_angles(tf.constant(number), 200).numpy() for number in range(5)], axis=1)
    leads = np.stack([lead(rotate(tf.constant(images), tried[:, k]).numpy())[:, 0] for k in range(5)], axis=1)
    for k, result in results.items():
        wrong = leads[:, :k] > limit
        first = np.where(wrong.any(axis=1), wrong.argmax(axis=1), leads[:, :k].argmax(axis=1))
        expected = tried[np.arange(200), first]
        np.testing.assert_allclose(angles_of(result.adversarial), expected, atol=2e-3)
        np.testing.assert_array_equal(result.success, wrong.any(axis=1))
        looks = 0 if k == 1 else np.where(wrong.any(axis=1), first + 1, k)
        np.testing.assert_array_equal(result.queries, 1 + looks)
    broken = [results[k].success.mean() for k in (1, 2, 5)]
    assert broken[0] < broken[1] < broken[2] < 1


@tf.function(reduce_retracing=True)
def draw_angles(number, count):
    draw = rotation.per_example(
        lambda key: tf.random.stateless_uniform((), key, -1.0, 1.0, alg="philox"),
        tf.range(count),
        seed=0,
        stream=number,
        signature=tf.float32,
    )
    return 30 * draw


def test_pixels_stay_in_the_box():
    images = np.round(small_images(24))
    labels = np.argmax(BED(images), axis=1)
    result = attacks.make("rotation")(BED, images, labels)
    assert (result.adversarial.min(), result.adversarial.max()) == (0, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_degrees": -1}, r"`max_degrees`.*>= 0"),
        ({"worst_of": 0}, r"`worst_of`.*an integer >= 1"),
        ({"epsilon": 0.1}, r"`epsilon`.*None: rotation has no radius"),
        ({"norm": "l1"}, r"`norm`.*one of l2"),
        ({"targeted": True}, r"`targeted`.*untargeted"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(UserError, match=message):
        attacks.get("rotation")(**settings)
