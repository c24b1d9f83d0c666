"""Max-margin adversarial training (Ding et al., "MMA Training", ICLR 2020, Algorithms 1 and 2)."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from mmc_tf.attacks.objectives import tempered_slm
from mmc_tf.attacks.oracle import Oracle
from mmc_tf.attacks.shortest import NORMS, shortest_perturbation
from mmc_tf.checks import check_choice, check_number
from mmc_tf.classifier import call_model, predict, read_scores
from mmc_tf.models.heads import Head, head_call
from mmc_tf.training.memory import Memory
from mmc_tf.training.recipes.base import METHODS, Recipe, step_seed
from mmc_tf.training.recipes.settings import MethodSettings

MAX_OVER_MARGIN = 1.05  # M / d_max (Appendix C)
# By how much an example at its center leads, once logits are divided by the temperature of its head.
CENTER_LEAD = 10.0


@METHODS.register("mma")
class MaxMarginTraining(Recipe):
    """Minimizes w·L(x, y) + (1 − w)·L_MMA, where L_MMA holds the loss at the boundary for correct examples (Eq. 7, 8).

    L_MMA = 1/m · [Σ_{i correct, e*_i < d_max} L(x_i + δ*_i, y_i) + Σ_{j wrong} L(x_j, y_j)] over a batch of m, with δ*
    the shortest perturbation to SLM = 0 that AN-PGD finds, e* its length. AN-PGD starts at the length that it found
    for the same example an epoch before; those lengths are the recipe's memory, 0 for a wrong example. Which example
    is correct is asked of the clean forward pass of the step, by masks: all examples of a batch are sent through.

    Center heads: their logits differ by ‖µ_i − µ_j‖² (222 at C_MM 10, ten classes), where SLM is the hard margin and
    softmax cross-entropy is 0 or linear. They are divided by T = min ‖µ_i − µ_j‖²/10, so that an example at its
    center leads by 10, whatever C_MM and the number of classes. The temperature divides logits in the search, in what
    counts as correct and in `margin_loss="ce"`; the head's own loss stays as it is.

    Args:
        norm: `linf` or `l2`.
        max_margin: d_max > 0; M = 1.05 d_max is how far AN-PGD looks.
        min_radius: e_min > 0, AN-PGD's first radius for examples without history; M where larger.
        num_steps: K >= 1 steps of AN-PGD.
        num_bisections: halvings of its bracket.
        clean_weight: w in [0, 1]; ⅓ in the paper.
        temperature: T > 0; None: 1, and the above for center heads.
        margin_loss: `head`, the loss that the head is trained with, or `ce`, T times softmax cross-entropy of h/T; for
            a dense head at T = 1 they are the same. It is the loss of L_MMA; the clean term has the head's.
        correct_by: `slm`, SLM < 0, as the authors' code, or `prediction`, as the paper.
        seed: of the search's starts.

    Raises:
        UserError: for a value out of range.
    """

    accuracy_on = "clean"
    has_first_gradient = True

    def __init__(
        self,
        *,
        norm: str = "linf",
        max_margin: float,
        min_radius: float,
        num_steps: int,
        num_bisections: int = 10,
        clean_weight: float = 1 / 3,
        temperature: float | None = None,
        margin_loss: str = "head",
        correct_by: str = "slm",
        seed: int = 0,
    ):
        self.norm = check_choice("norm", norm, NORMS)
        self.max_margin = check_number("max_margin", max_margin, above=0)
        self.min_radius = check_number("min_radius", min_radius, above=0)
        self.num_steps = check_number("num_steps", num_steps, minimum=1, integer=True)
        self.num_bisections = check_number("num_bisections", num_bisections, minimum=0, integer=True)
        self.clean_weight = check_number("clean_weight", clean_weight, minimum=0, maximum=1)
        self.temperature = temperature
        self.margin_loss = check_choice("margin_loss", margin_loss, ("head", "ce"))
        self.correct_by = check_choice("correct_by", correct_by, ("slm", "prediction"))
        self.seed = seed
        self._memory: Memory | None = None
        self.description = (
            f"max-margin training, {norm}, d_max {max_margin:g}, AN-PGD-{num_steps} from {min_radius:g}, "
            f"clean weight {clean_weight:.3g}, margin loss {margin_loss}"
        )

    @classmethod
    def from_settings(cls, settings: MethodSettings) -> MaxMarginTraining:
        """With the settings' clean weight."""
        return cls(
            norm=settings.norm,
            max_margin=settings.max_margin,
            min_radius=settings.min_radius,
            num_steps=settings.num_steps,
            num_bisections=settings.num_bisections,
            clean_weight=settings.clean_weight,
            temperature=settings.temperature,
            margin_loss=settings.margin_loss,
            correct_by=settings.correct_by,
            seed=settings.seed,
        )

    def create_state(self, *, num_examples, batch_size, image_shape):
        """The length found last for each training example; e_min at first."""
        self._memory = Memory((num_examples,), initial=self.min_radius)

    @property
    def variables(self):
        """The memory (N,)."""
        return () if self._memory is None else (self._memory.variable,)

    def forward(self, model, loss, batch, step):
        """The combined loss; accuracy is counted on the clean images."""
        images, labels, indices = batch["images"], batch["labels"], batch["indices"]
        clean_logits = model(images, training=True)
        temperature = softmax_temperature(self.temperature, clean_logits)
        correct = self._correct(clean_logits, labels, temperature)
        found = shortest_perturbation(
            model,
            images,
            labels,
            norm=self.norm,
            initial_radius=tf.maximum(self._memory.read(indices), self.min_radius),
            max_radius=MAX_OVER_MARGIN * self.max_margin,
            num_steps=self.num_steps,
            num_bisections=self.num_bisections,
            indices=indices,
            seed=step_seed(self.seed, step),
            active=correct,
            soft_margin=tempered_slm(temperature),
        )
        self._memory.write(indices, found.radius)
        # Where no boundary was found the search ends at M, beyond the hinge.
        counts = tf.cast(~correct | (found.radius < self.max_margin), tf.float32)
        logits = model(found.adversarial, training=True)
        total = (1.0 - self.clean_weight) * counts * self._margin_term(loss, labels, logits, temperature)
        if self.clean_weight:
            total += self.clean_weight * loss.per_example(labels, clean_logits)
        return total, clean_logits

    def first_gradient(self, model, batch, step):
        """The gradient of the soft margin at x."""
        del step
        images = batch["images"]
        temperature = softmax_temperature(self.temperature, call_model(model, images))
        oracle = Oracle(model, batch["labels"], None, choose_objective=lambda head: "slm", packing=False)
        return oracle.evaluate(images, objective=tempered_slm(temperature)).gradient

    def _correct(self, logits, labels, temperature) -> tf.Tensor:
        if self.correct_by == "prediction":
            return tf.equal(predict(logits), labels)
        return tf.stop_gradient(tempered_slm(temperature)(read_scores(logits), labels)) < 0

    def _margin_term(self, loss, labels, logits, temperature) -> tf.Tensor:
        if self.margin_loss == "head":
            return loss.per_example(labels, logits)
        # Times T: in units of the logits, as the head's loss beside it.
        scaled = read_scores(logits).logits / temperature
        return temperature * tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scaled)


@METHODS.register("omma")
class OnlyMaxMarginTraining(MaxMarginTraining):
    """`MaxMarginTraining` without the clean term: L_MMA alone (Eq. 7; Appendix E)."""

    @classmethod
    def from_settings(cls, settings: MethodSettings) -> OnlyMaxMarginTraining:
        """With clean weight 0."""
        return super().from_settings(dataclasses.replace(settings, clean_weight=0.0))


def softmax_temperature(chosen: float | None, logits: Any) -> float | tf.Tensor:
    """The temperature chosen, or that of the head which made `logits`; 1 for a model without one of ours."""
    if chosen is not None:
        return chosen
    call = head_call(logits)
    return 1.0 if call is None else head_temperature(call.head)


def head_temperature(head: Head) -> float | tf.Tensor:
    """T that makes softmax meaningful on a head's logits: min_{i≠j} ‖µ_i − µ_j‖²/10 where the loss is a distance.

    At its center an example leads by ‖µ_i − µ_j‖². MMLDA and dense heads are trained through softmax as they are, at 1.

    Args:
        head: of `mmc_tf.models.heads`.

    Returns:
        A number, or a scalar tensor without gradient.
    """
    if not head.has_centers or head.adaptive_objective != "mmc":
        return 1.0
    centers = tf.convert_to_tensor(head.centers)
    squares = tf.reduce_sum(tf.square(centers[:, None, :] - centers), axis=-1)
    apart = tf.linalg.set_diag(squares, tf.fill(tf.shape(squares)[:1], float("inf")))
    return tf.stop_gradient(tf.reduce_min(apart) / CENTER_LEAD)
