"""Training images from which crafting sees no way: their gradient is exactly zero."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmc_tf.data import Split
from mmc_tf.training.measuring import make_measure
from mmc_tf.training.monitors.base import Monitor
from mmc_tf.training.recipes.base import Recipe

WORTH_SAYING = 0.01  # of the images, as in evaluation
# A radius that grows has long been whole.
_LATE = 2**31 - 1


class ZeroGradients(Monitor):
    """Counts, after every epoch, the images whose gradient for crafting is exactly zero.

    Half precision holds no number below 6e-8: what is smaller is zero, and the image stays where its attack began.

    Args:
        model: the network, in the precision that it is trained in.
        recipe: one with `has_first_gradient`.
        split: some training images.
        strategy: any.
    """

    def __init__(self, model: keras.Model, recipe: Recipe, split: Split, *, strategy: tf.distribute.Strategy):
        self._split = split
        self._share: float | None = None

        def is_zero(batch: dict[str, tf.Tensor]) -> tf.Tensor:
            gradient = recipe.first_gradient(model, batch, tf.constant(_LATE, tf.int64))
            return tf.cast(tf.reduce_max(tf.abs(gradient), axis=[1, 2, 3]) == 0, tf.float32)

        self._measure = make_measure(is_zero, strategy=strategy)

    def end_epoch(self, epoch, step):
        """`zero_gradients`, their share in [0, 1]."""
        self._share = float(np.mean(self._measure(self._split)))
        return {"zero_gradients": self._share}

    def state(self) -> dict[str, Any]:
        """The share of the last epoch."""
        return {"share": self._share}

    def restore(self, state):
        """Takes the share of the last epoch."""
        self._share = state["share"]

    def finish(self):
        """The share after the last epoch."""
        return {} if self._share is None else {"zero_gradients": self._share}


def describe_zero_gradients(share: float) -> str | None:
    """The warning on a share of images without a gradient; None where it is not worth one."""
    if share < WORTH_SAYING:
        return None
    return (
        f"warning ZERO_GRADIENT: after the last epoch the gradient in the image is exactly zero on {share:.0%} of the "
        "training images looked at; adversarial training left them where their attack began. "
        "See docs/warnings.md#zero_gradient."
    )
