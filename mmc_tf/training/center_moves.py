"""Centers of the center loss move once a training step, however many passes the step takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from mmc_tf.losses import CenterLoss, HeadLoss
from mmc_tf.models import head_call


class MovedOnce:
    """A head's loss for one training step: all its passes see the same centers, which move once, at the end.

    Wen et al. (ECCV 2016, Eq. 4) move each center once per mini-batch, by −α times the gradient of the center loss,
    divided by one plus the number of its members. Where the loss of a step is Σ_i w_i L_i over several passes (a clean
    and an adversarial one, half of each), that gradient has the same weights, and so has the number of members:

        c_j ← c_j − α Σ_{i: y_i=j} w_i (c_j − z_i) / (1 + Σ_{i: y_i=j} w_i)

    The weights need not be told: w_i is the derivative of the step's loss with respect to L_i. An image that the loss
    leaves out, as one beyond the hinge of max-margin training, moves no center.

    One object serves one step on one replica. Other losses pass through it.

    Args:
        loss: the head's loss.
    """

    def __init__(self, loss: HeadLoss):
        self._loss = loss
        self._passes: list[tuple[tf.Tensor, Any]] = []
        self.values: list[tf.Tensor] = []

    def per_example(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """The loss (N,); remembers a pass in training mode."""
        if not isinstance(self._loss, CenterLoss):
            return self._loss.per_example(labels, logits)
        values = self._loss.value(labels, logits)
        call = head_call(logits)
        if call.training:
            self._passes.append((labels, call))
            self.values.append(values)
        return values

    def move_centers(self, derivatives: Sequence[tf.Tensor], *, unit: tf.Tensor) -> None:
        """Moves the centers by all passes together.

        Args:
            derivatives: of the step's loss with respect to each of `values`, (N,) each.
            unit: what the derivative is of an example that counts in full.
        """
        if not self._passes:
            return
        features = [tf.cast(call.features, tf.float32) for _, call in self._passes]
        self._loss.move_centers(
            self._passes[0][1].head,
            tf.concat([labels for labels, _ in self._passes], axis=0),
            tf.concat(features, axis=0),
            tf.concat(derivatives, axis=0) / unit,
        )
