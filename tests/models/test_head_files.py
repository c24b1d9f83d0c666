"""Heads through their configuration, through files, and in models that Keras builds late."""

import inspect

import keras
import numpy as np
import pytest
import scipy.io
from head_zoo import (
    CENTER_HEADS,
    CENTERS,
    CLASSES,
    FEATURES,
    IMAGES,
    NAMES,
    VALUES,
    away_from_its_initial_values,
    make_head,
    make_model,
)

from mmc_tf.centers import make_centers, simplex_centers
from mmc_tf.models.heads import HEADS, head_call

# Keras' own conversion of variables, on the way to the file.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def settings_of(name):
    """A value other than the default for every argument of the constructor."""
    settings = {"num_classes": 5, "scale": 3.0, "seed": 7, "centers": "random"}
    arguments = inspect.signature(HEADS.get(name)).parameters
    assert arguments.keys() <= settings.keys() | {"kwargs"}, "an argument without a value here"
    return {key: value for key, value in settings.items() if key in arguments}


@pytest.mark.parametrize("name", NAMES)
def test_config_holds_every_argument_and_makes_the_same_layer(name):
    settings = settings_of(name)
    head = HEADS.get(name)(**settings, name="mine")
    config = head.get_config()
    assert {**config, **settings, "name": "mine"} == config
    twin = type(head).from_config(config)
    assert twin.get_config() == config
    np.testing.assert_array_equal(twin(VALUES), head(VALUES))
    assert HEADS.get(name)(**{**settings, "num_classes": 6})(VALUES).shape == (6, 6)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_decides_the_initial_logits(name):
    first, again, other = (
        HEADS.get(name)(**{**settings_of(name), "seed": seed})(VALUES).numpy() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("centers", ["simplex", "random", "spread", CENTERS])
@pytest.mark.parametrize("name", CENTER_HEADS)
def test_centers_are_what_their_name_says(name, centers):
    head = make_head(name, centers=centers, scale=7.0, seed=3)
    head.build((None, FEATURES))
    expected = centers
    if isinstance(centers, str):
        expected = make_centers(centers, CLASSES, FEATURES, scale=7.0, seed=3)
    np.testing.assert_array_equal(head.centers, expected.astype(np.float32))
    if name == "emc":
        np.testing.assert_array_equal(head.prior_centers, head.centers)


@pytest.mark.parametrize("settings", [{}, {"centers": "simplex"}, {"centers": "random", "seed": 4}])
@pytest.mark.parametrize("name", CENTER_HEADS)
def test_center_heads_come_back_from_a_file(name, settings, tmp_path):
    check_file(make_model(name, **settings), tmp_path)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CENTER_HEADS])
def test_other_heads_come_back_from_a_file(name, tmp_path):
    check_file(make_model(name), tmp_path)


def check_file(model, folder):
    away_from_its_initial_values(model.layers[-1])
    model.save(folder / "model.keras")
    restored = keras.saving.load_model(folder / "model.keras")
    logits = restored(IMAGES)
    np.testing.assert_array_equal(logits, model(IMAGES))
    assert type(head_call(logits).head) is type(model.layers[-1])
    for weight, other in zip(restored.weights, model.weights, strict=True):
        assert weight.trainable == other.trainable
        np.testing.assert_array_equal(weight, other)


@pytest.mark.parametrize("suffix", [".mat", ".npy"])
def test_a_saved_model_needs_the_file_of_its_centers_no_more(suffix, tmp_path):
    path = tmp_path / f"centers{suffix}"
    if suffix == ".mat":
        scipy.io.savemat(path, {"mean_logits": CENTERS})
    else:
        np.save(path, CENTERS)
    model = make_model("mmc", centers=str(path), scale=2.0)
    np.testing.assert_allclose(model.layers[-1].centers, 2.0 * CENTERS, rtol=1e-6)
    path.unlink()
    check_file(model, tmp_path)
    twin = keras.models.clone_model(model)
    np.testing.assert_allclose(twin.layers[-1].centers, 2.0 * CENTERS, rtol=1e-6)


class Subclassed(keras.Model):
    def __init__(self, name):
        super().__init__()
        self.features = keras.layers.Dense(FEATURES)
        self.head = HEADS.get(name)(CLASSES, scale=2.0)

    def call(self, images, training=None):
        return self.head(self.features(images), training=training)


@pytest.mark.parametrize("name", CENTER_HEADS)
@pytest.mark.parametrize("kind", ["subclassed", "sequential"])
def test_centers_are_there_in_models_that_keras_builds_at_the_first_fit(kind, name):
    model = Subclassed(name)
    if kind == "sequential":
        model = keras.Sequential([keras.layers.Dense(FEATURES), HEADS.get(name)(CLASSES, scale=2.0)])
    model.compile(keras.optimizers.SGD(0.0), loss="mse")
    model.fit(IMAGES, np.zeros((6, CLASSES)), verbose=0)
    expected = simplex_centers(CLASSES, FEATURES, scale=2.0)
    np.testing.assert_allclose(model.layers[-1].centers, expected, atol=1e-6)
