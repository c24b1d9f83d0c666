"""What the attacks share that look for the least distance instead of using up a radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmc_tf.attacks.base import Attack
from mmc_tf.checks import check_number


@dataclass(frozen=True, kw_only=True)
class MinimumNormAttack(Attack):
    """Looks for the nearest image of another class.

    Returns the nearest one found, at whatever distance (`AttackResult.found`), or the clean image.

    Args:
        epsilon: radius >= 0 within which an image found counts as success; None: any distance counts.
    """

    radius: ClassVar[str] = "least"
    takes_iterate: ClassVar[bool] = False

    epsilon: float | None = None

    def check_radius(self) -> None:
        """Raises a UserError unless ε is None or a number >= 0."""
        if self.epsilon is not None:
            check_number("epsilon", self.epsilon, minimum=0)
