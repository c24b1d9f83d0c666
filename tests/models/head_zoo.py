"""What the tests of heads share."""

import keras
import numpy as np

from mmc_tf.models.heads import HEADS

NAMES = HEADS.names()
CENTER_HEADS = ["mmc", "hmmc", "mmlda", "emc"]
CLASSES, FEATURES = 3, 4
IMAGES = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
VALUES = np.random.default_rng(1).normal(size=(6, FEATURES)).astype(np.float32)
CENTERS = np.random.default_rng(2).normal(size=(CLASSES, FEATURES))


def make_head(name, **settings):
    if name in CENTER_HEADS:
        settings.setdefault("centers", CENTERS)
    return HEADS.get(name)(CLASSES, **settings)


def make_model(name, **settings):
    inputs = keras.Input((5,))
    features = keras.layers.Dense(
        FEATURES, name="features", kernel_initializer=keras.initializers.HeNormal(1)
    )
    return keras.Model(inputs, make_head(name, **settings)(features(inputs)))


def away_from_its_initial_values(head):
    for weight in head.weights:
        weight.assign_add(np.random.default_rng(1).normal(0, 0.3, weight.shape))
    return head
