"""A recipe: how a batch becomes a loss. One training method a file."""

from __future__ import annotations

import abc
from typing import Any

import keras
import tensorflow as tf

from mmc_tf.losses import HeadLoss
from mmc_tf.registry import Registry
from mmc_tf.training.recipes.settings import MethodSettings

METHODS: Registry[type[Recipe]] = Registry("method")

# Steps are mixed into the seed above it, so that two steps never share a draw.
_STEPS_PER_SEED = 2**31


class Recipe(abc.ABC):
    """How one batch becomes a loss, within the training step's graph and on one replica.

    Recipes are built once and draw at random from (seed, step, example index). What a recipe remembers from step to
    step is in `variables`, which checkpoints hold.

    Class attributes:
        num_replays: steps that follow each other on the same batch; an instance may have its own.
        needs_image_gradient: whether `absorb` is to be called with the gradient in the images.
        has_first_gradient: whether crafting follows a gradient that `first_gradient` can show.
        accuracy_on: `clean` or `adversarial`: the images whose accuracy the log has.
        reach: of an instance that crafts by steps within a fixed radius, how far these get together, and the radius.
    """

    description = ""
    num_replays: int = 1
    needs_image_gradient = False
    has_first_gradient = False
    accuracy_on = "adversarial"
    reach: tuple[float, float] | None = None

    @classmethod
    def from_settings(cls, settings: MethodSettings) -> Recipe:
        """The recipe that a training command asks for."""
        del settings
        return cls()

    def create_state(self, *, num_examples: int, batch_size: int, image_shape: tuple[int, ...]) -> None:
        """Makes what is remembered; called once, in the strategy's scope.

        Args:
            num_examples: training images; an example's index is below it.
            batch_size: of the global batch.
            image_shape: (H, W, C).
        """
        del num_examples, batch_size, image_shape

    @property
    def variables(self) -> tuple[tf.Variable, ...]:
        """What is remembered from step to step; empty before `create_state`."""
        return ()

    def prepare(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The batch as `forward` and `absorb` get it."""
        return batch

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

    def first_gradient(self, model: keras.Model, batch: dict[str, tf.Tensor], step: tf.Tensor) -> tf.Tensor:
        """The gradient (B, H, W, C) that crafting follows from a batch's images; exactly 0 where it is blind."""
        raise NotImplementedError

    def absorb(self, batch: dict[str, tf.Tensor], image_gradient: tf.Tensor, step: tf.Tensor) -> None:
        """Remembers what the gradient of the loss in `batch["images"]` teaches; of a scaled loss it is scaled too."""
        raise NotImplementedError


def step_seed(seed: int, step: tf.Tensor) -> tf.Tensor:
    """A seed of its own for every step of a run, int64."""
    return tf.constant(seed * _STEPS_PER_SEED, tf.int64) + tf.cast(step, tf.int64)
