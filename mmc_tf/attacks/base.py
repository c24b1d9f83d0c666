"""What all attacks share: their settings, the checks of what comes in, compiling, and judging.

More than 300 lines, because one class explains to whoever writes an attack all that it may set and must give.
"""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.arguments import Batch, check_call, check_seed, check_targets_given
from mmc_tf.attacks.blindness import settle_blindness
from mmc_tf.attacks.crafting import attack_on_copy
from mmc_tf.attacks.judging import judge
from mmc_tf.attacks.majority import MAJORITY, RANDOM_PASSES, SURE
from mmc_tf.attacks.objectives import objectives
from mmc_tf.attacks.oracle import Evaluation, Look, Model, Oracle
from mmc_tf.attacks.packing import pack, unpack
from mmc_tf.attacks.result import AttackResult
from mmc_tf.checks import argument_error, check_choice, check_number
from mmc_tf.classifier import Classifier, look_at
from mmc_tf.classifier.calling import cannot_be_called
from mmc_tf.classifier.look import check_finite
from mmc_tf.classifier.notes import warn_of
from mmc_tf.classifier.scores import UNKNOWN_HEAD

ITERATES = ("any", "last")
ZERO_GRADIENT = 1e-30  # a denormal gradient is noise: below this l1 norm it counts as none


class Crafted(NamedTuple):
    """What `Attack.run` returns.

    Attributes:
        adversarial: (N, H, W, C).
        queries: (N,) int32, images sent forward for each example.
        gradients: (N,) int32, images sent backward for each example.
    """

    adversarial: tf.Tensor
    queries: tf.Tensor
    gradients: tf.Tensor


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
            as the papers did. A targeted attack of a fixed radius under `any` that misses its target returns the
            first misclassified iterate, if it went through one: so `misclassified` is true if and only if any
            iterate was. One for the least distance keeps what hits the target, or returns the clean image.

    Class attributes of an attack:
        name, summary: what it is registered and listed as.
        norms: the norms it has, its own first choice first.
        tunable_names: the numbers that its graph takes as tensors, counts under names with `num_`.
        family: prefix of the options that it alone has (`spsa` in `--spsa_samples`); its name if empty.
        takes_objective: whether it climbs an objective that can be chosen.
        own_objective: what it climbs if it cannot; None: nothing, or what no objective describes.
        can_target: whether it can aim at a class.
        differentiates: whether it needs gradients; the others attack any callable.
        radius: `fixed`: keeps to ε; `least`: looks for the nearest image, ε only judges; `none`: has no ε.
        takes_iterate: whether `iterate` decides what it returns.
        least_classes: L of the smallest model it can attack.
        packs: whether `run` gets the attacked examples alone, because its own work on the others, such as a projection
            in each of hundreds of steps, would cost as much as the model does.
        oracle_type: the class of what `run` asks.
    """

    name: ClassVar[str] = ""
    norms: ClassVar[tuple[str, ...]] = ()
    summary: ClassVar[str] = ""
    tunable_names: ClassVar[tuple[str, ...]] = ("epsilon",)
    family: ClassVar[str] = ""
    takes_objective: ClassVar[bool] = True
    own_objective: ClassVar[str | None] = None
    can_target: ClassVar[bool] = True
    differentiates: ClassVar[bool] = True
    radius: ClassVar[str] = "fixed"
    takes_iterate: ClassVar[bool] = True
    least_classes: ClassVar[int] = 2
    packs: ClassVar[bool] = False
    oracle_type: ClassVar[type[Oracle]] = Oracle

    epsilon: float
    norm: str = "linf"
    targeted: bool = False
    objective: str | None = None
    adaptive: bool = True
    iterate: str = "any"

    def __post_init__(self):
        self.check_radius()
        if self.norm not in self.norms:
            raise argument_error(
                "norm", f"one of {', '.join(self.norms)} for the attack {self.name}", self.norm
            )
        check_choice("iterate", self.iterate, ITERATES)
        if self.targeted and not self.can_target:
            raise argument_error("targeted", f"False: {self.name} is untargeted", True)
        if self.objective is not None:
            if not self.takes_objective:
                raise argument_error("objective", f"None: {self.name} has its own", self.objective)
            objectives.get(self.objective)

    def check_radius(self) -> None:
        """Raises a UserError unless ε is a radius the attack can use."""
        check_number("epsilon", self.epsilon, minimum=0)

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
        """The objective's name for a model with this head (None: a model without one of ours).

        `UNKNOWN_HEAD` stands for one where cross-entropy is blind: the margin takes its place.
        """
        if not self.takes_objective and self.own_objective is not None:
            return self.own_objective
        if self.objective is not None:
            return self.objective
        if not self.adaptive:
            return "ce"
        if head is UNKNOWN_HEAD:
            fitting = self.fitting_objective(None)
            return "margin" if fitting == "ce" else fitting
        return self.fitting_objective(head)

    def fitting_objective(self, head: Any) -> str:
        """What the attack climbs on this head unless told otherwise."""
        return getattr(head, "adaptive_objective", "ce")

    def objective_on(self, head: Any, *, is_blind: bool | None) -> str:
        """As `choose_objective`; where no head is known and cross-entropy is blind, as for `UNKNOWN_HEAD`.

        Args:
            head: of ours, or None.
            is_blind: whether cross-entropy was found to have hardly a gradient (`blindness`); asked without a head.
        """
        return self.choose_objective(UNKNOWN_HEAD if head is None and is_blind else head)

    def passes_per_look(self) -> int:
        """How often the clean image is sent through the model for one look at it."""
        return 1

    def votes_on(self, classifier: Classifier) -> int:
        """How many passes over an image make a gradient, their mean, and decide whether it is broken.

        One, unless the network draws at random.
        """
        return RANDOM_PASSES if classifier.found.is_random else 1

    def majority(self) -> float:
        """The share of those passes that must be more than wrong."""
        return MAJORITY

    def search_majority(self) -> float:
        """As `majority`, of the images that an attack tries: well above it, or it would stop at the first lucky ten."""
        return SURE

    def clean_majority(self) -> float:
        """As `majority`, of the clean image: a network that is wrong at any look at it is broken without an attack."""
        return 0.0

    def reach(self) -> float:
        """How far from the clean image its steps together can get, in its norm; infinity where nothing limits them."""
        return math.inf if getattr(self, "num_steps", 1) else 0.0

    def details(self) -> tuple[str, ...]:
        """Words that tell this attack apart from another one of its name: `("rand",)`."""
        return ()

    def check_model(self, model: Model, batch: Batch) -> None:
        """Makes sure, at the cost of one look, that the attack can work on a model.

        Args:
            model: the classifier.
            batch: a few examples, with targets if the attack is targeted.

        Raises:
            UserError: for an objective that does not fit the model, or too few classes for it.
        """
        if batch.num_classes < self.least_classes:
            expected = f"{self.least_classes} classes or more for the attack {self.name}"
            raise argument_error("model", expected, f"{batch.num_classes} classes")
        targeted = batch.targets is not None

        def ask(model: Classifier, images: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
            oracle = self.oracle(model, labels, targets if targeted else None)
            return (oracle.evaluate if self.differentiates else oracle.look)(images).objective

        classifier = Classifier.of(model)
        arguments = (batch.images, batch.labels, batch.targets if targeted else batch.labels)
        objective = self.objective_on(classifier.head, is_blind=classifier.found.is_blind)
        key = ("check", self.oracle_type, objective, self.differentiates, targeted)
        classifier.compiled(key, ask, tuple(map(tf.constant, arguments)))

    def oracle(
        self, model: Model | Classifier, labels: tf.Tensor, targets: tf.Tensor | None, **settings: Any
    ) -> Oracle:
        """What `run` may ask."""
        classifier = Classifier.of(model)
        chooser = functools.partial(self.objective_on, is_blind=classifier.found.is_blind)
        passes = self.votes_on(classifier)
        votes = {"num_samples": passes, "num_votes": passes, "majority": self.search_majority()}
        settings = {"choose_objective": chooser, **votes, **settings}
        return self.oracle_type(model, labels, targets, **settings)

    @abc.abstractmethod
    def run(
        self,
        oracle: Oracle,
        images: tf.Tensor,
        *,
        indices: tf.Tensor,
        seed: tf.Tensor,
        tunables: Mapping[str, tf.Tensor],
        clean: Evaluation | Look | None,
        active: tf.Tensor,
    ) -> Crafted:
        """Crafts adversarial images within ball and box, in plain TensorFlow.

        Args:
            oracle: answers for the model.
            images: (N, H, W, C) float32 clean images.
            indices: (N,) int64, all that random draws may depend on beside the seed.
            seed: scalar int64.
            tunables: the values of `tunables()` as scalar tensors, to be read instead of the attributes.
            clean: the oracle's evaluation of `images`, if it was made; a look if the attack does without
                gradients.
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

        Outside a `tf.function` the kept graph is checked as at every attack (`look_at`). All examples are attacked,
        misclassified ones too, and the model runs in evaluation mode. Call it outside the `GradientTape` of the
        training loss. Training wants `iterate="last"`.

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
        if not isinstance(seed, tf.Tensor):
            check_seed(seed)
        images = tf.convert_to_tensor(images)
        if not images.dtype.is_floating:
            raise argument_error("images", "float images in [0, 1]", f"type {images.dtype.name}")
        arguments = (
            tf.cast(images, tf.float32),
            labels,
            labels if targets is None else tf.cast(targets, tf.int32),
            tf.cast(indices, tf.int64),
            tf.cast(seed, tf.int64),
            as_tensors({**self.tunables(), **overrides}),
        )
        classifier = Classifier.of(model)
        if not tf.executing_eagerly():
            return self._perturb(classifier, *arguments)
        look_at(classifier, arguments[0])
        return classifier.compiled(("perturb", self.key_on(classifier)), self._perturb, arguments)(*arguments)

    def _perturb(self, classifier, images, labels, targets, indices, seed, tunables):
        crafted = self.run(
            self.oracle(classifier, labels, targets if self.targeted else None, packing=False),
            images,
            indices=indices,
            seed=seed,
            tunables=tunables,
            clean=None,
            active=tf.ones_like(labels, tf.bool),
        )
        return tf.stop_gradient(crafted.adversarial)

    def key_on(self, classifier: Classifier) -> tuple:
        """What a trace on a classifier depends on."""
        return (*self.static_key(), bool(classifier.found.is_blind), classifier.found.is_random)

    def __call__(
        self,
        model: Model,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        indices: np.ndarray | None = None,
        seed: int = 0,
        targets: np.ndarray | None = None,
        active: np.ndarray | None = None,
    ) -> AttackResult:
        """Attacks a batch and judges the outcome.

        Args:
            model: maps images (N, H, W, C) to logits (N, L): a `keras.Model`, which runs in evaluation mode, or any
                callable in TensorFlow; or a `Classifier` of one, which `crafting` makes faster. It is traced once
                per attack, whatever the size of the batch; keep the same object.
            images: (N, H, W, C) in [0, 1].
            labels: (N,) true labels in [0, L).
            indices: (N,) indices of the examples in the data set; None: 0 to N - 1. With the seed they decide
                all random draws.
            seed: integer >= 0.
            targets: (N,) wrong classes for a targeted attack; None draws them uniformly.
            active: (N,) bool, the examples to attack; None: all. The others cost nothing, come back unchanged,
                and nothing is said of them: their prediction is the label.

        Returns:
            The adversarial images and the verdicts.

        Raises:
            UserError: for arguments out of range.
        """
        if not tf.executing_eagerly():
            raise argument_error(
                "attack", "a call outside of any `tf.function` (within one: `perturb`)", "one in it"
            )
        classifier = Classifier.of(model)
        batch = check_call(
            classifier,
            images,
            labels,
            indices=indices,
            seed=seed,
            targets=targets,
            active=active,
            targeted=self.targeted,
        )
        try:
            result = self.attack(classifier, batch)
        except (tf.errors.InvalidArgumentError, tf.errors.UnknownError) as error:
            raise cannot_be_called(error) from error
        warn_of(result.notes)
        return result

    def attack(self, model: Model | Classifier, batch: Batch) -> AttackResult:
        """Attacks a batch whose arguments have been checked, and judges the outcome."""
        classifier = Classifier.of(model)
        self.choose_for(classifier, batch)
        if classifier.precision is not None:
            return attack_on_copy(self, classifier, batch)
        return self.judged(classifier, batch, *self.craft(classifier, batch))

    def choose_for(self, classifier: Classifier, batch: Batch) -> str | None:
        """The objective on a classifier, which is asked for gradients where nothing else tells; None: there is none.

        Args:
            classifier: the network.
            batch: examples, some of which are measured where no head is known (`blindness`).
        """
        open_to_choice = self.takes_objective and self.objective is None and self.adaptive
        if open_to_choice and self.choose_objective(None) == "ce":
            settle_blindness(classifier, batch.images[batch.active], batch.labels[batch.active])
        return self.climbed_on(classifier)

    def climbed_on(self, classifier: Classifier) -> str | None:
        """The objective's name on a classifier, by what is known of it; None where no name describes it."""
        return classifier.objective_for(self) if self.takes_objective else self.own_objective

    def judged(
        self,
        model: Classifier,
        batch: Batch,
        adversarial: tf.Tensor,
        crafted: Crafted,
        clean: Mapping[str, tf.Tensor],
        *,
        more_passes: int = 0,
    ) -> AttackResult:
        """The verdicts on what `craft` returned; `more_passes` images were sent forward beside that."""
        check_finite(clean["logits"].numpy()[batch.active])
        votes = self.votes_on(model)
        looks = batch.active * np.int32(max(self.passes_per_look(), votes))
        passes = int(looks.sum())
        # Every question is asked as often as there are votes; an attack with passes of its own has counted them.
        repeats = np.int32(votes if self.passes_per_look() == 1 else 1)
        queries = repeats * crafted.queries.numpy()
        return judge(
            model,
            batch,
            adversarial.numpy(),
            norm=self.norm,
            epsilon=self.epsilon,
            num_passes=votes,
            majority=self.majority(),
            objective=self.climbed_on(model),
            queries=queries + looks,
            zero_gradient=clean["zero_gradient"].numpy(),
            nonfinite_gradient=clean["nonfinite_gradient"].numpy(),
            clean_prediction=clean["prediction"].numpy(),
            forward_passes=int(queries.sum(dtype=np.int64)) + passes + more_passes,
            backward_passes=int(repeats * crafted.gradients.numpy().sum(dtype=np.int64))
            + passes * self.differentiates,
        )

    def craft(self, model: Classifier, batch: Batch) -> tuple[tf.Tensor, Crafted, dict[str, tf.Tensor]]:
        """The adversarial images, what they cost, and what the model says of the clean ones."""
        arguments = (
            tf.constant(batch.images),
            tf.constant(batch.labels),
            tf.constant(batch.labels if batch.targets is None else batch.targets),
            tf.constant(batch.indices, tf.int64),
            tf.constant(batch.seed, tf.int64),
            tf.constant(batch.active),
            as_tensors(self.tunables()),
        )
        return model.compiled(self.key_on(model), self._craft, arguments)(*arguments)

    def _craft(self, model, images, labels, targets, indices, seed, active, tunables):
        aims = targets if self.targeted else None
        oracle = self.oracle(model, labels, aims)
        eyes = self.oracle(model, labels, aims, majority=self.clean_majority())
        clean = (eyes.evaluate if self.differentiates else eyes.look)(images, active)
        attacked = active & tf.equal(clean.prediction, labels)
        rest = {"seed": seed, "tunables": tunables}
        if self.packs:
            crafted = self._run_packed(model, images, labels, targets, indices, attacked, clean, **rest)
        else:
            crafted = self.run(oracle, images, indices=indices, clean=clean, active=attacked, **rest)
        adversarial = tf.where(attacked[:, None, None, None], crafted.adversarial, images)
        if self.differentiates:
            nonfinite = active & ~clean.finite
            size = tf.reduce_sum(tf.abs(clean.gradient), axis=[1, 2, 3])
            zero = active & clean.finite & (size < ZERO_GRADIENT)
        else:
            zero = nonfinite = tf.zeros_like(active)
        report = {
            "prediction": clean.prediction,
            "logits": clean.logits,
            "zero_gradient": zero,
            "nonfinite_gradient": nonfinite,
        }
        return adversarial, crafted, report

    def _run_packed(self, model, images, labels, targets, indices, attacked, clean, **rest):
        """`run` on a batch of the attacked examples alone."""
        places, packed = pack(attacked, images, labels, targets, indices, attacked, *clean)
        some, labels, targets, indices, active, *seen = packed
        crafted = self.run(
            self.oracle(model, labels, targets if self.targeted else None),
            some,
            indices=indices,
            clean=type(clean)(*seen),
            active=active,
            **rest,
        )
        counts = (unpack(places, count) for count in (crafted.queries, crafted.gradients))
        return Crafted(unpack(places, crafted.adversarial, into=images), *counts)


def as_tensors(values: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Numbers as scalar tensors: counts, which are called `num_...`, as int32; None as the infinite radius."""

    def convert(name: str, value: float | None) -> tf.Tensor:
        value = np.inf if value is None else value
        return tf.cast(value, tf.int32 if name.startswith("num_") else tf.float32)

    return {name: convert(name, value) for name, value in values.items()}
