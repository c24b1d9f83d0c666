"""Networks in other ranges, and the few images that show which one is theirs."""

import keras
import numpy as np
import pytest

from mmc_tf.checks import UserError, check_range
from mmc_tf.classifier import Classifier
from mmc_tf.classifier.pixel_range import (
    BYTES,
    RANGES,
    SIGNED,
    UNIT,
    RangeTrial,
    better_range,
    is_poor,
    try_ranges,
)
from mmc_tf.models import build_classifier
from mmc_tf.models.voting import build_ensemble

IMAGES = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)


@pytest.mark.parametrize("pixels", [BYTES, SIGNED])
def test_a_keras_network_gets_the_pixels_that_it_expects(pixels):
    model = build_classifier("lenet5", input_shape=(8, 8, 1), num_classes=3)
    classifier = Classifier.of(model, input_range=pixels)
    low, high = pixels
    expected = model(low + (high - low) * IMAGES, training=False)
    np.testing.assert_allclose(classifier.logits(IMAGES), expected, rtol=1e-4)
    assert classifier.head is model.layers[-1]  # attacks still see the head
    np.testing.assert_allclose(Classifier.of(model).logits(IMAGES), model(IMAGES, training=False), rtol=1e-4)


def test_a_vote_still_shows_its_members():
    members = [build_classifier("lenet5", input_shape=(8, 8, 1), num_classes=3) for _ in range(2)]
    classifier = Classifier.of(build_ensemble(members), input_range=BYTES)
    classifier.logits(IMAGES)
    assert classifier.found.is_vote


class Dropping(keras.Model):
    def call(self, images, training=None):
        return images[:, 0, 0, :] * (0.0 if training else 1.0)


def test_functions_and_subclasses_too():
    classifier = Classifier.of(Dropping(), input_range=BYTES)
    np.testing.assert_allclose(classifier.logits(IMAGES), 255 * IMAGES[:, 0, 0, :])
    signed = Classifier.of(lambda images: images[:, 0, 0, :], input_range=SIGNED)
    np.testing.assert_allclose(signed.logits(IMAGES), 2 * IMAGES[:, 0, 0, :] - 1, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("pixels", [(1, 0), (0, 0), (0, float("inf")), ("a", 1)])
def test_ranges_whose_bounds_do_not_increase_are_refused(pixels):
    with pytest.raises(UserError, match="`input_range`"):
        Classifier.of(bright, input_range=pixels)


def bright(pixels):
    """Class 1 where an image's mean is above 127.5: a network for 0 to 255."""
    return (pixels.mean(axis=(1, 2, 3)) > 127.5).astype(int)


def test_a_few_images_show_which_range_is_the_network_s():
    images = np.repeat(np.linspace(0, 1, 64, dtype=np.float32), 4).reshape(64, 2, 2, 1)
    labels = (images.mean(axis=(1, 2, 3)) > 0.5).astype(int)
    trials = try_ranges(bright, images, labels)
    assert [(trial.range, trial.correct) for trial in trials] == [(UNIT, 32), (BYTES, 64), (SIGNED, 32)]
    assert better_range(trials).range == BYTES
    assert better_range(trials[::2]) is None
    assert is_poor(trials[0], 2)
    assert not is_poor(trials[1], 2)


@pytest.mark.parametrize(
    ("here", "there", "better"),
    [(7, 59, True), (30, 59, True), (30, 42, False), (50, 62, False), (59, 59, False), (59, 7, False)],
)
def test_better_is_a_fifth_and_beyond_three_standard_errors(here, there, better):
    trials = [RangeTrial(UNIT, here, 64), RangeTrial(BYTES, there, 64)]
    assert (better_range(trials) is not None) == better


def test_few_images_prove_nothing():
    assert better_range([RangeTrial(UNIT, 1, 4), RangeTrial(BYTES, 3, 4)]) is None


@pytest.mark.parametrize("values", [[0.0], [0.0, 1.0, 2.0], [1.0, 1.0], [255.0, 0.0], [0.0, float("inf")]])
def test_a_range_is_two_numbers_in_order(values):
    with pytest.raises(UserError, match="two numbers LOW,HIGH with LOW < HIGH, such as 0,255"):
        check_range("input_range", values)


def test_ranges_are_read_and_written():
    assert check_range("input_range", [0, 255]) == BYTES
    assert RANGES == (UNIT, BYTES, SIGNED)
