"""Preprocessing layers against NumPy and tf.image, and through a saved file."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.checks import UserError
from mmc_tf.models.preprocessing import (
    PerImageStandardization,
    RepeatChannels,
    SubtractPixelMean,
    ZCAWhitening,
)

# Keras' own conversion of variables, on the way to the file.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

IMAGES = np.random.default_rng(0).random((200, 4, 5, 3), dtype=np.float32)
GREY = IMAGES[..., :1]


def test_pixel_mean_is_subtracted_at_every_pixel_and_channel():
    layer = SubtractPixelMean()
    layer.adapt(IMAGES)
    expected = IMAGES.astype(np.float64) - IMAGES.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(layer(IMAGES), expected, atol=1e-6)


def test_pixel_mean_can_be_set_and_starts_at_zero():
    layer = SubtractPixelMean()
    np.testing.assert_array_equal(layer(IMAGES), IMAGES)
    layer.set_mean(np.full((4, 5, 3), 0.25))
    np.testing.assert_array_equal(layer(IMAGES), IMAGES - np.float32(0.25))


def test_whitened_images_have_the_identity_as_covariance():
    mixed = np.clip(IMAGES * 0.5 + 0.5 * IMAGES[:, :1], 0, 1)[:, 1:3, :2, :2]
    layer = ZCAWhitening(epsilon=1e-9)
    layer.adapt(mixed)
    white = np.asarray(layer(mixed)).reshape(200, -1)
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(white.T @ white / 200, np.eye(8), atol=1e-4)


def test_whitening_matrix_is_the_symmetric_inverse_root_by_singular_values():
    layer = ZCAWhitening(epsilon=1e-2)
    layer.adapt(GREY)
    flat = GREY.reshape(200, -1).astype(np.float64)
    flat -= flat.mean(axis=0)
    _, singular, directions = np.linalg.svd(flat, full_matrices=False)
    expected = directions.T @ np.diag((singular**2 / 200 + 1e-2) ** -0.5) @ directions
    np.testing.assert_allclose(layer.matrix, expected, rtol=1e-4, atol=1e-5)


def test_whitening_of_more_images_than_one_portion():
    many = np.random.default_rng(1).random((7000, 2, 2, 1), dtype=np.float32)
    layer = ZCAWhitening()
    layer.adapt(many)
    values, vectors = np.linalg.eigh(
        np.cov(many.reshape(7000, 4).astype(np.float64), rowvar=False, bias=True)
    )
    np.testing.assert_allclose(
        layer.matrix, vectors @ np.diag((values + 1e-6) ** -0.5) @ vectors.T, atol=1e-5
    )


def test_whitening_is_the_identity_until_it_is_adapted():
    np.testing.assert_allclose(ZCAWhitening()(IMAGES), IMAGES, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 0.0])
def test_standardization_is_tensorflows(scale):
    images = 0.5 + scale * (IMAGES - 0.5)
    np.testing.assert_allclose(
        PerImageStandardization()(images), tf.image.per_image_standardization(images), atol=2e-5
    )


def test_standardization_of_a_constant_image_has_a_finite_gradient():
    image = tf.fill((1, 4, 5, 3), 0.5)
    layer, weights = PerImageStandardization(), tf.constant(IMAGES[:1])
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = tf.reduce_sum(weights * layer(image))
    # The bound 1/√60 holds nearby, so that the map is linear: (w - mean(w))·√60.
    expected = (IMAGES[:1] - IMAGES[:1].mean()) * np.sqrt(60)
    np.testing.assert_allclose(tape.gradient(value, image), expected, atol=1e-4)


def test_repeating_gives_equal_channels():
    repeated = np.asarray(RepeatChannels()(GREY))
    assert repeated.shape == (200, 4, 5, 3)
    for channel in range(3):
        np.testing.assert_array_equal(repeated[..., channel], GREY[..., 0])


def layers():
    mean, whitening = SubtractPixelMean(name="m"), ZCAWhitening(epsilon=1e-3, name="w")
    mean.adapt(GREY)
    whitening.adapt(GREY)
    return [mean, whitening, PerImageStandardization(name="s"), RepeatChannels(2, name="r")]


@pytest.mark.parametrize("position", range(4))
def test_layers_come_back_from_a_file_with_constants_and_settings(position, tmp_path):
    layer = layers()[position]
    inputs = keras.Input(GREY.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    expected = model.predict(GREY, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(restored.predict(GREY, verbose=0), expected)
    assert restored.layers[-1].get_config() == layer.get_config()
    assert restored.output_shape == model.output_shape == (None, *expected.shape[1:])
    assert restored.trainable_weights == []


@pytest.mark.parametrize("position", range(4))
def test_layers_compute_in_float32_under_mixed_precision(position):
    expected = np.asarray(layers()[position](GREY))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        result = np.asarray(layers()[position](GREY))
    finally:
        keras.config.set_dtype_policy("float32")
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, expected)


def test_bad_input_is_refused():
    layer = SubtractPixelMean()
    layer.adapt(GREY)
    with pytest.raises(UserError, match=r"mean image of shape \(4, 5, 1\).*\(4, 5, 3\)"):
        layer.set_mean(IMAGES[0])
    with pytest.raises(UserError, match="divide uint8 images by 255"):
        layer.adapt(np.zeros((2, 4, 5, 1), np.uint8))
    whitening = ZCAWhitening()
    whitening.adapt(GREY)
    with pytest.raises(UserError, match=r"images of 20 values.*images of 60 values"):
        whitening.adapt(IMAGES)
    with pytest.raises(UserError, match=r"grey images .*3 channels"):
        RepeatChannels()(IMAGES)
    with pytest.raises(UserError, match="epsilon"):
        ZCAWhitening(epsilon=0.0)
    with pytest.raises(UserError, match="channels"):
        RepeatChannels(0)
