"""APGD-T: Auto-PGD at one wrong class after another (Croce & Hein, ICML 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from mmc_tf.attacks.apgd import APGD, Plan
from mmc_tf.attacks.oracle import Evaluation, Oracle
from mmc_tf.attacks.registry import attacks
from mmc_tf.attacks.target_runs import aim, wrong_classes
from mmc_tf.checks import check_number

NUM_TARGETS = {"linf": 9, "l2": 9, "l1": 5}


@attacks.register("apgd_t")
@dataclass(frozen=True, kw_only=True)
class APGDT(APGD):
    """APGD on the targeted `dlr` of each of the highest wrong classes of the clean image in turn.

    Untargeted: any wrong class is success, and an example leaves once it is broken. Needs a model with 4
    classes.

    Args:
        num_targets: wrong classes >= 1 to aim at, all of them if the model has fewer; None: 9, in l1 5
            (AutoAttack).

    Example:
        >>> APGDT(epsilon=12.0, norm="l1").settings()["num_targets"]
        5
    """

    name: ClassVar[str] = "apgd_t"
    summary: ClassVar[str] = "Auto-PGD on the targeted DLR of the highest wrong classes in turn"
    tunable_names: ClassVar[tuple[str, ...]] = (*APGD.tunable_names, "num_targets")
    can_target: ClassVar[bool] = False
    least_classes: ClassVar[int] = 4
    climbs: ClassVar[str] = "dlr"

    num_targets: int | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.num_targets is not None:
            check_number("num_targets", self.num_targets, minimum=1, integer=True)

    def tunables(self) -> dict[str, float | int]:
        """Also the number of targets, resolved."""
        num_targets = NUM_TARGETS[self.norm] if self.num_targets is None else self.num_targets
        return {**super().tunables(), "num_targets": num_targets}

    def plan(
        self,
        oracle: Oracle,
        images: tf.Tensor,
        *,
        tunables: Mapping[str, tf.Tensor],
        clean: Evaluation | None,
    ) -> Plan:
        """All targets once, then all once more."""
        scores = (oracle.look(images) if clean is None else clean).scores
        classes = wrong_classes(scores, oracle.labels)
        num_targets = tf.minimum(tunables["num_targets"], classes.shape[1])

        def aim_of(run):
            place, stream = aim(run, num_targets)
            return tf.gather(classes, place, axis=1), stream

        return Plan(num_targets * tunables["num_restarts"], aim_of)
