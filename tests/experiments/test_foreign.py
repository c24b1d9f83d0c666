"""Images of other data sets in the shape that a network takes."""

import numpy as np
import pytest

from mmc_tf.experiments.reproducibility.foreign import reshape_images


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 3), (28, 28, 1), (32, 32, 3), (40, 40, 3)])
@pytest.mark.parametrize("source", [(32, 32, 3), (28, 28, 1)])
def test_an_even_image_stays_as_bright(source, shape):
    images = np.full((2, *source), 0.25, np.float32)
    found = reshape_images(images, shape)
    assert (found.shape, found.dtype) == ((2, *shape), np.float32)
    np.testing.assert_allclose(found, 0.25, atol=2e-4)  # the weights of BT.601 add up to 0.9999


def test_grey_is_weighted_as_the_eye_does():
    red, green, blue = np.eye(3, dtype=np.float32).reshape(3, 1, 1, 1, 3)
    weights = [reshape_images(colour, (1, 1, 1)).item() for colour in (red, green, blue)]
    assert weights == pytest.approx([0.2989, 0.5870, 0.1140], abs=1e-6)


def test_channels_of_a_grey_image_are_equal():
    images = np.random.default_rng(0).random((1, 6, 6, 1), np.float32)
    np.testing.assert_array_equal(reshape_images(images, (6, 6, 3)), np.repeat(images, 3, axis=-1))


def test_what_fits_already_is_left_alone():
    images = np.random.default_rng(0).random((2, 8, 8, 1), np.float32)
    np.testing.assert_array_equal(reshape_images(images, (8, 8, 1)), images)


def test_a_smaller_image_is_an_average_of_the_larger():
    # Columns 0 and 1 alternate; without smoothing, bilinear sampling at half the size would pick up what it hits.
    images = np.tile(np.array([0.0, 1.0], np.float32), (1, 16, 8, 1))[..., :16].reshape(1, 16, 16, 1)
    np.testing.assert_allclose(reshape_images(images, (4, 4, 1))[0, 1:-1, 1:-1], 0.5, atol=0.02)
