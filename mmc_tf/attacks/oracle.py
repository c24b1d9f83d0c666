"""What an attack may ask the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from mmc_tf.attacks.objectives import Objective, Scores, objectives, read_scores
from mmc_tf.attacks.packing import pack, unpack
from mmc_tf.checks import argument_error
from mmc_tf.models.voting import member_logits

Model = Callable[[tf.Tensor], tf.Tensor]


class Look(NamedTuple):
    """One forward pass.

    Attributes:
        logits: (N, L) as the model returns them.
        scores: (N, L) shifted logits: the same differences, to float32's precision.
        prediction: (N,) int32, arg max of the logits; ties go to the lowest class.
        objective: (N,) the objective.
    """

    logits: tf.Tensor
    scores: tf.Tensor
    prediction: tf.Tensor
    objective: tf.Tensor


class Evaluation(NamedTuple):
    """One forward and one backward pass: what a `Look` holds, and the gradient.

    Attributes:
        logits: (N, L).
        scores: (N, L) shifted logits.
        prediction: (N,) int32.
        objective: (N,).
        gradient: (N, H, W, C) of the objective in the images, 0 where it is not finite.
        finite: (N,) bool, whether all of the gradient was finite; False where nothing was asked.
    """

    logits: tf.Tensor
    scores: tf.Tensor
    prediction: tf.Tensor
    objective: tf.Tensor
    gradient: tf.Tensor
    finite: tf.Tensor


class ClassGradients(NamedTuple):
    """One forward pass and one backward pass per class asked for.

    Attributes:
        scores: (N, L) shifted logits.
        prediction: (N,) int32.
        gradients: (N, K, H, W, C) of the shifted logits of K classes in the images.
    """

    scores: tf.Tensor
    prediction: tf.Tensor
    gradients: tf.Tensor


def call_model(model: Model, images: tf.Tensor) -> tf.Tensor:
    """Logits in evaluation mode: moving averages, no dropout, also in the middle of a training step.

    They have the images' type, float32: what networks of another precision return is converted.
    """
    logits = model(images, training=False) if isinstance(model, keras.layers.Layer) else model(images)
    # A conversion that does nothing would still lose the head's tag.
    return logits if logits.dtype == images.dtype else tf.cast(logits, images.dtype)


def predict(logits: tf.Tensor) -> tf.Tensor:
    """(N, L) -> (N,) int32."""
    return tf.argmax(logits, axis=-1, output_type=tf.int32)


class Oracle:
    """A model, the labels and targets of a batch, and the objective: all an attack needs to know.

    Every question takes `active`, (N,) bool: only these examples are sent through the model, packed into a
    smaller batch. The answers for the others are the label as prediction and zeros elsewhere.

    Args:
        model: maps images (N, H, W, C) to logits (N, L).
        labels: (N,) int32 true labels.
        targets: (N,) int32 targets, or None for an untargeted attack.
        choose_objective: maps the model's head (or None) to the name of the objective.
        packing: heed `active`; False where the shape of the batch must not depend on its content.
        num_samples: passes whose mean is the gradient, for models that draw at random in every pass.
    """

    def __init__(
        self,
        model: Model,
        labels: tf.Tensor,
        targets: tf.Tensor | None,
        *,
        choose_objective: Callable[[Any], str],
        packing: bool = True,
        num_samples: int = 1,
    ):
        self.labels = labels
        self.targets = targets
        self._model = model
        self._choose_objective = choose_objective
        self._packing = packing
        self._num_samples = num_samples

    def predictions(self, images: tf.Tensor, active: tf.Tensor | None = None) -> tf.Tensor:
        """(N,) int32 predicted classes, by a forward pass."""
        where, (images,) = self._pack(active, images)
        prediction = predict(call_model(self._model, images))
        return unpack(where, prediction, into=self.labels)

    def look(
        self,
        images: tf.Tensor,
        active: tf.Tensor | None = None,
        *,
        objective: Objective | None = None,
        targets: tf.Tensor | None = None,
    ) -> Look:
        """Prediction and objective, by one forward pass; for models that need not be differentiable.

        Args:
            images: (N, H, W, C).
            active: (N,) bool, whom to ask about; None: all.
            objective: what to compute instead of the attack's own objective: a function of scores, labels and
                targets.
            targets: (N,) int32, what the objective gets instead of the attack's own targets.
        """
        where, (images, labels, targets) = self._pack(
            active, images, self.labels, self.targets if targets is None else targets
        )
        logits, scores, values = self._forward(images, labels, targets, objective)
        prediction = unpack(where, predict(logits), into=self.labels)
        return Look(unpack(where, logits), unpack(where, scores.logits), prediction, unpack(where, values))

    def evaluate(
        self,
        images: tf.Tensor,
        active: tf.Tensor | None = None,
        *,
        objective: Objective | None = None,
        targets: tf.Tensor | None = None,
    ) -> Evaluation:
        """Prediction, objective and gradient, by one forward and one backward pass.

        Args:
            images: (N, H, W, C).
            active: (N,) bool, whom to ask about; None: all.
            objective: as in `look`.
            targets: as in `look`.

        Raises:
            UserError: if the model is not differentiable.
        """
        where, (images, labels, targets) = self._pack(
            active, images, self.labels, self.targets if targets is None else targets
        )
        logits, scores, values, raw = self._differentiate(images, labels, targets, objective)
        gradient, finite = _finite(raw), _is_finite(raw)

        def add_sample(number, values, gradient, finite):
            *_, another, raw = self._differentiate(images, labels, targets, objective)
            return number + 1, values + another, gradient + _finite(raw), finite & _is_finite(raw)

        if self._num_samples > 1:
            # A loop in the graph: unrolled, it would hold the model as many times.
            _, values, gradient, finite = tf.while_loop(
                lambda number, *_: number < self._num_samples,
                add_sample,
                (tf.constant(1), values, gradient, finite),
                parallel_iterations=1,
            )
        share = 1.0 / self._num_samples
        prediction = unpack(where, predict(logits), into=self.labels)
        return Evaluation(
            unpack(where, logits),
            unpack(where, scores.logits),
            prediction,
            unpack(where, share * values),
            unpack(where, share * gradient),
            unpack(where, finite),
        )

    def class_gradients(
        self, images: tf.Tensor, classes: tf.Tensor, active: tf.Tensor | None = None
    ) -> ClassGradients:
        """The shifted logits and the gradients of K of them, by one forward and K backward passes.

        Args:
            images: (N, H, W, C).
            classes: (N, K) int32.
            active: (N,) bool, whom to ask about; None: all.

        Raises:
            UserError: if the model is not differentiable.
        """
        where, (images, classes) = self._pack(active, images, classes)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = call_model(self._model, images)
            scores = read_scores(logits).logits

        _check_not_a_vote(logits)

        def gradient_of(one: tf.Tensor) -> tf.Tensor:
            seeds = tf.one_hot(one, scores.shape[-1], dtype=scores.dtype)
            return _finite(tape.gradient(scores, images, output_gradients=seeds))

        gradients = tf.map_fn(
            gradient_of, tf.transpose(classes), fn_output_signature=images.dtype, parallel_iterations=1
        )
        prediction = unpack(where, predict(logits), into=self.labels)
        gradients = tf.transpose(gradients, [1, 0, 2, 3, 4])
        return ClassGradients(unpack(where, scores), prediction, unpack(where, gradients))

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

    def _pack(self, active: tf.Tensor | None, *values: tf.Tensor | None):
        return pack(active if self._packing else None, *values)

    def _forward(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        targets: tf.Tensor | None,
        objective: Objective | None,
    ) -> tuple[tf.Tensor, Scores, tf.Tensor]:
        logits = call_model(self._model, images)
        scores = read_scores(logits)
        if objective is None:
            objective = objectives.get(self._choose_objective(scores.head))
        return logits, scores, objective(scores, labels, targets)

    def _differentiate(self, images, labels, targets, objective):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits, scores, values = self._forward(images, labels, targets, objective)
            # A mean would divide the gradients by N, and push small ones below the least float32.
            total = tf.reduce_sum(values)
        gradient = tape.gradient(total, images)
        if gradient is None:
            _check_not_a_vote(logits)
        return logits, scores, values, gradient


def _check_not_a_vote(logits: tf.Tensor) -> None:
    """Raises a UserError if the logits are a majority vote's, which looks flat to whoever follows gradients."""
    if member_logits(logits) is not None:
        raise argument_error(
            "attack",
            "vote_pgd, which follows the members' gradients, or an attack without gradients (spsa, square, "
            "gaussian, rotation, transfer), for an ensemble",
            "one along the gradient of a majority vote, which has none",
        )


def _is_finite(gradient: tf.Tensor) -> tf.Tensor:
    """(N,) bool, whether each example's gradient (N, H, W, C) is finite throughout."""
    return tf.reduce_all(tf.math.is_finite(gradient), axis=[1, 2, 3])


def _finite(gradient: tf.Tensor | None) -> tf.Tensor:
    """The gradient with zeros where it is not finite."""
    if gradient is None:
        raise argument_error(
            "model", "a model differentiable in its images (gradient-free attacks do without)", "no gradient"
        )
    return tf.where(tf.math.is_finite(gradient), gradient, tf.zeros_like(gradient))
