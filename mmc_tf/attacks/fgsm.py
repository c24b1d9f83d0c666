"""FGSM: one gradient (Goodfellow et al., ICLR 2015)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from mmc_tf.attacks.gradient_attack import GradientAttack, Memory
from mmc_tf.attacks.registry import attacks
from mmc_tf.attacks.steps import steepest_step


@attacks.register("fgsm")
@dataclass(frozen=True, kw_only=True)
class FGSM(GradientAttack):
    """x' = clip01(x + ε·s(∇J(x))).

    s: linf sign(g); l2 g/‖g‖₂; l1 sign(g) at the coordinates of largest |g_i|, divided by their number. No
    random start. In linf and l2 it is one step of BIM of length ε, bit for bit.

    Example:
        >>> FGSM(epsilon=8 / 255).settings()["num_steps"]
        1
    """

    name: ClassVar[str] = "fgsm"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    summary: ClassVar[str] = "fast gradient sign method: one step of the full radius"
    takes_iterate: ClassVar[bool] = False

    def tunables(self) -> dict[str, float | int]:
        """Also one step, one run."""
        return {**super().tunables(), "num_steps": 1, "num_restarts": 1}

    def direction(
        self, gradient: tf.Tensor, memory: Memory, tunables: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, Memory]:
        """ε·s(g)."""
        return steepest_step(gradient, norm=self.norm, size=tunables["epsilon"]), memory
