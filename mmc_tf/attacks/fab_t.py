"""FAB-T: FAB with one class to aim at per run (Croce & Hein, ICML 2020; AutoAttack)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from mmc_tf.attacks.fab_base import FABAttack, Plane
from mmc_tf.attacks.objectives import Scores, pick
from mmc_tf.attacks.oracle import Oracle
from mmc_tf.attacks.registry import attacks
from mmc_tf.checks import check_number


@attacks.register("fab_t")
@dataclass(frozen=True, kw_only=True)
class FABT(FABAttack):
    """One run of FAB for each of the highest wrong classes of the clean logits; any wrong class counts.

    A step takes one gradient, of h_t - h_y, instead of L. Runs for later classes leave out the examples that
    are broken within ε already.

    Args:
        num_targets: classes >= 1 to aim at, at most L - 1 are.

    Example:
        >>> FABT(epsilon=8 / 255).settings()["num_targets"]
        9
    """

    name: ClassVar[str] = "fab_t"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    summary: ClassVar[str] = "fast adaptive boundary, towards each of the 9 likeliest classes in turn"
    tunable_names: ClassVar[tuple[str, ...]] = (*FABAttack.tunable_names, "num_targets")

    num_targets: int = 9

    def __post_init__(self):
        super().__post_init__()
        check_number("num_targets", self.num_targets, minimum=1, integer=True)

    def count_targets(self, num_classes: int, tunables: Mapping[str, tf.Tensor]) -> tf.Tensor | int:
        """Runs from each start, one for each class to aim at."""
        return tf.minimum(tunables["num_targets"], num_classes - 1)

    def look_for_plane(
        self, oracle: Oracle, point: tf.Tensor, active: tf.Tensor, ranked: tf.Tensor, target: tf.Tensor
    ) -> tuple[Plane, int]:
        """The plane of the class the run is about."""
        classes = ranked[:, target]
        seen = oracle.evaluate(point, active, objective=lead_of_target, targets=classes)
        return Plane(seen.objective, seen.gradient), 1


def lead_of_target(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None) -> tf.Tensor:
    """h_t - h_y, (N,)."""
    return pick(scores.logits, targets) - pick(scores.logits, labels)
