"""MIM: iterative FGSM with momentum (Dong et al., CVPR 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from mmc_tf.attacks.gradient_attack import Memory
from mmc_tf.attacks.iterative import IterativeAttack
from mmc_tf.attacks.projections import example_axes
from mmc_tf.attacks.registry import attacks
from mmc_tf.attacks.steps import TINY, move, rescale, steepest_step
from mmc_tf.checks import check_number


@attacks.register("mim")
@dataclass(frozen=True, kw_only=True)
class MIM(IterativeAttack):
    """m_{k+1} = µ·m_k + g/mean|g|; x_{k+1} = clip01(x + P_ε(x_k + a·s(m_{k+1}) - x)), from x_0 = x, m_0 = 0.

    s: linf sign(m); l2 m/‖m‖₂. Dong et al. divide by ‖g‖₁ (Algorithm 1): the same up to a constant that
    cancels.

    Args:
        decay: µ >= 0; 1 in the paper, 0 gives BIM.

    Example:
        >>> MIM(epsilon=8 / 255).decay
        1.0
    """

    name: ClassVar[str] = "mim"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    summary: ClassVar[str] = "momentum iterative method: BIM along an average of gradients, for transfer"
    tunable_names: ClassVar[tuple[str, ...]] = (*IterativeAttack.tunable_names, "decay")

    decay: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        check_number("decay", self.decay, minimum=0)

    def initial_memory(self, images: tf.Tensor) -> Memory:
        """m_0 = 0."""
        return (tf.zeros_like(images),)

    def direction(
        self, gradient: tf.Tensor, memory: Memory, tunables: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, Memory]:
        """a·s(m), and m."""
        # Rescaled first, so that a tiny gradient is normalised too instead of divided by the floor.
        scaled = rescale(gradient)
        mean = tf.reduce_mean(tf.abs(scaled), example_axes(scaled), keepdims=True)
        momentum = tunables["decay"] * memory[0] + scaled / tf.maximum(mean, TINY)
        return steepest_step(momentum, norm=self.norm, size=tunables["step_size"]), (momentum,)

    def advance(self, point, images, gradient, memory, tunables):
        """One step; CleverHans' MIM clips to the box after the ball only, its PGD before it too."""
        step, memory = self.direction(gradient, memory, tunables)
        return move(point, step, clean=images, norm=self.norm, epsilon=tunables["epsilon"]), memory
