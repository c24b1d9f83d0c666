"""EAD: the least elastic-net perturbation by FISTA (Chen et al., AAAI 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from mmc_tf.attacks.const_search import ConstSearchAttack, Variables, squared_distance
from mmc_tf.attacks.projections import example_axes
from mmc_tf.attacks.registry import attacks
from mmc_tf.checks import check_choice, check_number

DECISION_RULES = ("en", "l1")


@attacks.register("ead")
@dataclass(frozen=True, kw_only=True)
class EAD(ConstSearchAttack):
    """min c·f(x') + ‖x' - x‖₂² + β‖x' - x‖₁ (Chen et al., Algorithm 1), by FISTA with steps lr·√(1 - k/K).

    f: see `const_search.hinge`. The gradient is taken at y_k, the verdict at x_{k+1}: up to two images forward
    and one backward per iteration.

    Args:
        learning_rate: lr > 0, in units of the pixels per unit of slope (CleverHans, MMC: 1e-2).
        initial_const: the first c > 0 (CleverHans: 1e-3). MMC's scripts use 1 and a single step of the search,
            too long a step for the logits of an MMC network.
        beta: β >= 0, weight of l1 and threshold of the shrinkage (CleverHans, MMC: 1e-2).
        decision_rule: what to keep the least of: `en` ‖δ‖₂² + β‖δ‖₁, `l1` ‖δ‖₁. ε is one of l1 in both cases.

    Example:
        >>> EAD().settings()["decision_rule"]
        'en'
    """

    name: ClassVar[str] = "ead"
    norms: ClassVar[tuple[str, ...]] = ("l1",)
    summary: ClassVar[str] = (
        "elastic net: least l1 and l2 distance, by FISTA and a search for the weight of the margin"
    )
    tunable_names: ClassVar[tuple[str, ...]] = (*ConstSearchAttack.tunable_names, "beta")

    norm: str = "l1"
    beta: float = 1e-2
    decision_rule: str = "en"

    def __post_init__(self):
        super().__post_init__()
        check_number("beta", self.beta, minimum=0)
        check_choice("decision_rule", self.decision_rule, DECISION_RULES)

    def initial_variables(self, origin: tf.Tensor) -> Variables:
        """x_0 = x; y is the point."""
        return (origin,)

    def advance(
        self,
        k: tf.Tensor,
        variables: Variables,
        point: tf.Tensor,
        slope: tf.Tensor,
        *,
        images: tf.Tensor,
        tunables: Mapping[str, tf.Tensor],
    ) -> tuple[Variables, tf.Tensor, tf.Tensor]:
        """x_{k+1} = shrink(y_k - lr_k·slope), y_{k+1} = x_{k+1} + k/(k + 3)·(x_{k+1} - x_k)."""
        (before,) = variables
        done = tf.cast(k, tf.float32)
        rate = tunables["learning_rate"] * tf.sqrt(1.0 - done / tf.cast(tunables["num_steps"], tf.float32))
        iterate = shrink(point - rate * slope, images, threshold=tunables["beta"])
        return (iterate,), iterate, iterate + done / (done + 3.0) * (iterate - before)

    def cost(self, delta: tf.Tensor, tunables: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """By the decision rule."""
        if self.decision_rule == "en":
            return self.penalty(delta, tunables)
        return tf.reduce_sum(tf.abs(delta), example_axes(delta))

    def penalty(self, delta: tf.Tensor, tunables: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """‖δ‖₂² + β‖δ‖₁."""
        return squared_distance(delta) + tunables["beta"] * tf.reduce_sum(tf.abs(delta), example_axes(delta))


def shrink(values: tf.Tensor, images: tf.Tensor, *, threshold: tf.Tensor | float) -> tf.Tensor:
    """Moves u by β towards x, no further than to x, and into the box (Chen et al., Equation 5).

    u - x > β: min(u - β, 1); u - x < -β: max(u + β, 0); else x. The threshold is β, not lr·β.

    Args:
        values: (N, ...) u, anywhere.
        images: (N, ...) x in [0, 1].
        threshold: β >= 0, in units of the pixels.

    Returns:
        (N, ...) in [0, 1].
    """
    delta = values - images
    raised = tf.minimum(values - threshold, 1.0)
    lowered = tf.maximum(values + threshold, 0.0)
    return tf.where(delta > threshold, raised, tf.where(delta < -threshold, lowered, images))
