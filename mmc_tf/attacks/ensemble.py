"""Attacks one after the other, each on the examples that survived the ones before."""

from __future__ import annotations

import abc
import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mmc_tf.attacks.apgd_dlr import APGDDLR
from mmc_tf.attacks.apgd_margin import APGDMargin
from mmc_tf.attacks.apgd_t import APGDT
from mmc_tf.attacks.arguments import Batch
from mmc_tf.attacks.base import Attack
from mmc_tf.attacks.judging import is_within
from mmc_tf.attacks.oracle import Model
from mmc_tf.attacks.result import AttackResult, join
from mmc_tf.checks import argument_error

Stages = tuple[tuple[str, Attack], ...]
# What climbs differences of logits where a model has too few classes for an attack.
_WITH_FEWER_CLASSES = {APGDT: APGDDLR, APGDDLR: APGDMargin}


def fit_to_classes(kind: type[Attack], num_classes: int) -> type[Attack]:
    """The attack, or what stands in for it on a model of fewer classes than it needs.

    Args:
        kind: the attack's class.
        num_classes: L >= 2.

    Example:
        >>> [fit_to_classes(APGDT, num_classes).name for num_classes in (4, 3, 2)]
        ['apgd_t', 'apgd_dlr', 'apgd_margin']
    """
    while kind.least_classes > num_classes:
        kind = _WITH_FEWER_CLASSES[kind]
    return kind


@dataclass(frozen=True, kw_only=True)
class Ensemble(Attack):
    """The worst case over several attacks, found with the least work.

    An example leaves once it is broken; `AttackResult.broken_by` says by which stage.
    """

    takes_objective: ClassVar[bool] = False
    can_target: ClassVar[bool] = False
    takes_iterate: ClassVar[bool] = False

    @abc.abstractmethod
    def stages(self, num_classes: int) -> Stages:
        """The attacks in order, each with a label, for a model of `num_classes` classes."""

    def check_model(self, model: Model, batch: Batch) -> None:
        """Asks every stage."""
        for _, stage in self.stages(batch.num_classes):
            stage.check_model(model, batch)

    def attack(self, model: Model, batch: Batch) -> AttackResult:
        """Runs the stages on the survivors and joins their results."""
        original, joined, broken_by = batch, None, np.full(len(batch.labels), -1, np.int32)
        for number, (_, stage) in enumerate(self.stages(batch.num_classes)):
            result = stage.attack(model, batch)
            joined = result if joined is None else join(joined, result, batch.active)
            broken = batch.active & joined.misclassified
            broken_by[broken & (joined.clean_prediction == batch.labels)] = number
            batch = batch._replace(active=batch.active & ~broken)
            if not batch.active.any():
                break
        return dataclasses.replace(self._within(joined, original), broken_by=broken_by, objective=None)

    def _within(self, result: AttackResult, batch: Batch) -> AttackResult:
        """The result with the clean image where a search for the least distance found none in the ball."""
        outside = ~is_within(result.distance, norm=self.norm, epsilon=self.epsilon)
        return dataclasses.replace(
            result,
            adversarial=np.where(outside[:, None, None, None], batch.images, result.adversarial),
            found=result.found & ~outside,
            distance=np.where(outside, np.float32(0), result.distance),
            prediction=np.where(outside, result.clean_prediction, result.prediction),
        )

    def run(self, oracle: Any, images: Any, **arguments: Any):
        """Not for training: an ensemble is several compiled attacks.

        Raises:
            UserError: always.
        """
        raise argument_error("attack", "one attack, since ensembles cannot run inside a graph", self.name)
