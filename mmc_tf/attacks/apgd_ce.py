"""APGD-CE: Auto-PGD along softmax cross-entropy (Croce & Hein, ICML 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmc_tf.attacks.apgd import APGD
from mmc_tf.attacks.registry import attacks
from mmc_tf.checks import argument_error


@dataclass(frozen=True, kw_only=True)
class OneAimAPGD(APGD):
    """APGD whose runs all climb the same objective, so that their values can be compared.

    Args:
        best_loss: return the iterate of largest objective among all runs, whatever its class, and go on
            after a misclassified one.
    """

    best_loss: bool = False

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.best_loss, bool):
            raise argument_error("best_loss", "True or False", self.best_loss)

    def returns_best(self) -> bool:
        """With `best_loss`."""
        return self.best_loss


@attacks.register("apgd_ce")
@dataclass(frozen=True, kw_only=True)
class APGDCE(OneAimAPGD):
    """APGD on CE(h, y), or -CE(h, t).

    Blind on MMC networks, whose cross-entropy is flat: there it is for comparison with published tables only.

    Example:
        >>> APGDCE(epsilon=8 / 255).choose_objective(None)
        'ce'
    """

    name: ClassVar[str] = "apgd_ce"
    summary: ClassVar[str] = "Auto-PGD on cross-entropy; l1 with a schedule of radii"
    climbs: ClassVar[str] = "ce"
