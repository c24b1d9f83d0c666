"""Settings of the attacks that take several steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from mmc_tf.attacks.gradient_attack import GradientAttack, Memory
from mmc_tf.attacks.steps import dense_step
from mmc_tf.checks import check_number

STEP_FRACTIONS = {"l2": 0.1, "l1": 0.05}


@dataclass(frozen=True, kw_only=True)
class IterativeAttack(GradientAttack):
    """A gradient attack with `num_steps` steps of length `step_size`.

    Args:
        step_size: length a > 0 of a step, in units of the pixels; None: `default_step_size`.
        num_steps: steps >= 0 of one run.
    """

    tunable_names: ClassVar[tuple[str, ...]] = ("epsilon", "step_size", "num_steps")

    step_size: float | None = None
    num_steps: int = 10

    def __post_init__(self):
        super().__post_init__()
        if self.step_size is not None:
            check_number("step_size", self.step_size, above=0)
        check_number("num_steps", self.num_steps, minimum=0, integer=True)

    def default_step_size(self) -> float:
        """The published step where it can cross the ball, else 2.5·ε/num_steps (Madry et al., ICLR 2018).

        linf: 2/255 (MMC, Section 4.3), at most ε. l2: ε/10, l1: ε/20 (the PyTorch reimplementation's tables).
        """
        crossing = 2.5 * self.epsilon / max(self.num_steps, 1)
        if self.norm != "linf":
            return max(STEP_FRACTIONS[self.norm] * self.epsilon, crossing)
        if 2 / 255 * self.num_steps >= self.epsilon:
            return min(2 / 255, self.epsilon)
        return crossing

    def tunables(self) -> dict[str, float | int]:
        """Also the step size, resolved, and one run."""
        step_size = self.default_step_size() if self.step_size is None else self.step_size
        return {**super().tunables(), "step_size": step_size, "num_restarts": 1}

    def reach(self) -> float:
        """K·a."""
        return self.num_steps * self.tunables()["step_size"]

    def direction(
        self, gradient: tf.Tensor, memory: Memory, tunables: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, Memory]:
        """a·s(g): see `dense_step`."""
        return dense_step(gradient, norm=self.norm, size=tunables["step_size"]), memory
