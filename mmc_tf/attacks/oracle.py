"""What an attack may ask the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from mmc_tf.attacks.objectives import objectives, read_scores
from mmc_tf.checks import argument_error

Model = Callable[[tf.Tensor], tf.Tensor]


class Evaluation(NamedTuple):
    """One look at the model.

    Attributes:
        logits: (N, L).
        prediction: (N,) int32, arg max of the logits; ties go to the lowest class.
        objective: (N,) the objective.
        gradient: (N, H, W, C) its gradient in the images.
    """

    logits: tf.Tensor
    prediction: tf.Tensor
    objective: tf.Tensor
    gradient: tf.Tensor


def call_model(model: Model, images: tf.Tensor) -> tf.Tensor:
    """Logits in evaluation mode: moving averages, no dropout, also in the middle of a training step."""
    if isinstance(model, keras.layers.Layer):
        return model(images, training=False)
    return model(images)


def predict(logits: tf.Tensor) -> tf.Tensor:
    """(N, L) -> (N,) int32."""
    return tf.argmax(logits, axis=-1, output_type=tf.int32)


class Oracle:
    """A model, the labels and targets of a batch, and the objective: all an attack needs to know.

    Args:
        model: maps images (N, H, W, C) to logits (N, L).
        labels: (N,) int32 true labels.
        targets: (N,) int32 targets, or None for an untargeted attack.
        choose_objective: maps the model's head (or None) to the name of the objective.
    """

    def __init__(
        self,
        model: Model,
        labels: tf.Tensor,
        targets: tf.Tensor | None,
        *,
        choose_objective: Callable[[Any], str],
    ):
        self.labels = labels
        self.targets = targets
        self._model = model
        self._choose_objective = choose_objective

    def predictions(self, images: tf.Tensor) -> tf.Tensor:
        """(N,) int32 predicted classes, by a forward pass."""
        return predict(call_model(self._model, images))

    def evaluate(self, images: tf.Tensor) -> Evaluation:
        """Prediction, objective and gradient, by one forward and one backward pass.

        Raises:
            UserError: if the model is not differentiable.
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = call_model(self._model, images)
            scores = read_scores(logits)
            objective = objectives.get(self._choose_objective(scores.head))
            values = objective(scores, self.labels, self.targets)
            # A mean would divide the gradients by N, and push small ones below the least float32.
            total = tf.reduce_sum(values)
        gradient = tape.gradient(total, images)
        if gradient is None:
            raise argument_error(
                "model",
                "a model differentiable in its images (gradient-free attacks do without)",
                "no gradient",
            )
        gradient = tf.where(tf.math.is_finite(gradient), gradient, tf.zeros_like(gradient))
        return Evaluation(logits, predict(logits), values, gradient)

    def rank(self, prediction: tf.Tensor) -> tf.Tensor:
        """How far a prediction satisfies the attack: 2 its goal, 1 wrong but not the target, 0 the true
        label.

        Args:
            prediction: (N,) int32.

        Returns:
            (N,) int32.
        """
        wrong = tf.not_equal(prediction, self.labels)
        goal = wrong if self.targets is None else tf.equal(prediction, self.targets)
        return tf.where(goal, 2, tf.where(wrong, 1, 0))
