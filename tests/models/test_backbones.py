"""Backbones against hand-written layer tables, published parameter counts and closed forms.

Longer than 300 lines because a hundred of them are the tables.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.checks import UserError
from mmc_tf.models.backbones import BackboneOptions, build_backbone


def build(name, *, shape=(32, 32, 3), version=None, **options):
    inputs = keras.Input(shape, name="images")
    return keras.Model(inputs, build_backbone(name, inputs, BackboneOptions(**options), version=version))


def describe(model):
    """One line a layer: name, filters and kernel/stride of a convolution, parents."""
    lines = set()
    for layer in model.layers[1:]:
        parents = [tensor._keras_history.operation.name for tensor in keras.tree.flatten(layer.input)]
        kind = ""
        if isinstance(layer, keras.layers.Conv2D):
            kind = f" {layer.filters}x{layer.kernel_size[0]}/{layer.strides[0]}"
        lines.add(f"{layer.name}{kind} < {' '.join(parents)}")
    return lines


def table(text):
    return {line.strip() for line in text.strip().splitlines()}


# Written down from the original's description: numbers count the layers of a kind as it creates them, so the
# projection of a block (conv2d_6) comes after the block's two convolutions.
RESNET8_V1 = """
    conv2d_1 16x3/1 < images
    batch_normalization_1 < conv2d_1
    activation_1 < batch_normalization_1
    conv2d_2 16x3/1 < activation_1
    batch_normalization_2 < conv2d_2
    activation_2 < batch_normalization_2
    conv2d_3 16x3/1 < activation_2
    batch_normalization_3 < conv2d_3
    add_1 < activation_1 batch_normalization_3
    activation_3 < add_1
    conv2d_4 32x3/2 < activation_3
    batch_normalization_4 < conv2d_4
    activation_4 < batch_normalization_4
    conv2d_5 32x3/1 < activation_4
    batch_normalization_5 < conv2d_5
    conv2d_6 32x1/2 < activation_3
    add_2 < conv2d_6 batch_normalization_5
    activation_5 < add_2
    conv2d_7 64x3/2 < activation_5
    batch_normalization_6 < conv2d_7
    activation_6 < batch_normalization_6
    conv2d_8 64x3/1 < activation_6
    batch_normalization_7 < conv2d_8
    conv2d_9 64x1/2 < activation_5
    add_3 < conv2d_9 batch_normalization_7
    activation_7 < add_3
    pooling < activation_7
    features < pooling
"""

RESNET11_V2 = """
    conv2d_1 16x3/1 < images
    batch_normalization_1 < conv2d_1
    activation_1 < batch_normalization_1
    conv2d_2 16x1/1 < activation_1
    batch_normalization_2 < conv2d_2
    activation_2 < batch_normalization_2
    conv2d_3 16x3/1 < activation_2
    batch_normalization_3 < conv2d_3
    activation_3 < batch_normalization_3
    conv2d_4 64x1/1 < activation_3
    conv2d_5 64x1/1 < activation_1
    add_1 < conv2d_5 conv2d_4
    batch_normalization_4 < add_1
    activation_4 < batch_normalization_4
    conv2d_6 64x1/2 < activation_4
    batch_normalization_5 < conv2d_6
    activation_5 < batch_normalization_5
    conv2d_7 64x3/1 < activation_5
    batch_normalization_6 < conv2d_7
    activation_6 < batch_normalization_6
    conv2d_8 128x1/1 < activation_6
    conv2d_9 128x1/2 < add_1
    add_2 < conv2d_9 conv2d_8
    batch_normalization_7 < add_2
    activation_7 < batch_normalization_7
    conv2d_10 128x1/2 < activation_7
    batch_normalization_8 < conv2d_10
    activation_8 < batch_normalization_8
    conv2d_11 128x3/1 < activation_8
    batch_normalization_9 < conv2d_11
    activation_9 < batch_normalization_9
    conv2d_12 256x1/1 < activation_9
    conv2d_13 256x1/2 < add_2
    add_3 < conv2d_13 conv2d_12
    batch_normalization_10 < add_3
    activation_10 < batch_normalization_10
    pooling < activation_10
    features < pooling
"""

WRN_10_2 = """
    conv2d_1 16x3/1 < images
    batch_normalization_1 < conv2d_1
    activation_1 < batch_normalization_1
    conv2d_2 32x1/1 < activation_1
    conv2d_3 32x3/1 < activation_1
    batch_normalization_2 < conv2d_3
    activation_2 < batch_normalization_2
    conv2d_4 32x3/1 < activation_2
    add_1 < conv2d_2 conv2d_4
    batch_normalization_3 < add_1
    activation_3 < batch_normalization_3
    conv2d_5 64x1/2 < activation_3
    conv2d_6 64x3/2 < activation_3
    batch_normalization_4 < conv2d_6
    activation_4 < batch_normalization_4
    conv2d_7 64x3/1 < activation_4
    add_2 < conv2d_5 conv2d_7
    batch_normalization_5 < add_2
    activation_5 < batch_normalization_5
    conv2d_8 128x1/2 < activation_5
    conv2d_9 128x3/2 < activation_5
    batch_normalization_6 < conv2d_9
    activation_6 < batch_normalization_6
    conv2d_10 128x3/1 < activation_6
    add_3 < conv2d_8 conv2d_10
    batch_normalization_7 < add_3
    activation_7 < batch_normalization_7
    pooling < activation_7
    features < pooling
"""


@pytest.mark.parametrize(
    ("name", "expected"), [("resnet8v1", RESNET8_V1), ("resnet11v2", RESNET11_V2), ("wrn-10-2", WRN_10_2)]
)
def test_the_layers_and_their_connections_are_the_written_ones(name, expected):
    assert describe(build(name)) == table(expected)


def test_without_batch_normalization_the_convolutions_stay_and_nothing_normalizes():
    with_bn, without = build("resnet8"), build("resnet8", use_bn=False)
    names = [{layer.name for layer in model.layers} for model in (with_bn, without)]
    assert names[0] - names[1] == {f"batch_normalization_{k}" for k in range(1, 8)}
    assert names[1] <= names[0]
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in without.layers)


@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [
        ("resnet20", (32, 32, 3), 274_442),  # Keras' example prints these, with its dense layer of 10 classes
        ("resnet20v2", (32, 32, 3), 574_090),
        ("resnet29v2", (32, 32, 3), 849_002),
        ("lenet5", (28, 28, 1), 3_274_634),  # TensorFlow's "Deep MNIST" network, which MMA describes
    ],
)
def test_parameter_counts_equal_the_published_ones(name, shape, parameters):
    model = build(name, shape=shape, use_dense=False)
    assert model.count_params() + 10 * (model.output.shape[-1] + 1) == parameters


def test_mnist_cnn_is_trades_small_cnn():
    # Four convolutions, two dense layers of 200; 312,202 with the ten classes.
    assert build("mnist", shape=(28, 28, 1)).count_params() + 10 * 201 == 312_202


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("resnet20", "0.27"),
        ("resnet32", "0.46"),
        ("resnet44", "0.66"),
        ("resnet56", "0.85"),
        ("wrn-28-4", "5.8"),
    ],
)
def test_parameter_counts_round_to_the_papers_tables(name, millions):
    model = build(name, use_dense=False)
    # He et al.'s networks have neither biases before a batch normalization nor projections.
    trainable = 10 * (model.output.shape[-1] + 1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            trainable += 2 * layer.gamma.shape[0]
        elif isinstance(layer, keras.layers.Conv2D) and (layer.kernel_size[0] > 1 or name.startswith("wrn")):
            trainable += np.size(layer.kernel)
    decimals = len(millions.partition(".")[2])
    assert f"{trainable / 1e6:.{decimals}f}" == millions


@pytest.mark.slow
def test_wrn_28_10_has_36_million_parameters():
    model = build("wrn-28-10", use_dense=False)
    assert sum(np.size(weight) for weight in model.trainable_weights) + 641 * 10 == 36_479_194


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [1, 3])
def test_resnet_v1_parameters_follow_the_closed_form(n, channels):
    expected = 9 * channels * 16 + 16 + 4 * 16 + n * 2 * (9 * 16**2 + 5 * 16)
    for w in (32, 64):
        expected += 9 * w * w // 2 + (2 * n - 1) * 9 * w * w + 2 * n * 5 * w + w * w // 2 + w
    model = build(f"resnet{6 * n + 2}", shape=(8, 8, channels), use_dense=False)
    assert model.count_params() == expected


@pytest.mark.parametrize(
    ("name", "shape", "options", "width"),
    [
        ("resnet8", (8, 8, 1), {}, 64),
        ("resnet11v2", (8, 8, 3), {}, 256),
        ("wrn-10-2", (8, 8, 3), {}, 128),
        ("mnist", (20, 20, 1), {}, 200),
        ("mnist", (28, 28, 1), {"feature_dim": 256}, 256),
        ("mnist", (28, 28, 1), {"use_dense": False}, 200),
        ("lenet5", (8, 8, 1), {}, 1024),
        ("lenet5", (4, 4, 1), {"feature_dim": 64}, 64),
        ("lenet5", (28, 28, 1), {"use_dense": False}, 1024),
        ("resnet8", (8, 8, 3), {"feature_dim": 2}, 2),
        ("resnet8", (8, 8, 3), {"use_dense": False, "feature_dim": 64}, 64),
    ],
)
def test_the_layer_named_features_ends_the_network_with_its_width(name, shape, options, width):
    model = build(name, shape=shape, **options)
    assert model.layers[-1].name == "features"
    assert model.output.shape == (None, width)


def test_auxiliary_layer_is_linear_and_unpenalized():
    layer = build("resnet8").get_layer("features")
    assert isinstance(layer, keras.layers.Dense)
    assert layer.activation is keras.activations.linear
    assert layer.kernel_regularizer is None


@pytest.mark.parametrize("name", ["resnet8", "resnet11v2", "wrn-10-1", "lenet5"])
def test_penalty_is_weight_decay_times_the_squares_of_convolution_kernels(name):
    model = build(name, shape=(8, 8, 3), feature_dim=8, weight_decay=3e-4)
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    squares = sum(np.sum(np.asarray(kernel, np.float64) ** 2) for kernel in kernels)
    assert len(model.losses) == len(kernels)
    assert float(sum(model.losses)) == pytest.approx(3e-4 * squares, rel=1e-5)


def test_no_weight_decay_means_no_penalty():
    assert build("resnet8", weight_decay=0.0).losses == []


@pytest.mark.parametrize("name", ["resnet8", "wrn-10-1", "lenet5", "mnist"])
def test_the_seed_alone_decides_the_initial_weights(name):
    shape = (20, 20, 1)
    first = build(name, shape=shape, seed=7).get_weights()
    keras.utils.set_random_seed(99)
    again, other = (
        build(name, shape=shape, seed=7).get_weights(),
        build(name, shape=shape, seed=8).get_weights(),
    )
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        if a.ndim > 1:
            assert not np.array_equal(a, c)


def test_layers_of_one_shape_start_with_different_weights():
    model = build("resnet8")
    kernels = [np.asarray(model.get_layer(name).kernel) for name in ("conv2d_2", "conv2d_3")]
    assert kernels[0].shape == kernels[1].shape
    assert abs(np.corrcoef(kernels[0].ravel(), kernels[1].ravel())[0, 1]) < 0.1


def test_initialisation_is_he_normal():
    kernel = np.asarray(build("resnet20").get_layer("conv2d_19").kernel)
    assert kernel.shape == (3, 3, 64, 64)
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.02)


def test_leaky_relu_has_slope_a_tenth_everywhere():
    model = build("resnet8", use_leaky=True)
    activations = [layer for layer in model.layers if layer.name.startswith("activation")]
    for layer in activations:
        np.testing.assert_allclose(layer(np.float32([-2, 3])), [-0.2, 3], rtol=1e-6)
    assert len(activations) == 7


@pytest.mark.parametrize("use_bn", [True, False])
def test_leaky_networks_are_the_same_in_a_graph(use_bn):
    """TensorFlow's fusion of Keras' own leaky ReLU is wrong by a tenth of the logits without batch norms."""
    model = build("resnet8", use_leaky=True, use_bn=use_bn)
    images = tf.constant(np.random.default_rng(0).random((2, *model.input_shape[1:]), np.float32))
    eager = model(images).numpy()
    assert np.abs(tf.function(model)(images).numpy() - eager).max() < 1e-4 * np.abs(eager).max()


@pytest.mark.parametrize(("dropout", "rates"), [(None, [0.5]), (0.0, []), (0.3, [0.3])])
def test_dropout_of_the_mnist_network(dropout, rates):
    model = build("mnist", shape=(28, 28, 1), dropout=dropout)
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == rates


def test_dropout_of_the_wide_network_is_inside_every_block():
    model = build("wrn-16-1", dropout=0.3)
    parents = [
        layer.input._keras_history.operation.name.partition("_")[0]
        for layer in model.layers
        if isinstance(layer, keras.layers.Dropout)
    ]
    assert parents == ["activation"] * 6


@pytest.mark.parametrize(
    ("name", "shape", "options", "message"),
    [
        ("mnist", (8, 8, 1), {}, "20x20 pixels for mnist .lenet5 takes smaller.*mnist with images of 8x8"),
        ("lenet5", (3, 8, 1), {}, "4x4 pixels for lenet5"),
        ("resnet8", (8, 8, 3), {"use_dense": False, "feature_dim": 10}, "feature_dim.*Expected 64"),
        ("resnet8", (8, 8, 3), {"feature_dim": 0}, "feature_dim"),
        ("resnet8", (8, 8, 3), {"weight_decay": -1e-4}, "weight_decay"),
        ("resnet8", (8, 8, 3), {"dropout": 1.0}, "dropout"),
        ("resnet8", (8, 8, 3), {"seed": -1}, "seed"),
    ],
)
def test_impossible_networks_are_refused(name, shape, options, message):
    with pytest.raises(UserError, match=message):
        build(name, shape=shape, **options)
