"""A recipe: how a batch becomes a loss. One training method a file."""

from __future__ import annotations

import abc
from typing import Any

import keras
import tensorflow as tf

from mmc_tf.losses import HeadLoss
from mmc_tf.registry import Registry

METHODS: Registry[type[Recipe]] = Registry("method")


class Recipe(abc.ABC):
    """How one batch becomes a loss, within the training step's graph and on one replica.

    Recipes are built once, hold settings only, and draw at random from (seed, step, example index).
    """

    description = ""

    @abc.abstractmethod
    def forward(
        self, model: keras.Model, loss: HeadLoss, batch: dict[str, tf.Tensor], step: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        """The loss to minimize and the logits to count accuracy on.

        Args:
            model: the classifier; called with `training=True` where its gradient is wanted.
            loss: the head's loss.
            batch: `images` float32 (B, H, W, C) in [0, 1], `labels` int32 (B,), `indices` int64 (B,).
            step: int64 scalar, the steps done before this one.

        Returns:
            Loss per example (B,), and logits (B, L) still carrying their head's tag.
        """
