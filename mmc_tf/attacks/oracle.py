"""What an attack may ask the model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from mmc_tf.attacks.majority import MAJORITY, most_of
from mmc_tf.attacks.objectives import Objective, objectives
from mmc_tf.attacks.packing import pack, unpack
from mmc_tf.checks import argument_error
from mmc_tf.classifier import Classifier, Reading, members_behind, predict
from mmc_tf.classifier.calling import Network as Model

# What an example's gradient at the head is scaled to on its way through a network in float16, which holds 6e-8 to
# 65504: on a fresh ResNet-32 it grows by 2e3 towards the pixels, and 4096 overflows on nine images of ten.
HALF_SCALE = 16.0


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


class Oracle:
    """A model, the labels and targets of a batch, and the objective: all an attack needs to know.

    Every question takes `active`, (N,) bool: only these examples are sent through the model, packed into a
    smaller batch. The answers for the others are the label as prediction and zeros elsewhere.

    Args:
        model: the classifier, or a network that `Classifier.of` takes.
        labels: (N,) int32 true labels.
        targets: (N,) int32 targets, or None for an untargeted attack.
        choose_objective: maps the model's head (or None) to the name of the objective.
        packing: heed `active`; False where the shape of the batch must not depend on its content.
        num_samples: passes whose mean is the gradient, for models that draw at random in every pass.
        num_votes: passes over an image that decide what is predicted (`majority.most_of`), not one lucky draw; those
            of `num_samples` are among them.
        majority: the share of them that must be more than wrong.
    """

    def __init__(
        self,
        model: Model | Classifier,
        labels: tf.Tensor,
        targets: tf.Tensor | None,
        *,
        choose_objective: Callable[[Any], str],
        packing: bool = True,
        num_samples: int = 1,
        num_votes: int = 1,
        majority: float = MAJORITY,
    ):
        self.labels = labels
        self.targets = targets
        self._model = Classifier.of(model)
        self._choose_objective = choose_objective
        self._packing = packing
        self._num_samples = num_samples
        self._num_votes = max(num_samples, num_votes)
        self._majority = majority

    def predictions(self, images: tf.Tensor, active: tf.Tensor | None = None) -> tf.Tensor:
        """(N,) int32 predicted classes, by a forward pass, or by what most of several passes say."""
        where, (images, labels, targets) = self._pack(active, images, self.labels, self.targets)
        prediction = self._decide(self._model.read(images).logits, images, labels, targets)
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
        reading, values = self._forward(images, labels, targets, objective)
        prediction = self._decide(reading.logits, images, labels, targets)
        return Look(
            unpack(where, reading.logits),
            unpack(where, reading.scores.logits),
            unpack(where, prediction, into=self.labels),
            unpack(where, values),
        )

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
        reading, values, raw = self._differentiate(images, labels, targets, objective)
        gradient, finite = _finite(raw), _is_finite(raw)
        if self._num_samples == 1:
            prediction = self._decide(reading.logits, images, labels, targets)
        else:

            def add_sample(number, values, gradient, finite, votes):
                reading, another, raw = self._differentiate(images, labels, targets, objective)
                gradient, finite = gradient + _finite(raw), finite & _is_finite(raw)
                return number + 1, values + another, gradient, finite, votes + _votes(reading.logits)

            # A loop in the graph: unrolled, it would hold the model as many times.
            _, values, gradient, finite, votes = tf.while_loop(
                lambda number, *_: number < self._num_samples,
                add_sample,
                (tf.constant(1), values, gradient, finite, _votes(reading.logits)),
                parallel_iterations=1,
            )
            share = 1.0 / self._num_samples
            values, gradient = share * values, share * gradient
            prediction = most_of(votes, labels, targets, majority=self._majority)
        return Evaluation(
            unpack(where, reading.logits),
            unpack(where, reading.scores.logits),
            unpack(where, prediction, into=self.labels),
            unpack(where, values),
            unpack(where, gradient),
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
        where, (images, classes, *around) = self._pack(active, images, classes, self.labels, self.targets)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(images)
            reading = self._model.read(images)
            scores = reading.scores.logits

        _check_not_a_vote(reading.logits)

        def gradient_of(one: tf.Tensor) -> tf.Tensor:
            seeds = tf.one_hot(one, scores.shape[-1], dtype=scores.dtype)
            return _finite(_image_gradient(tape, scores, images, reading, seeds))

        gradients = tf.map_fn(
            gradient_of, tf.transpose(classes), fn_output_signature=images.dtype, parallel_iterations=1
        )
        prediction = self._decide(reading.logits, images, *around)
        prediction = unpack(where, prediction, into=self.labels)
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
    ) -> tuple[Reading, tf.Tensor]:
        reading = self._model.read(images)
        if objective is None:
            objective = objectives.get(self._choose_objective(reading.scores.head))
        return reading, objective(reading.scores, labels, targets)

    def _differentiate(self, images, labels, targets, objective):
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(images)
            reading, values = self._forward(images, labels, targets, objective)
        # The gradient of the sum: a mean would divide by N, and push small ones below the least float32.
        gradient = _image_gradient(tape, values, images, reading, tf.ones_like(values))
        if gradient is None:
            _check_not_a_vote(reading.logits)
        return reading, values, gradient

    def _decide(self, logits, images, labels, targets):
        """What is predicted, (N,) int32: by one pass, whose logits are here, or what most of several passes say."""
        if self._num_votes == 1:
            return predict(logits)
        _, votes = tf.while_loop(
            lambda number, votes: number < self._num_votes,
            lambda number, votes: (number + 1, votes + _votes(self._model.read(images).logits)),
            (tf.constant(1), _votes(logits)),
            parallel_iterations=1,
        )
        return most_of(votes, labels, targets, majority=self._majority)


def _votes(logits: tf.Tensor) -> tf.Tensor:
    """(N, L + 1): one at the class predicted, in the last column where the logits are not finite."""
    prediction, num_classes = predict(logits), logits.shape[-1]
    return tf.one_hot(tf.where(prediction < 0, num_classes, prediction), num_classes + 1)


def _check_not_a_vote(logits: tf.Tensor) -> None:
    """Raises a UserError if the logits are a majority vote's, which looks flat to whoever follows gradients."""
    if members_behind(logits) is not None:
        raise argument_error(
            "attack",
            "vote_pgd, which follows the members' gradients, or an attack without gradients (spsa, square, "
            "gaussian, rotation, transfer), for an ensemble",
            "one along the gradient of a majority vote, which has none",
        )


def _image_gradient(
    tape: tf.GradientTape, values: tf.Tensor, images: tf.Tensor, reading: Reading, seeds: tf.Tensor
) -> tf.Tensor | None:
    """The gradient (N, H, W, C) of the sum of `seeds` times `values` in the images; None where there is none.

    Args:
        tape: a persistent one that saw how the images became the values.
        values: (N,) or (N, L).
        images: (N, H, W, C).
        reading: the forward pass behind the values.
        seeds: of the values' shape.
    """
    if not reading.in_half:
        return tape.gradient(values, images, output_gradients=seeds)
    weights = _half_weights(tape, values, reading, seeds)
    scaled = tf.reshape(weights, [-1] + [1] * (values.shape.rank - 1)) * seeds
    gradient = tape.gradient(values, images, output_gradients=scaled)
    return None if gradient is None else gradient / weights[:, None, None, None]


def _half_weights(tape: tf.GradientTape, values: tf.Tensor, reading: Reading, seeds: tf.Tensor) -> tf.Tensor:
    """Powers of two (N,) by which examples' gradients are multiplied on their way through float16.

    Cross-entropy's gradient of the logits is 1e-10 where the true class leads by 23: in float16 everything below
    6e-8 is zero, and everything above 65504 infinite. Each example's gradient at the head is brought to the same
    size, which float16 holds.
    """
    anchor = reading.logits if reading.scores.features is None else reading.scores.features
    gradient = tape.gradient(values, anchor, output_gradients=seeds)
    if gradient is None:
        return HALF_SCALE * tf.ones_like(reading.logits[:, 0])
    size = tf.reduce_max(tf.abs(gradient), axis=-1)
    size = tf.where(tf.math.is_finite(size) & (size > 0), size, HALF_SCALE)
    return tf.pow(
        2.0, tf.clip_by_value(tf.floor(tf.math.log(HALF_SCALE / size) / math.log(2.0)), -100.0, 100.0)
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
