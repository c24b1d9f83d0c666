"""SLIDE: sparse l1 descent (Tramèr & Boneh, NeurIPS 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from mmc_tf.attacks.gradient_attack import Memory
from mmc_tf.attacks.pgd import PGD
from mmc_tf.attacks.projections import (
    INSIDE,
    add_inwards,
    example_axes,
    nearest_in_l1,
    project_l1_and_box,
)
from mmc_tf.attacks.registry import attacks
from mmc_tf.checks import argument_error, check_number


@attacks.register("slide")
@dataclass(frozen=True, kw_only=True)
class SLIDE(PGD):
    """x_{k+1} = P(x_k + a·sign(g)/n on the n coordinates whose |g| is above the q-quantile).

    Coordinates at a wall of the box that g points through are left out. P: the projection on ball and box
    together, or on one after the other as the original. On center heads it climbs `margin`, else CE.

    Args:
        step_size: length a > 0 of a step in l1, in units of the pixels; None: .2 ε (Foolbox).
        random_start: start at random instead of at the clean image.
        quantile: q, >= 0 and < 1: n = round((1 - q)·D), one at least; ties are kept.
        joint_projection: project on ball and box together. False: on the ball, then the box, which leaves
            some of the radius unspent.

    Raises:
        UserError: for numbers out of range.

    Example:
        >>> SLIDE(epsilon=12.0).settings()["step_size"]
        2.4000000000000004
    """

    name: ClassVar[str] = "slide"
    norms: ClassVar[tuple[str, ...]] = ("l1",)
    summary: ClassVar[str] = "sparse l1 descent: PGD along the largest coordinates of the gradient"

    norm: str = "l1"
    random_start: bool = False
    quantile: float = 0.99
    joint_projection: bool = True

    def __post_init__(self):
        super().__post_init__()
        check_number("quantile", self.quantile, minimum=0)
        if self.quantile >= 1:
            raise argument_error("quantile", "a number < 1", self.quantile)
        if not isinstance(self.joint_projection, bool):
            raise argument_error("joint_projection", "True or False", self.joint_projection)

    def fitting_objective(self, head: Any) -> str:
        """`margin` where cross-entropy is blind."""
        return "margin" if getattr(head, "has_centers", False) else "ce"

    def default_step_size(self) -> float:
        """.2 ε."""
        return 0.2 * self.epsilon

    def direction(
        self, gradient: tf.Tensor, memory: Memory, tunables: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, Memory]:
        """The sparse step along a gradient."""
        return quantile_step(gradient, quantile=self.quantile, size=tunables["step_size"]), memory

    def advance(
        self,
        point: tf.Tensor,
        images: tf.Tensor,
        gradient: tf.Tensor,
        memory: Memory,
        tunables: Mapping[str, tf.Tensor],
    ) -> tuple[tf.Tensor, Memory]:
        """One step of the pixels that can move, and back into ball and box."""
        stuck = ((point <= 0) & (gradient < 0)) | ((point >= 1) & (gradient > 0))
        step, memory = self.direction(tf.where(stuck, tf.zeros_like(gradient), gradient), memory, tunables)
        epsilon = tunables["epsilon"]
        if self.joint_projection:
            return nearest_in_l1(point + step, images, epsilon=epsilon), memory
        return add_inwards(images, project_l1(point + step - images, epsilon=INSIDE * epsilon)), memory


def quantile_step(gradient: tf.Tensor, *, quantile: float, size: tf.Tensor) -> tf.Tensor:
    """a·sign(g)/n on the round((1 - q)·D) coordinates of largest |g|, n their number with ties.

    Args:
        gradient: (N, H, W, C) g.
        quantile: q, >= 0 and < 1.
        size: scalar a.

    Returns:
        (N, H, W, C); coordinates of gradient 0 stand still.
    """
    strength = tf.abs(gradient)
    flat = tf.reshape(strength, (-1, strength.shape[1:].num_elements()))
    number = max(1, round((1 - quantile) * flat.shape[1]))
    least = tf.math.top_k(flat, k=number).values[:, -1]
    signs = tf.where(strength >= least[:, None, None, None], tf.sign(gradient), tf.zeros_like(gradient))
    kept = tf.reduce_sum(tf.abs(signs), example_axes(signs), keepdims=True)
    return size * signs / tf.maximum(kept, 1.0)


def project_l1(delta: tf.Tensor, *, epsilon: tf.Tensor) -> tf.Tensor:
    """The Euclidean projection on the l1 ball: sign(u)·max(|u| - θ, 0) with the least θ >= 0 that fits.

    Args:
        delta: (N, ...) perturbations u.
        epsilon: scalar radius >= 0.

    Returns:
        (N, ...).

    Example:
        >>> project_l1(tf.constant([[0.9, -0.5, 0.2, 0.05]]), epsilon=1.0).numpy().round(5).tolist()
        [[0.699999988079071, -0.30000001192092896, 0.0, 0.0]]
    """
    endless = tf.where(delta > 0, -float("inf"), float("inf"))  # an image with room to all sides
    return project_l1_and_box(delta, endless, epsilon=epsilon)
