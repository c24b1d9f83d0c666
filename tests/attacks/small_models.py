"""Small networks with fixed random weights, whose gradients are neither zero nor constant."""

from __future__ import annotations

import keras
import numpy as np

from mmc_tf.models.heads import HEADS


def small_model(
    head: str = "dense", *, num_classes: int = 4, shape=(6, 6, 2), seed: int = 3, **options
) -> keras.Model:
    """A convolution, tanh, eight features, a head; all weights follow from the seed."""
    inputs = keras.Input(shape)
    x = keras.layers.Conv2D(6, 3, strides=2, activation="tanh")(inputs)
    x = keras.layers.Dropout(0.5, seed=0)(x)
    features = keras.layers.Dense(8)(keras.layers.Flatten()(x))
    model = keras.Model(inputs, HEADS.get(head)(num_classes, **options)(features))
    generator = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(generator.normal(0, 1 / np.sqrt(max(weight.shape[0], 4) / 4), weight.shape))
    return model


def small_images(size: int = 24, *, shape=(6, 6, 2), seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (size, *shape)).astype(np.float32)


def predictions(model, images) -> np.ndarray:
    return np.argmax(np.asarray(model(images)), axis=1).astype(np.int32)
