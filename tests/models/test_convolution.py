"""The convolution of one channel is Keras' own, with its gradients and its place in graphs and copies."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.models import BackboneOptions, build_classifier
from mmc_tf.models.convolution import GrayConv2D
from mmc_tf.models.folding import folded_copy

RNG = np.random.default_rng(0)


def twins(**settings):
    """Ours and Keras', with the same weights, for images (9, 7, 1)."""
    made = [kind(6, **settings) for kind in (GrayConv2D, keras.layers.Conv2D)]
    for layer in made:
        layer.build((None, 9, 7, 1))
    made[0].set_weights([RNG.normal(size=value.shape).astype("float32") for value in made[0].get_weights()])
    made[1].set_weights(made[0].get_weights())
    return made


def values_and_gradients(layer, images, weights):
    @tf.function
    def compiled(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images)
            total = tf.reduce_sum(tf.cast(outputs, tf.float32) * weights)
        return outputs, tape.gradient(total, [images, *layer.trainable_variables])

    outputs, gradients = compiled(images)
    return [np.asarray(tf.cast(value, tf.float32)) for value in (outputs, *gradients)]


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 5},
        {"kernel_size": 3, "use_bias": False},
        {"kernel_size": (4, 1)},
        {"kernel_size": (2, 7)},
        {"kernel_size": (3, 4), "padding": "valid"},
        # Keras' own gradients:
        {"kernel_size": 3, "strides": 2},
        {"kernel_size": 3, "dilation_rate": 2},
        {"kernel_size": 3, "activation": "relu"},
        {"kernel_size": 3, "dtype": "mixed_bfloat16"},
    ],
    ids=str,
)
def test_values_and_all_gradients_are_those_of_keras(settings):
    ours, theirs = twins(**{"padding": "same", **settings})
    images = tf.constant(RNG.random((4, 9, 7, 1)), tf.float32)
    weights = RNG.normal(size=theirs(images).shape).astype("float32")
    expected = values_and_gradients(theirs, images, weights)
    got = values_and_gradients(ours, images, weights)
    assert len(got) == 3 + ours.use_bias
    for value, reference in zip(got, expected, strict=True):
        np.testing.assert_allclose(value, reference, rtol=1e-5, atol=2e-5)


def test_gradients_without_a_graph_and_of_unknown_batch_size():
    ours, theirs = twins(kernel_size=5, padding="same")
    images = tf.constant(RNG.random((3, 9, 7, 1)), tf.float32)

    def gradient(layer, images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(tf.sin(layer(images)))
        return tape.gradient(total, images)

    expected = gradient(theirs, images)
    np.testing.assert_allclose(gradient(ours, images), expected, rtol=1e-5, atol=1e-5)
    signature = [tf.TensorSpec((None, None, None, 1))]
    compiled = tf.function(lambda images: gradient(ours, images), input_signature=signature)
    np.testing.assert_allclose(compiled(images), expected, rtol=1e-5, atol=1e-5)


def test_more_channels_are_keras_own():
    layer = GrayConv2D(4, 3, padding="same")
    assert layer(tf.zeros((1, 5, 5, 3))).shape == (1, 5, 5, 4)


@pytest.mark.parametrize("name", ["lenet5", "mnist"])
def test_networks_of_gray_images_begin_with_it_and_fold(name):
    model = build_classifier(
        name, input_shape=(20, 20, 1), num_classes=3, head="dense", options=BackboneOptions(use_bn=True)
    )
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [type(layer) is GrayConv2D for layer in convolutions] == [True] + [False] * (len(convolutions) - 1)
    images = RNG.random((5, 20, 20, 1)).astype("float32")
    copy = folded_copy(model)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in copy.layers)
    np.testing.assert_allclose(copy(images), model(images, training=False), rtol=1e-4, atol=1e-5)
    halved = folded_copy(model, precision="bfloat16")
    assert halved.get_layer(convolutions[0].name).compute_dtype == "bfloat16"
