"""APGD-DLR: Auto-PGD along the difference of logits ratio (Croce & Hein, ICML 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmc_tf.attacks.apgd_ce import OneAimAPGD
from mmc_tf.attacks.registry import attacks


@attacks.register("apgd_dlr")
@dataclass(frozen=True, kw_only=True)
class APGDDLR(OneAimAPGD):
    """APGD on `dlr`, which a factor or a constant on the logits does not change.

    Needs a model with 3 classes, targeted with 4.

    Example:
        >>> APGDDLR(epsilon=8 / 255).choose_objective(None)
        'dlr'
    """

    name: ClassVar[str] = "apgd_dlr"
    summary: ClassVar[str] = "Auto-PGD on the difference of logits ratio"
    least_classes: ClassVar[int] = 3
    climbs: ClassVar[str] = "dlr"
