"""What all attacks share: their settings, the checks of what comes in, compiling, and judging."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.arguments import check_batch, check_targets_given, count_classes, resolve_targets
from mmc_tf.attacks.compiling import compiled, forward
from mmc_tf.attacks.judging import distances, is_valid
from mmc_tf.attacks.objectives import objectives
from mmc_tf.attacks.oracle import Evaluation, Model, Oracle, predict
from mmc_tf.attacks.result import AttackResult
from mmc_tf.checks import argument_error, check_choice, check_labels, check_number

ITERATES = ("any", "last")
ZERO_GRADIENT = 1e-30  # a denormal gradient is noise: below this l1 norm it counts as none


class Crafted(NamedTuple):
    """What `Attack.run` returns.

    Attributes:
        adversarial: (N, H, W, C).
        queries: (N,) int32, points at which each example was looked at.
        forward_calls: scalar int32, forward passes of the whole batch.
        backward_calls: scalar int32, backward passes of the whole batch.
    """

    adversarial: tf.Tensor
    queries: tf.Tensor
    forward_calls: tf.Tensor
    backward_calls: tf.Tensor


@dataclass(frozen=True, kw_only=True)
class Attack(abc.ABC):
    """A frozen set of settings with a call. Subclasses say how in `run`; everything else is here.

    Examples whose clean image is misclassified are not attacked: they are returned unchanged, at distance 0.
    An untargeted attack counts them as `success`, since the prediction is wrong.

    Args:
        epsilon: radius >= 0 in the attack's norm, in units of the pixels ([0, 1]).
        norm: `linf`, `l2` or `l1`, as far as the attack has it.
        targeted: aim at one wrong class per example instead of away from the true one.
        objective: name of what to climb (`mmc_tf.attacks.objectives`); None chooses by `adaptive`.
        adaptive: choose the objective that Appendix B.4 of the MMC paper assigns to the model's head; False:
            softmax cross-entropy, the naive protocol.
        iterate: `any` stops at the first iterate that reaches the goal; `last` always returns the last one,
            as the papers did. A targeted attack under `any` that misses its target returns the first
            misclassified iterate, if it went through one: so `misclassified` is true if and only if any
            iterate was.
    """

    name: ClassVar[str] = ""
    norms: ClassVar[tuple[str, ...]] = ()
    summary: ClassVar[str] = ""
    tunable_names: ClassVar[tuple[str, ...]] = ("epsilon",)

    epsilon: float
    norm: str = "linf"
    targeted: bool = False
    objective: str | None = None
    adaptive: bool = True
    iterate: str = "any"

    def __post_init__(self):
        check_number("epsilon", self.epsilon, minimum=0)
        if self.norm not in self.norms:
            raise argument_error(
                "norm", f"one of {', '.join(self.norms)} for the attack {self.name}", self.norm
            )
        check_choice("iterate", self.iterate, ITERATES)
        if self.objective is not None:
            objectives.get(self.objective)

    def settings(self) -> dict[str, Any]:
        """Every parameter by name, defaults resolved: what a record of the attack must hold."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"attack": self.name, **own, **self.tunables()}

    def tunables(self) -> dict[str, float | int]:
        """The numbers that compiled functions take as tensors, so that a new value costs no new trace."""
        return {name: getattr(self, name) for name in self.tunable_names}

    def static_key(self) -> tuple:
        """What a trace depends on: the attack and its settings, except the tunable ones."""
        names = [field.name for field in fields(self) if field.name not in self.tunable_names]
        return (type(self), *(getattr(self, name) for name in names))

    def choose_objective(self, head: Any) -> str:
        """The objective's name for a model with this head (None: a model without one of ours)."""
        if self.objective is not None:
            return self.objective
        return getattr(head, "adaptive_objective", "ce") if self.adaptive else "ce"

    @abc.abstractmethod
    def run(
        self,
        oracle: Oracle,
        images: tf.Tensor,
        *,
        indices: tf.Tensor,
        seed: tf.Tensor,
        tunables: Mapping[str, tf.Tensor],
        clean: Evaluation | None,
        active: tf.Tensor,
    ) -> Crafted:
        """Crafts adversarial images within ball and box, in plain TensorFlow.

        Args:
            oracle: answers for the model.
            images: (N, H, W, C) float32 clean images.
            indices: (N,) int64, all that random draws may depend on beside the seed.
            seed: scalar int64.
            tunables: the values of `tunables()` as scalar tensors, to be read instead of the attributes.
            clean: the oracle's evaluation of `images`, if it was made.
            active: (N,) bool, the examples to attack.

        Returns:
            The images and the counts of what was spent beyond `clean`.
        """

    def perturb(
        self,
        model: Model,
        images: tf.Tensor,
        labels: tf.Tensor,
        targets: tf.Tensor | None = None,
        *,
        indices: tf.Tensor,
        seed: int | tf.Tensor = 0,
        **overrides: tf.Tensor | float,
    ) -> tf.Tensor:
        """The attack alone, for use inside a `tf.function` or a training step: no checks, no verdict.

        All examples are attacked, misclassified ones too, and the model runs in evaluation mode. Call it
        outside the `GradientTape` of the training loss. Training wants `iterate="last"`.

        Args:
            model: maps images to logits.
            images: (N, H, W, C) float32 in [0, 1].
            labels: (N,) int32.
            targets: (N,) int32, if and only if the attack is targeted (`random_targets` draws some).
            indices: (N,) int64 indices of the examples in the data set.
            seed: scalar integer; in training another one for each step.
            overrides: scalar tensors to use instead of the attack's own `epsilon`, `step_size`, ...

        Returns:
            (N, H, W, C) float32 adversarial images, without gradient.

        Raises:
            UserError: if targets are missing or not asked for, or an override is unknown.
        """
        check_targets_given(targets, targeted=self.targeted)
        for name in overrides:
            check_choice("overrides", name, self.tunable_names)
        labels = tf.cast(labels, tf.int32)
        targets = None if targets is None else tf.cast(targets, tf.int32)
        crafted = self.run(
            Oracle(model, labels, targets, choose_objective=self.choose_objective),
            tf.convert_to_tensor(images),
            indices=tf.cast(indices, tf.int64),
            seed=tf.cast(seed, tf.int64),
            tunables=_as_tensors({**self.tunables(), **overrides}),
            clean=None,
            active=tf.ones_like(labels, tf.bool),
        )
        return tf.stop_gradient(crafted.adversarial)

    def __call__(
        self,
        model: Model,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        indices: np.ndarray | None = None,
        seed: int = 0,
        targets: np.ndarray | None = None,
    ) -> AttackResult:
        """Attacks a batch and judges the outcome.

        Args:
            model: maps images (N, H, W, C) to logits (N, L): a `keras.Model`, which runs in evaluation mode,
                or any callable in TensorFlow. It is traced once per attack and batch shape; keep the same
                object.
            images: (N, H, W, C) in [0, 1].
            labels: (N,) true labels in [0, L).
            indices: (N,) indices of the examples in the data set; None: 0 to N - 1. With the seed they decide
                all random draws.
            seed: integer >= 0.
            targets: (N,) wrong classes for a targeted attack; None draws them uniformly.

        Returns:
            The adversarial images and the verdicts.

        Raises:
            UserError: for arguments out of range.
        """
        images = check_batch(model, images)
        check_number("seed", seed, minimum=0, integer=True)
        size = len(images)
        indices = np.arange(size) if indices is None else check_labels("indices", indices, size=size)
        predict_logits = forward(model, tf.constant(images))
        num_classes = count_classes(predict_logits.structured_outputs, size=size, targeted=self.targeted)
        labels = check_labels("labels", labels, size=size, num_classes=num_classes)
        targets = resolve_targets(
            labels, targets, targeted=self.targeted, num_classes=num_classes, indices=indices, seed=seed
        )
        arguments = (
            tf.constant(images),
            tf.constant(labels),
            tf.constant(labels if targets is None else targets),
            tf.constant(indices, tf.int64),
            tf.constant(seed, tf.int64),
            _as_tensors(self.tunables()),
        )
        adversarial, crafted, clean = compiled(model, self.static_key(), self._craft, arguments)(*arguments)
        if not clean["finite"]:
            raise argument_error(
                "model", "finite logits on the clean images", "a model that returned NaN or inf"
            )
        logits = predict_logits(adversarial)
        prediction = predict(logits).numpy()
        adversarial = adversarial.numpy()
        distance = distances(adversarial, images, norm=self.norm)
        valid = is_valid(adversarial, distance, logits.numpy(), norm=self.norm, epsilon=self.epsilon)
        misclassified = valid & (prediction != labels)
        return AttackResult(
            adversarial=adversarial,
            success=misclassified if targets is None else valid & (prediction == targets),
            misclassified=misclassified,
            distance=distance.astype(np.float32),
            queries=crafted.queries.numpy() + 1,
            zero_gradient=clean["zero_gradient"].numpy(),
            prediction=prediction,
            clean_prediction=clean["prediction"].numpy(),
            targets=targets,
            forward_passes=size * (int(crafted.forward_calls) + 2),
            backward_passes=size * (int(crafted.backward_calls) + 1),
        )

    def _craft(self, model, images, labels, targets, indices, seed, tunables):
        targets = targets if self.targeted else None
        oracle = Oracle(model, labels, targets, choose_objective=self.choose_objective)
        clean = oracle.evaluate(images)
        active = tf.equal(clean.prediction, labels)
        crafted = self.run(
            oracle, images, indices=indices, seed=seed, tunables=tunables, clean=clean, active=active
        )
        adversarial = tf.where(active[:, None, None, None], crafted.adversarial, images)
        report = {
            "prediction": clean.prediction,
            "finite": tf.reduce_all(tf.math.is_finite(clean.logits)),
            "zero_gradient": tf.reduce_sum(tf.abs(clean.gradient), axis=[1, 2, 3]) < ZERO_GRADIENT,
        }
        return adversarial, crafted, report


def _as_tensors(values: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    integers = ("num_steps", "num_restarts")
    return {k: tf.cast(v, tf.int32 if k in integers else tf.float32) for k, v in values.items()}
