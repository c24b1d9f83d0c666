"""APGD on the margin: what stands in for DLR on models of two classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmc_tf.attacks.apgd_ce import OneAimAPGD


@dataclass(frozen=True, kw_only=True)
class APGDMargin(OneAimAPGD):
    """APGD on `margin`, max_{j≠y} h_j - h_y, whose gradient does not vanish however far the label leads.

    DLR without its denominator, for which that needs three classes: the steps of APGD do not depend on the objective's
    size. A stage of ensembles alone, not an attack to choose by name: `mt_pgd` climbs the same on any model.

    Example:
        >>> APGDMargin(epsilon=8 / 255).choose_objective(None)
        'margin'
    """

    name: ClassVar[str] = "apgd_margin"
    summary: ClassVar[str] = "Auto-PGD on the margin"
    climbs: ClassVar[str] = "margin"
