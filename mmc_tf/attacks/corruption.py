"""What the attacks share that look for nothing: random changes of a fixed kind, without a radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmc_tf.attacks.base import Attack
from mmc_tf.checks import argument_error


@dataclass(frozen=True, kw_only=True)
class Corruption(Attack):
    """A random change of each image. Its distance is measured, and judged by nothing.

    Args:
        epsilon: None.
    """

    norms: ClassVar[tuple[str, ...]] = ("l2",)
    takes_objective: ClassVar[bool] = False
    can_target: ClassVar[bool] = False
    differentiates: ClassVar[bool] = False
    radius: ClassVar[str] = "none"
    takes_iterate: ClassVar[bool] = False

    epsilon: float | None = None
    norm: str = "l2"

    def check_radius(self) -> None:
        """Raises a UserError unless ε is None."""
        if self.epsilon is not None:
            raise argument_error("epsilon", f"None: {self.name} has no radius", self.epsilon)
