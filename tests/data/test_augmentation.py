import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from mmc_tf.checks import UserError
from mmc_tf.data import Augmentation

RNG = np.random.default_rng(3)
IMAGES = RNG.random((6, 12, 10, 3), np.float32)


def apply(augmentation, images, draws):
    return augmentation(tf.constant(images), tf.constant(draws, tf.float32)).numpy()


def test_shift_equals_scipy_with_linear_interpolation_and_nearest_fill():
    """The original's generator calls scipy.ndimage with order 1 and mode "nearest"."""
    draws = RNG.random((6, 3)).astype(np.float32)
    shifted = apply(Augmentation(shift=0.4), IMAGES, draws)
    for image, draw, result in zip(IMAGES, draws.astype(float), shifted, strict=True):
        dy, dx = (2 * draw[1] - 1) * 0.4 * 12, (2 * draw[2] - 1) * 0.4 * 10
        expected = scipy.ndimage.shift(image.astype(float), (-dy, -dx, 0), order=1, mode="nearest")
        np.testing.assert_allclose(result, expected, atol=2e-6)


def test_shift_by_whole_pixels_repeats_the_edge():
    """dy = 3, dx = -2 by hand."""
    draws = np.array([[0, (3 / 6 + 1) / 2, (-2 / 5 + 1) / 2]])
    shifted = apply(Augmentation(shift=0.5), IMAGES[:1], draws)[0]
    rows, columns = np.clip(np.arange(12) + 3, 0, 11), np.clip(np.arange(10) - 2, 0, 9)
    np.testing.assert_allclose(shifted, IMAGES[0][rows][:, columns], atol=1e-6)


def test_no_shift_in_the_middle_of_the_range():
    draws = np.full((6, 3), 0.5)
    np.testing.assert_array_equal(apply(Augmentation(shift=0.1), IMAGES, draws), IMAGES)


def test_flip_reverses_the_columns_of_half_of_the_draws():
    draws = np.array([[0.0], [0.49], [0.5], [0.99], [0.2], [0.8]]) * [1, 0, 0]
    flipped = apply(Augmentation(flip=True), IMAGES, draws)
    for index, is_flipped in enumerate([True, True, False, False, True, False]):
        expected = IMAGES[index, :, ::-1] if is_flipped else IMAGES[index]
        np.testing.assert_array_equal(flipped[index], expected)


def test_values_stay_in_the_range_of_the_image():
    images = (IMAGES > 0.5).astype(np.float32)
    changed = apply(Augmentation(flip=True, shift=1.0), images, RNG.random((6, 3)))
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_grey_images():
    draws = RNG.random((6, 3))
    augment = Augmentation(flip=True, shift=0.1)
    coloured = apply(augment, IMAGES, draws)
    np.testing.assert_array_equal(apply(augment, IMAGES[..., :1], draws), coloured[..., :1])


def test_draws_are_uniform_and_depend_on_the_seed():
    augment = Augmentation(flip=True, shift=0.1)
    draws = augment.draws(10_000, seed=[1, 2]).numpy()
    assert draws.min() >= 0
    assert draws.max() < 1
    # Mean 1/2 and variance 1/12, each within five standard errors; independent columns.
    np.testing.assert_allclose(draws.mean(0), 0.5, atol=5 * (1 / 12 / 10_000) ** 0.5)
    np.testing.assert_allclose(draws.var(0), 1 / 12, atol=5 * (1 / 180 / 10_000) ** 0.5)
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.05
    np.testing.assert_array_equal(augment.draws(10_000, seed=[1, 2]), draws)
    assert not np.isclose(augment.draws(10_000, seed=[1, 3]), draws).any(axis=1).all()


@pytest.mark.parametrize("shift", [-0.1, 1.5, float("nan"), "0.1"])
def test_shift_is_a_fraction(shift):
    with pytest.raises(UserError, match=r"`shift`\. Expected a number >= 0 and <= 1"):
        Augmentation(shift=shift)


def test_truth_says_whether_anything_changes():
    assert not Augmentation()
    assert Augmentation(flip=True)
    assert Augmentation(shift=0.1)
