"""Folded copies: the same logits as the original, by another order of the same arithmetic."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.checks import UserError
from mmc_tf.models import BackboneOptions, build_classifier, head_call
from mmc_tf.models.folding import ChannelAffine, affine_of, fold, folded_copy

IMAGES = np.random.default_rng(0).random((6, 8, 8, 3)).astype(np.float32)


def with_random_norms(model, seed=1):
    """The model, its batch norms as far from the identity as trained ones."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.moving_mean.shape[0]
            scale, variance = generator.uniform(0.5, 1.5, size), generator.uniform(0.5, 2, size)
            layer.set_weights([scale, *generator.normal(0, 0.3, (2, size)), variance])
        if isinstance(layer, keras.layers.Conv2D) and layer.use_bias:
            layer.bias.assign(generator.normal(0, 0.3, layer.bias.shape))
    return model


def build(name, **settings):
    options = settings.pop("options", BackboneOptions(feature_dim=6, seed=3))
    model = build_classifier(name, input_shape=(8, 8, 3), num_classes=4, options=options, **settings)
    return with_random_norms(model)


def norms_of(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def logits_of(model, images=IMAGES):
    return np.asarray(model(images, training=False))


def assert_same_logits(copy, model, tolerance=1e-5):
    expected = logits_of(model)
    spread = np.ptp(expected, axis=1, keepdims=True)
    np.testing.assert_array_less(np.abs(logits_of(copy) - expected) / spread, tolerance)


@pytest.mark.parametrize(
    ("name", "version", "affine"),
    # v1: every norm follows a convolution. v2: the first of each block but the first block's, and the last,
    # follow a sum. WRN: the first of each block (the very first reads what the shortcut reads too), and the last.
    [("resnet8", 1, 0), ("resnet11", 2, 3), ("wrn-10-1", None, 4)],
)
@pytest.mark.parametrize("head", ["dense", "mmc"])
def test_logits_agree_up_to_rounding(name, version, affine, head):
    model = build(name, version=version, head=head)
    copy = folded_copy(model)
    assert norms_of(copy) == []
    assert sum(isinstance(layer, ChannelAffine) for layer in copy.layers) == affine
    assert_same_logits(copy, model)


def test_dense_layers_and_networks_without_biases_fold_too():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=False)(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(scale=False)(x))
    x = keras.layers.Dense(5)(keras.layers.Flatten()(x))
    x = keras.layers.Dense(3)(keras.layers.BatchNormalization(center=False)(x))
    model = keras.Model(inputs, x)
    for norm, values in zip(norms_of(model), ([0.3, 0.2, 2.0], [1.7, -0.4, 0.6]), strict=True):
        norm.set_weights([np.full(4 if len(norm.input.shape) == 4 else 5, value) for value in values])
    copy = folded_copy(model)
    assert not any(isinstance(layer, ChannelAffine) for layer in copy.layers)
    assert_same_logits(copy, model)


def test_weights_follow_the_formula():
    norm = keras.layers.BatchNormalization(epsilon=1.0)
    norm.build((None, 2))
    norm.set_weights([np.array([2.0, 6.0]), np.array([1.0, 0.0]), np.array([4.0, 5.0]), np.array([3.0, 8.0])])
    scale, offset = affine_of(norm)  # γ/√(v + 1) = 2/2, 6/3; β − am = 1 − 4, 0 − 10
    np.testing.assert_allclose([scale, offset], [[1.0, 2.0], [-3.0, -10.0]])
    dense = keras.layers.Dense(2)
    dense.build((None, 1))
    dense.set_weights([np.array([[10.0, 20.0]]), np.array([0.5, 0.25])])
    kernel, bias = fold(dense, norm)
    np.testing.assert_allclose(kernel, [[10.0, 40.0]])
    np.testing.assert_allclose(bias, [-2.5, -9.5])


def test_a_convolution_that_something_else_reads_keeps_its_weights():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(3, 3, padding="same")(inputs)
    y = keras.layers.BatchNormalization()(x)
    model = keras.Model(inputs, keras.layers.Flatten()(keras.layers.Add()([x, y])))
    norms_of(model)[0].set_weights([np.full(3, value) for value in (0.7, 0.2, 0.1, 3.0)])
    copy = folded_copy(model)
    assert sum(isinstance(layer, ChannelAffine) for layer in copy.layers) == 1
    assert_same_logits(copy, model)


def test_a_convolution_with_an_activation_of_its_own_keeps_its_weights():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(3, 3, activation="tanh")(inputs)
    model = keras.Model(inputs, keras.layers.Flatten()(keras.layers.BatchNormalization()(x)))
    norms_of(model)[0].set_weights([np.full(3, value) for value in (0.7, 0.2, 0.1, 3.0)])
    assert_same_logits(folded_copy(model), model)


def test_nested_and_sequential_models_are_folded_within():
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 3, padding="same"), keras.layers.BatchNormalization()]
    )
    norms_of(inner)[0].set_weights([np.full(3, value) for value in (0.7, 0.2, 0.1, 3.0)])
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Flatten()(inner(keras.layers.ReLU()(inner(inputs)))))
    copy = folded_copy(model)
    (nested,) = (layer for layer in copy.layers if isinstance(layer, keras.Model))
    assert norms_of(nested) == []
    assert_same_logits(copy, model)


def test_the_copy_has_a_head_and_the_original_is_left_alone():
    model = build("resnet8", head="mmc")
    model.compile("sgd", "mse")
    before = model.get_weights()
    copy = folded_copy(model)
    call = head_call(copy(IMAGES, training=False))
    assert call.head.has_centers
    assert call.head is not model.layers[-1]
    assert not copy.compiled
    assert copy.losses == []
    for layer in model.layers:
        assert len(layer._inbound_nodes) == 1
    for value, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, expected)
    # Weights that change later are the original's alone.
    expected = logits_of(copy)
    model.set_weights([0 * value for value in before])
    np.testing.assert_array_equal(logits_of(copy), expected)


def test_bfloat16_is_for_images_and_float32_for_features_and_head():
    model = build("wrn-10-1", head="mmc")
    copy = folded_copy(model, precision="bfloat16")
    for layer in copy.layers:
        images = len(layer.output.shape) == 4 and layer.name not in ("images", "per_image_standardization")
        assert layer.compute_dtype == ("bfloat16" if images else "float32"), layer.name
    logits = copy(IMAGES, training=False)
    assert logits.dtype == "float32"
    assert_same_logits(copy, model, tolerance=0.1)
    assert np.abs(np.asarray(logits) - logits_of(model)).max() > 1e-4


class Doubled(keras.Model):
    """A model whose call does more than its graph."""

    def call(self, inputs, training=None):
        return 2 * super().call(inputs, training=training)


def test_what_cannot_gain_or_cannot_be_copied_stays_itself():
    plain = build("lenet5")
    model = build("resnet8")
    subclassed = Doubled(model.inputs, model.outputs)

    def function(images):
        return images[:, 0, 0]

    for each in (plain, subclassed, function):
        assert folded_copy(each) is each
    assert folded_copy(plain, precision="bfloat16") is not plain
    with pytest.raises(UserError, match=r"`precision`. Expected .*float16"):
        folded_copy(model, precision="float16")


def test_a_network_in_mixed_precision_is_left_as_it_is():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(3, 3, dtype="mixed_bfloat16")(inputs)
    model = keras.Model(inputs, keras.layers.Flatten()(keras.layers.BatchNormalization()(x)))
    assert folded_copy(model) is model


def test_keras_leaky_relu_is_not_folded_into():
    """Without the batch norm between, TensorFlow would fuse it with the convolution, and compute it wrongly."""
    inputs = keras.Input((8, 8, 3))
    for activation in (keras.layers.LeakyReLU(0.1), keras.layers.Activation("leaky_relu")):
        x = activation(keras.layers.BatchNormalization()(keras.layers.Conv2D(3, 3)(inputs)))
        model = keras.Model(inputs, keras.layers.Flatten()(x))
        assert folded_copy(model) is model


def test_the_folded_copy_of_a_leaky_network_agrees_in_a_graph():
    model = build("resnet8", options=BackboneOptions(use_leaky=True))
    graph = tf.function(folded_copy(model))
    np.testing.assert_allclose(
        graph(IMAGES), logits_of(model), rtol=0, atol=1e-4 * np.abs(logits_of(model)).max()
    )
