"""All layers of ours, for a model of your own: heads, preprocessing, a convolution.

Importing this module, or `mmc_tf.losses`, is what lets `keras.saving.load_model` restore a saved network.

Example:
    >>> import keras, mmc_tf.layers, mmc_tf.losses
    >>> images = keras.Input((8, 8, 1))
    >>> features = keras.layers.Dense(16)(keras.layers.Flatten()(images))
    >>> model = keras.Model(images, mmc_tf.layers.MMCLogits(10, scale=10.0)(features))
    >>> model.compile("sgd", loss=mmc_tf.losses.MMC(), metrics=["sparse_categorical_accuracy"])
"""

import mmc_tf.losses  # noqa: F401  registers the losses too
from mmc_tf.models.activations import RisingLeakyReLU
from mmc_tf.models.convolution import GrayConv2D
from mmc_tf.models.heads import (
    CenterLossLogits,
    DenseLogits,
    EMCLogits,
    Head,
    HMMCLogits,
    LGMLogits,
    MMCLogits,
    MMLDALogits,
)
from mmc_tf.models.preprocessing import (
    PerImageStandardization,
    RepeatChannels,
    SubtractPixelMean,
    ZCAWhitening,
)

__all__ = [
    "CenterLossLogits",
    "DenseLogits",
    "EMCLogits",
    "GrayConv2D",
    "HMMCLogits",
    "Head",
    "LGMLogits",
    "MMCLogits",
    "MMLDALogits",
    "PerImageStandardization",
    "RepeatChannels",
    "RisingLeakyReLU",
    "SubtractPixelMean",
    "ZCAWhitening",
]
