"""The two small MNIST networks on whose robustness the attacks' order is known: one with MM centers, its softmax twin.

Convolutions 5x5 of 16 and 32 filters with stride 2, ReLU after each, 64 features; then the MMC head with C = 10,
or ReLU and a dense head. Adam at 1e-3, batches of 100, 4 epochs over 17,000 training images.
"""

from __future__ import annotations

import pathlib

import keras
import numpy as np

from mmc_tf.data import Split
from mmc_tf.files import check_archive, replacing, seal
from mmc_tf.losses import LOSSES
from mmc_tf.models.heads import HEADS

HEAD_OF = {"MMC": "mmc", "SCE": "dense"}  # by loss
TRAINING_IMAGES, EPOCHS, BATCH, LEARNING_RATE = 17_000, 4, 100, 1e-3


def build_network(loss: str, *, shape: tuple[int, int, int] = (28, 28, 1), seed: int = 0) -> keras.Model:
    """The untrained network that belongs to a loss, `MMC` or `SCE`."""

    def start(position: int) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=1000 * seed + position)

    images = keras.Input(shape)
    x = images
    for position, filters in enumerate((16, 32)):
        x = keras.layers.Conv2D(filters, 5, strides=2, activation="relu", kernel_initializer=start(position))(
            x
        )
    activation = None if loss == "MMC" else "relu"  # centers have coordinates of either sign
    x = keras.layers.Flatten()(x)
    features = keras.layers.Dense(64, activation=activation, kernel_initializer=start(2))(x)
    return keras.Model(images, HEADS.get(HEAD_OF[loss])(10)(features), name=loss.lower())


def train(loss: str, split: Split, *, epochs: int = EPOCHS, seed: int = 0) -> keras.Model:
    """The network trained on the split, shuffled by the seed."""
    model = build_network(loss, shape=split.images.shape[1:], seed=seed)
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss=LOSSES.get(loss)())
    images, labels = split.as_float(), split.labels
    for epoch in range(epochs):
        order = np.random.default_rng((seed, epoch)).permutation(len(labels))
        model.fit(images[order], labels[order], batch_size=BATCH, shuffle=False, verbose=0)
    return model


def load_or_train(loss: str, split: Split, folder: pathlib.Path, *, seed: int = 0) -> keras.Model:
    """The trained network from the folder, or trained now and saved there."""
    path = folder / f"{loss.lower()}-{len(split)}x{EPOCHS}-seed{seed}.keras"
    if path.is_file():
        check_archive(path, expected="a saved Keras model")
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    model = train(loss, split, seed=seed)
    with replacing(path) as temporary:
        model.save(temporary)
        seal(temporary)
    return model
