"""What the first layers of a network say of its pixels."""

import keras
import numpy as np
import pytest

from mmc_tf.classifier.expected_range import expected_range
from mmc_tf.models import build_classifier

layers = keras.layers
BYTES, UNIT, SIGNED = (0.0, 255.0), (0.0, 1.0), (-1.0, 1.0)
# Of ImageNet, in [0, 1].
MEAN, SPREAD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def network(*first):
    return keras.Sequential([keras.Input((8, 8, 3)), *first, layers.Flatten(), layers.Dense(2)])


def normalized(mean, spread):
    return layers.Normalization(mean=mean, variance=np.square(spread))


@pytest.mark.parametrize(
    ("first", "pixels"),
    [
        ([layers.Rescaling(1 / 255)], BYTES),
        ([layers.Rescaling(1 / 256)], BYTES),
        ([layers.Rescaling(1 / 127.5, offset=-1)], BYTES),
        ([layers.Rescaling(1 / 128, offset=-1)], BYTES),
        ([layers.Rescaling(1 / 255, offset=-0.5)], BYTES),
        ([layers.Rescaling(2.0, offset=-1.0)], UNIT),
        ([layers.Rescaling(255.0)], UNIT),
        ([layers.Rescaling(0.5, offset=0.5)], SIGNED),
        ([layers.Rescaling(1.0)], None),
        ([layers.Rescaling(0.7)], None),
        ([layers.Rescaling(0.1)], None),
        ([normalized(255 * MEAN, 255 * SPREAD)], BYTES),  # ConvNeXt
        ([normalized(33.3, 78.6)], BYTES),  # MNIST
        ([layers.Rescaling(1 / 255), normalized(MEAN, SPREAD)], BYTES),  # EfficientNet
        ([layers.Rescaling((1 / 255 / SPREAD).tolist(), offset=(-MEAN / SPREAD).tolist())], BYTES),
        ([normalized(MEAN, SPREAD)], None),  # [0, 1] or −1 to 1
        ([normalized(2 * MEAN - 1.3, 2 * SPREAD)], SIGNED),
        ([normalized([0.0] * 3, [1.0] * 3)], None),
        ([layers.RandomFlip("horizontal"), layers.ZeroPadding2D(1), layers.Rescaling(1 / 255)], BYTES),
        ([layers.Conv2D(3, 1), layers.Rescaling(1 / 255)], None),
        ([layers.BatchNormalization()], None),
        ([], None),
    ],
    ids=str,
)
def test_leading_layers_tell_the_range(first, pixels):
    assert expected_range(network(*first)) == pixels


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_that_was_saved_says_the_same(tmp_path):
    for model in (network(layers.Rescaling(1 / 255)), network(normalized(255 * MEAN, 255 * SPREAD))):
        model.save(tmp_path / "model.keras")
        assert expected_range(keras.saving.load_model(tmp_path / "model.keras")) == BYTES


def test_nested_models_are_opened():
    first = keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)])
    inputs = keras.Input((8, 8, 3))
    body = network(normalized(MEAN, SPREAD))
    assert expected_range(keras.Model(inputs, body(first(inputs)))) == BYTES
    assert expected_range(keras.Model(inputs, network(layers.Rescaling(1 / 255))(inputs))) == BYTES


def test_the_arithmetic_of_keras_applications_is_read():
    inputs = keras.Input((8, 8, 3))
    for preprocess in (
        keras.applications.mobilenet_v2.preprocess_input,  # x / 127.5 − 1
        keras.applications.resnet.preprocess_input,  # BGR − mean
        keras.applications.densenet.preprocess_input,  # (x / 255 − mean) / deviation
        lambda x: 2 * (x / 255) - 1,
    ):
        outputs = layers.Dense(2)(layers.Flatten()(preprocess(inputs)))
        assert expected_range(keras.Model(inputs, outputs)) == BYTES


def test_a_fork_tells_nothing():
    inputs = keras.Input((8, 8, 3))
    scaled = layers.Rescaling(1 / 255)(inputs)
    forked = layers.Dense(2)(layers.Flatten()(layers.Concatenate()([inputs, scaled])))
    assert expected_range(keras.Model(inputs, forked)) is None


@pytest.mark.parametrize("preprocessing", ["none", "mean", "standardize", "zca"])
def test_our_own_networks_say_nothing_against_0_to_1(preprocessing):
    ours = build_classifier("lenet5", input_shape=(8, 8, 1), num_classes=3, preprocessing=preprocessing)
    assert expected_range(ours) is None


class Subclassed(keras.Model):
    def call(self, images):
        return images[:, 0, 0, :]


def test_what_has_no_graph_is_not_asked():
    assert expected_range(Subclassed()) is None
    assert expected_range(lambda images: images) is None
