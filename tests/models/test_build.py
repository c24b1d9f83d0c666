"""Whole classifiers: preprocessing inside equals the same arithmetic outside, for every backbone and head."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.centers import random_centers, simplex_centers
from mmc_tf.checks import UserError
from mmc_tf.models import BackboneOptions, build_classifier, default_preprocessing, head_call, resolve
from mmc_tf.models.backbones import backbones
from mmc_tf.models.build import PREPROCESSING
from mmc_tf.models.heads import HEADS

SHAPES = {
    "resnet8": (4, 4, 3),
    "resnet11v2": (4, 4, 3),
    "wrn-10-1": (4, 4, 3),
    "mnist": (20, 20, 1),
    "lenet5": (4, 4, 2),
}


@functools.cache
def images_of(shape):
    """200 training images and 4 others, darker at the top, so that mean and covariance are not trivial."""
    images = np.random.default_rng(0).random((204, *shape)) * np.linspace(0.3, 1, shape[0])[:, None, None]
    return images[:200].astype(np.float32), images[200:].astype(np.float32)


def build(name, **settings):
    shape = settings.pop("input_shape", SHAPES[name])
    settings = {"num_classes": 3, "options": BackboneOptions(feature_dim=6, seed=3), **settings}
    return build_classifier(name, input_shape=shape, **settings)


@functools.cache
def plain(name):
    return build(name, preprocessing="none")


def outside(preprocessing, train, images):
    """What the original scripts do to images before the network sees them."""
    if preprocessing == "none":
        return images
    if preprocessing == "standardize":
        return tf.image.per_image_standardization(images)
    mean = train.mean(axis=0, dtype=np.float64)
    if preprocessing == "mean":
        return images - mean.astype(np.float32)
    values, vectors = np.linalg.eigh(
        np.cov(train.reshape(200, -1).astype(np.float64), rowvar=False, bias=True)
    )
    white = (
        (images - mean).reshape(len(images), -1) @ vectors / np.sqrt(np.maximum(values, 0) + 1e-6) @ vectors.T
    )
    return white.reshape(images.shape).astype(np.float32)


def test_every_backbone_is_here():
    assert {resolve(name).family for name in SHAPES} == set(backbones.names())


@pytest.mark.parametrize(
    ("name", "preprocessing"),
    # 200 images say nothing about the covariance of the 400 pixels that this network needs.
    [(name, p) for name in SHAPES for p in PREPROCESSING if (name, p) != ("mnist", "zca")],
)
def test_preprocessing_inside_equals_preprocessing_outside(name, preprocessing):
    train, images = images_of(SHAPES[name])
    model = build(name, preprocessing=preprocessing, training_images=train)
    expected = plain(name)(outside(preprocessing, train, images)).numpy()
    logits = model(images).numpy()
    tolerance = {"none": 0, "mean": 0, "standardize": 1e-4, "zca": 2e-2}[preprocessing]
    np.testing.assert_allclose(logits, expected, rtol=tolerance)
    assert logits.shape == (len(images), 3)
    assert logits.dtype == np.float32
    assert model.input_shape == (None, *SHAPES[name])


@pytest.mark.parametrize("name", SHAPES)
def test_the_features_layer_feeds_the_head(name):
    model, (_, images) = plain(name), images_of(SHAPES[name])
    call = head_call(model(images))
    features = keras.Model(model.input, model.get_layer("features").output)(images)
    assert model.layers[-1] is call.head
    assert features.shape == (4, 6)
    np.testing.assert_array_equal(call.features, features)
    np.testing.assert_array_equal(call.head(features), model(images))


@pytest.mark.parametrize("head", HEADS.names())
def test_heads_get_their_features_and_centers(head):
    model = build_classifier("lenet5", input_shape=(4, 4, 2), num_classes=3, head=head)
    assert type(model.layers[-1]) is HEADS.get(head)
    # MMA's LeNet5 ends in 1,024 ReLU units; features for centers need both signs.
    assert model.get_layer("features").output.shape == (None, 1024 if head == "dense" else 64)
    if HEADS.get(head).has_centers:
        np.testing.assert_allclose(model.layers[-1].centers, simplex_centers(3, 64, scale=10.0), atol=1e-6)
        centers = random_centers(3, 64, seed=1)
        model = build_classifier("lenet5", input_shape=(4, 4, 2), num_classes=3, head=head, centers=centers)
        np.testing.assert_array_equal(model.layers[-1].centers, centers.astype(np.float32))


def test_resnets_repeat_a_grey_image():
    grey = images_of((20, 20, 1))[1]
    colour = np.repeat(grey, 3, axis=-1)
    from_grey = build("resnet8", input_shape=(20, 20, 1), preprocessing="none")
    from_colour = build("resnet8", input_shape=(20, 20, 3), preprocessing="none")
    np.testing.assert_array_equal(from_grey(grey), from_colour(colour))
    wide = build("wrn-10-1", input_shape=(20, 20, 1))
    assert wide.get_layer("conv2d_1").kernel.shape[2] == 1


@pytest.mark.parametrize(
    ("name", "preprocessing"),
    [
        ("resnet32", "mean"),
        ("resnet110v2", "mean"),
        ("wrn-28-10", "standardize"),
        ("mnist", "none"),
        ("lenet5", "none"),
    ],
)
def test_default_preprocessing_is_the_sources(name, preprocessing):
    assert default_preprocessing(name) == preprocessing


def test_models_get_their_default_preprocessing():
    first = {name: build(name).layers[1].name for name in SHAPES}
    assert first == {
        "resnet8": "subtract_pixel_mean",
        "resnet11v2": "subtract_pixel_mean",
        "wrn-10-1": "per_image_standardization",
        "mnist": "conv2d_1",
        "lenet5": "conv2d_1",
    }


@pytest.mark.parametrize("head", ["dense", "lgm"])
def test_the_seed_alone_decides_the_weights(head):
    def weights(seed):
        options = BackboneOptions(feature_dim=6, seed=seed)
        return build("resnet8", head=head, options=options).get_weights()

    keras.utils.set_random_seed(1)
    first = weights(3)
    keras.utils.set_random_seed(2)
    again, other = weights(3), weights(4)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    drawn = [(a, b) for a, b in zip(first, other, strict=True) if a.ndim > 1 and np.ptp(a)]
    assert len(drawn) >= 11  # nine convolutions, features, head
    assert not any(np.array_equal(a, b) for a, b in drawn)


def test_the_constants_of_preprocessing_are_not_trained():
    train, _ = images_of((4, 4, 2))
    model = build("lenet5", preprocessing="zca", training_images=train)
    paths = {weight.path for weight in model.trainable_weights}
    assert {weight.path for weight in model.weights} - paths == {
        "zca_whitening/mean",
        "zca_whitening/matrix",
        "logits/centers",
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"centers": np.zeros((3, 5))}, r"`centers`.*shape \(3, 6\): classes, features.*\(3, 5\)"),
        ({"centers": np.zeros((4, 6))}, r"`centers`.*shape \(3, 6\).*\(4, 6\)"),
        ({"centers": np.zeros((3, 6)), "head": "dense"}, r"`centers`.*None for DenseLogits.*\(3, 6\)"),
        ({"head": "svm"}, "`head`.*one of dense, center, mmc, hmmc, mmlda, emc, lgm.*head=svm"),
        ({"preprocessing": "pca"}, "`preprocessing`.*one of mean, none, standardize, zca.*preprocessing=pca"),
        ({"num_classes": 1}, r"`num_classes`.*an integer >= 2.*num_classes=1"),
        ({"num_classes": 9}, r"`centers`.*at most d\+1 = 7 classes.*--centers=spread.*L = 9 and d = 6"),
        ({"input_shape": (8, 8)}, r"`input_shape`.*\(H, W, C\).*\(8, 8\)"),
        (
            {"preprocessing": "mean", "training_images": np.zeros((2, 8, 8, 3), np.uint8)},
            "divide uint8 images by 255",
        ),
        (
            {"preprocessing": "mean", "training_images": np.zeros((2, 5, 4, 2), np.float32)},
            r"shape \(4, 4, 2\)",
        ),
    ],
)
def test_mistakes_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        build("lenet5", **settings)


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("alexnet", None, r"`model`.*one of resnetD.*lenet5.*model=alexnet"),
        ("resnet9", None, r"nearest: 8 and 14.*depth 9"),
        ("resnet8", 2, r"D = 9n\+2"),
    ],
)
def test_unknown_models_are_named(name, version, message):
    with pytest.raises(UserError, match=message):
        build_classifier(name, input_shape=(8, 8, 3), num_classes=3, version=version)


def test_version_two_of_a_resnet():
    model = build("resnet11v2", version=2, preprocessing="none")
    assert model.name == "resnet11v2_mmc"
    images = images_of((4, 4, 3))[1]
    np.testing.assert_array_equal(model(images), plain("resnet11v2")(images))
