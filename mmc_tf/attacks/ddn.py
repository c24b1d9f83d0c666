"""DDN: the least l2 perturbation by decoupling its direction from its norm (Rony et al., CVPR 2019)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from mmc_tf.attacks.base import ZERO_GRADIENT, Crafted
from mmc_tf.attacks.gradient_attack import GOAL
from mmc_tf.attacks.minimum_norm import MinimumNormAttack
from mmc_tf.attacks.oracle import Evaluation, Oracle
from mmc_tf.attacks.projections import clip_box, example_axes
from mmc_tf.attacks.registry import attacks
from mmc_tf.attacks.starts import per_example
from mmc_tf.attacks.steps import TINY, rescale
from mmc_tf.checks import check_number

LAST_STEP = 0.01  # the steps fall from 1 to this along half a cosine


@attacks.register("ddn")
@dataclass(frozen=True, kw_only=True)
class DDN(MinimumNormAttack):
    """δ ← δ_k + s_k·∇J/‖∇J‖₂; r ← r(1 ∓ γ); δ_{k+1} = clip01(x + r·δ/‖δ‖₂) - x (Rony et al., Algorithm 1).

    s_k = 0.01 + 0.99·(1 + cos(πk/K))/2, K = `num_steps`. The radius r of each example shrinks where δ_k reaches the
    goal, else grows, up to the farthest corner of the box. Keeps the least δ_k that reaches it, the last one
    among them. Where the gradient is zero the direction is Gaussian, from the stream k.

    Args:
        num_steps: K >= 1 (Foolbox, AdverTorch: 100; MMA: 1000 for margins).
        initial_norm: the first radius > 0, in units of the pixels (Foolbox, AdverTorch: 1). Far above the
            margin it costs accuracy at 100 steps.
        gamma: γ in (0, 0.999], by what share the radius changes (Foolbox, AdverTorch: 0.05).
        levels: grey levels >= 2 to which every iterate is rounded (Rony et al., AdverTorch: 256); None: no
            rounding (Foolbox).

    Raises:
        UserError: for values out of range.

    Example:
        >>> DDN().settings()["initial_norm"]
        1.0
    """

    name: ClassVar[str] = "ddn"
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    summary: ClassVar[str] = "decoupled direction and norm: least l2 distance, by steps on shrinking spheres"
    tunable_names: ClassVar[tuple[str, ...]] = ("epsilon", "num_steps", "initial_norm", "gamma")

    norm: str = "l2"
    num_steps: int = 100
    initial_norm: float = 1.0
    gamma: float = 0.05
    levels: int | None = None

    def __post_init__(self):
        super().__post_init__()
        check_number("num_steps", self.num_steps, minimum=1, integer=True)
        check_number("initial_norm", self.initial_norm, above=0)
        check_number("gamma", self.gamma, above=0, maximum=0.999)
        if self.levels is not None:
            check_number("levels", self.levels, minimum=2, integer=True)

    def fitting_objective(self, head: Any) -> str:
        """`margin` on heads with centers, where cross-entropy has no gradient far from the boundary."""
        return "margin" if getattr(head, "has_centers", False) else "ce"

    def run(
        self,
        oracle: Oracle,
        images: tf.Tensor,
        *,
        indices: tf.Tensor,
        seed: tf.Tensor,
        tunables: Mapping[str, tf.Tensor],
        clean: Evaluation | None,
        active: tf.Tensor,
    ) -> Crafted:
        """Starts from the clean evaluation; every step asks for one gradient, which judges its iterate too."""
        nothing = tf.zeros_like(oracle.labels)
        queries = nothing
        if clean is None:
            clean = oracle.evaluate(images, active)
            queries += tf.cast(active, tf.int32)
        # Nothing is nearer than the image itself.
        active &= oracle.rank(clean.prediction) < GOAL
        farthest = norm_of(tf.maximum(images, 1.0 - images))
        num_steps = tf.cast(tunables["num_steps"], tf.float32)

        def step(k, point, gradient, reached, radius, best, least, queries):
            direction = unit(self._or_gaussian(gradient, active, indices=indices, seed=seed, step=k))
            delta = point - images + step_length(tf.cast(k, tf.float32) / num_steps) * direction
            radius *= tf.where(reached, 1.0 - tunables["gamma"], 1.0 + tunables["gamma"])
            radius = tf.minimum(radius, farthest)
            point = clip_box(images + radius * unit(delta))
            if self.levels is not None:
                point = to_levels(point, self.levels)
            evaluation = oracle.evaluate(point, active)
            reached = active[:, None, None, None] & _goal(oracle, evaluation.prediction)
            length = norm_of(point - images)
            better = reached & (length < least)
            best, least = tf.where(better, point, best), tf.where(better, length, least)
            queries += tf.cast(active, tf.int32)
            return k + 1, point, evaluation.gradient, reached, radius, best, least, queries

        state = (
            tf.constant(0),
            images,
            clean.gradient,
            tf.zeros_like(active)[:, None, None, None],
            tf.fill(tf.shape(farthest), tunables["initial_norm"]),
            images,
            tf.fill(tf.shape(farthest), float("inf")),
            queries,
        )
        *_, best, _, queries = tf.while_loop(
            lambda k, *_: (k < tunables["num_steps"]) & tf.reduce_any(active),
            step,
            state,
            parallel_iterations=1,
        )
        return Crafted(best, queries, queries)

    def _or_gaussian(self, gradient, active, *, indices, seed, step):
        """The gradient, or normal draws where it is zero."""
        size = tf.reduce_sum(tf.abs(gradient), example_axes(gradient))
        blind = active & (size < ZERO_GRADIENT)

        def substitute():
            draw = per_example(
                lambda key: tf.random.stateless_normal(gradient.shape[1:], key, alg="philox"),
                indices,
                seed=seed,
                stream=step,
                signature=tf.float32,
            )
            return tf.where(blind[:, None, None, None], draw, gradient)

        return tf.cond(tf.reduce_any(blind), substitute, lambda: gradient)


def step_length(share: tf.Tensor) -> tf.Tensor:
    """s = 0.01 + 0.99·(1 + cos(π·share))/2, for the share of the steps that are done."""
    return LAST_STEP + (1.0 - LAST_STEP) * 0.5 * (1.0 + tf.cos(math.pi * share))


def norm_of(delta: tf.Tensor) -> tf.Tensor:
    """‖δ‖₂, (N, H, W, C) -> (N, 1, 1, 1)."""
    return tf.sqrt(tf.reduce_sum(tf.square(delta), example_axes(delta), keepdims=True))


def unit(delta: tf.Tensor) -> tf.Tensor:
    """δ/‖δ‖₂, or 0 where δ is 0: (N, H, W, C)."""
    scaled = rescale(delta)
    return scaled / tf.maximum(norm_of(scaled), TINY)


def to_levels(images: tf.Tensor, levels: int) -> tf.Tensor:
    """Rounds pixels in [0, 1] to multiples of 1/(levels - 1)."""
    return tf.round(images * (levels - 1)) / (levels - 1)


def _goal(oracle: Oracle, prediction: tf.Tensor) -> tf.Tensor:
    return tf.equal(oracle.rank(prediction), GOAL)[:, None, None, None]
