"""Transfer: images crafted on one network, judged on another."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.arguments import Batch
from mmc_tf.attacks.base import as_tensors
from mmc_tf.attacks.iterative import IterativeAttack
from mmc_tf.attacks.judging import judge
from mmc_tf.attacks.oracle import Model
from mmc_tf.attacks.registry import attacks, get
from mmc_tf.attacks.result import AttackResult
from mmc_tf.checks import argument_error, check_choice
from mmc_tf.classifier import Classifier, look_at, predict
from mmc_tf.classifier.look import check_finite

METHODS = ("pgd", "mim")


@dataclass(frozen=True, eq=False)
class Source:
    """A network to craft on: a name for the record, and the model, a callable from images to logits."""

    name: str
    model: Model


NOWHERE = Source("", None)


@attacks.register("transfer")
@dataclass(frozen=True, kw_only=True)
class Transfer(IterativeAttack):
    """Crafts on the source with its own best objective, and judges on the target (MMC, Section 4.4, Figure 4).

    Examples are attacked on the source up to the last step, those that it misclassifies too: an image
    that only just fools the source seldom fools another network. Targeted attacks transfer badly and are left
    out. On the network itself it is the white-box attack judged at its last iterate.

    Args:
        source: the network to craft on.
        method: `pgd` (from a random start) or `mim`.
        num_steps: 10 as in the paper, steps of 2/255 (linf).
        objective: what to climb on the source; None: margin on heads with centers, else cross-entropy.

    Raises:
        UserError: also without a source, and for one with other classes than the target (in the call).
    """

    name: ClassVar[str] = "transfer"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    summary: ClassVar[str] = "images crafted on other networks (--transfer_from) by PGD and MIM"
    can_target: ClassVar[bool] = False
    takes_iterate: ClassVar[bool] = False
    differentiates: ClassVar[bool] = False

    source: Source | None = None
    method: str = "pgd"

    def __post_init__(self):
        super().__post_init__()
        check_choice("method", self.method, METHODS)
        if not isinstance(self.source, Source):
            raise argument_error("transfer_from", "a network to craft on (a `Source`)", self.source)

    def run(self, *args: Any, **kwargs: Any):
        """Not for training: an oracle answers for one network.

        Raises:
            UserError: always.
        """
        raise argument_error("attack", f"{self.method} on the network to craft on, for training", self.name)

    def settings(self) -> dict[str, Any]:
        """The source by its name."""
        return super().settings() | {"source": self.source.name}

    def details(self) -> tuple[str, ...]:
        """The method and the source."""
        return self.method, f"from {self.source.name}"

    def check_model(self, model: Model, batch: Batch) -> None:
        """Looks at the source, whose classes and objective must fit."""
        source = Classifier.of(self.source.model)
        predict_checked(source, batch.images, batch.num_classes, "transfer_from")
        super().check_model(source, batch)

    def fitting_objective(self, head: Any) -> str:
        """What fools the source best."""
        return "mmc_margin" if getattr(head, "has_centers", False) else "ce"

    def attack(self, model: Model | Classifier, batch: Batch) -> AttackResult:
        """Crafts on the source, judges on `model`."""
        model, source = Classifier.of(model), Classifier.of(self.source.model)
        images, labels = tf.constant(batch.images), tf.constant(batch.labels)
        clean = predict_checked(model, batch.images, batch.num_classes, "model")
        source_clean = predict_checked(source, batch.images, batch.num_classes, "transfer_from")
        objective = self.choose_for(source, batch)
        attacked = batch.active & (clean == batch.labels)
        arguments = (
            images,
            labels,
            tf.constant(batch.indices, tf.int64),
            tf.constant(batch.seed, tf.int64),
            tf.constant(attacked),
            as_tensors(self.tunables()),
        )
        # What is compiled lives as long as the source: it must not hold it.
        anywhere = dataclasses.replace(self, source=NOWHERE)
        graph = source.compiled(anywhere.key_on(source), anywhere._craft_on, arguments)
        crafted = graph(*arguments).numpy()
        steps, votes = int(attacked.sum()) * self.num_steps, self.votes_on(model)
        result = judge(
            model,
            batch,
            np.where(attacked[:, None, None, None], crafted, batch.images),
            norm=self.norm,
            epsilon=self.epsilon,
            num_passes=votes,
            majority=self.majority(),
            queries=batch.active.astype(np.int32),
            zero_gradient=np.zeros(len(labels), bool),
            objective=objective,
            clean_prediction=clean,
            forward_passes=steps + 2 * int(batch.active.sum()),
            backward_passes=steps,
        )
        return dataclasses.replace(result, source_correct=source_clean == batch.labels)

    def _craft_on(self, source, images, labels, indices, seed, attacked, tunables):
        inner = get(self.method)(epsilon=self.epsilon, norm=self.norm, iterate="last")
        crafted = inner.run(
            self.oracle(source, labels, None),
            images,
            indices=indices,
            seed=seed,
            tunables=as_tensors(inner.tunables()) | tunables,
            clean=None,
            active=attacked,
        )
        return crafted.adversarial


def predict_checked(model: Classifier, images: np.ndarray, num_classes: int, name: str) -> np.ndarray:
    """Predictions (N,) of a model that must have `num_classes` classes.

    Raises:
        UserError: naming the argument `name`, if it has others or returns what is no logits.
    """
    found = look_at(model, images)
    if found != num_classes:
        raise argument_error(name, f"a network with {num_classes} classes", f"{found} classes")
    logits = model.logits(images)
    check_finite(logits.numpy())
    return predict(logits).numpy()
