"""Numbered, seeded layers: what the backbones are put together from."""

from __future__ import annotations

from collections import Counter

import keras
import numpy as np

from mmc_tf.checks import argument_error
from mmc_tf.models.activations import RisingLeakyReLU
from mmc_tf.models.backbones.options import BackboneOptions
from mmc_tf.models.convolution import GrayConv2D

LEAKY_SLOPE = 0.1


def position_seed(seed: int, position: int) -> int:
    """A seed for the layer at `position`, independent of those of its neighbours.

    One shared seed would give layers of the same shape the same weights.
    """
    return int(np.random.SeedSequence((seed, position)).generate_state(1)[0] >> 1)


class Stack:
    """Makes layers by the options and names them by kind and order of creation: `conv2d_1`, `conv2d_2`, …

    These are the names that Keras 2 gave the original's layers, by which its weight files can be read.

    Args:
        options: the backbone's options.
        use_bn: what `options.use_bn=None` means here.

    Example:
        >>> stack = Stack(BackboneOptions())
        >>> x = stack.activation(stack.norm(stack.conv(inputs, 16)))
    """

    def __init__(self, options: BackboneOptions, *, use_bn: bool = True):
        self.options = options
        self.use_bn = use_bn if options.use_bn is None else options.use_bn
        self._counts: Counter[str] = Counter()

    def _name(self, kind: str) -> str:
        self._counts[kind] += 1
        return f"{kind}_{self._counts[kind]}"

    def _seed(self) -> int:
        return position_seed(self.options.seed, self._counts.total())

    def conv(self, x, filters: int, *, kernel_size: int = 3, strides: int = 1, padding="same", use_bias=True):
        """A convolution with He initialisation and the L2 penalty on its kernel."""
        decay = self.options.weight_decay
        name = self._name("conv2d")
        kind = GrayConv2D if x.shape[-1] == 1 else keras.layers.Conv2D
        return kind(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            use_bias=use_bias,
            kernel_initializer=keras.initializers.HeNormal(seed=self._seed()),
            kernel_regularizer=keras.regularizers.L2(decay) if decay else None,
            name=name,
        )(x)

    def norm(self, x):
        """Batch normalization, or nothing where it is off."""
        return (
            keras.layers.BatchNormalization(name=self._name("batch_normalization"))(x) if self.use_bn else x
        )

    def activation(self, x):
        """ReLU, or leaky ReLU by `use_leaky`."""
        name = self._name("activation")
        if self.options.use_leaky:
            return RisingLeakyReLU(LEAKY_SLOPE, name=name)(x)
        return keras.layers.Activation("relu", name=name)(x)

    def add(self, shortcut, x):
        """The sum of a residual block's two paths."""
        return keras.layers.Add(name=self._name("add"))([shortcut, x])

    def pool(self, x):
        """The largest value of each 2 x 2 square."""
        return keras.layers.MaxPooling2D(2, name=self._name("max_pooling2d"))(x)

    def average(self, x):
        """The mean of each channel over the image."""
        return keras.layers.GlobalAveragePooling2D(name="pooling")(x)

    def flatten(self, x):
        """All values of an image in one row."""
        return keras.layers.Flatten(name="flatten")(x)

    def dropout(self, x, *, default: float = 0.0):
        """Dropout at the options' rate, or nothing where the rate is 0."""
        rate = default if self.options.dropout is None else self.options.dropout
        if not rate:
            return x
        name = self._name("dropout")
        return keras.layers.Dropout(rate, seed=self._seed(), name=name)(x)

    def dense(self, x, units: int, *, name: str | None = None):
        """A linear dense layer with He initialisation and no penalty, as in the original."""
        name = name or self._name("dense")
        initializer = keras.initializers.HeNormal(seed=self._seed())
        return keras.layers.Dense(units, kernel_initializer=initializer, name=name)(x)

    def features(self, x, *, auxiliary: bool = True):
        """Ends the network with the layer named `features`.

        Args:
            x: KerasTensor (N, width).
            auxiliary: whether the options' `use_dense` makes a dense layer here.

        Raises:
            UserError: if the features would be other than `x` and no dense layer is wanted.
        """
        width = x.shape[-1]
        feature_dim = self.options.feature_dim or width
        if self.options.use_dense and auxiliary:
            return self.dense(x, feature_dim, name="features")
        if feature_dim != width:
            raise argument_error(
                "feature_dim",
                f"{width}, the width of this network without the auxiliary dense layer",
                feature_dim,
            )
        return keras.layers.Identity(name="features")(x)
