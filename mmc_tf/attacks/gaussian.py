"""Gaussian noise, one of the general-purpose attacks of the MMC paper's Table 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import tensorflow as tf

from mmc_tf.attacks.arguments import Batch
from mmc_tf.attacks.base import Crafted
from mmc_tf.attacks.corruption import Corruption
from mmc_tf.attacks.oracle import Evaluation, Look, Model, Oracle
from mmc_tf.attacks.projections import clip_box
from mmc_tf.attacks.registry import attacks
from mmc_tf.attacks.result import AttackResult
from mmc_tf.attacks.starts import per_example
from mmc_tf.checks import check_number


@attacks.register("gaussian")
@dataclass(frozen=True, kw_only=True)
class Gaussian(Corruption):
    """x' = clip01(x + σ·n), n ~ N(0, 1) for every value: one draw per seed.

    Args:
        sigma: standard deviation σ >= 0, in units of the pixels; 0.05 in the MMC paper (Section 4.4).
        clip: clip to [0, 1]; False: leave values outside, as the MMC paper's scripts did, and count such an
            image as broken if it is misclassified.

    Raises:
        UserError: for a negative σ, or a radius.

    Example:
        >>> Gaussian().sigma
        0.05
    """

    name: ClassVar[str] = "gaussian"
    summary: ClassVar[str] = "Gaussian noise on every value, one draw per seed"
    tunable_names: ClassVar[tuple[str, ...]] = ("sigma",)

    sigma: float = 0.05
    clip: bool = True

    def __post_init__(self):
        super().__post_init__()
        check_number("sigma", self.sigma, minimum=0)

    def run(
        self,
        oracle: Oracle,
        images: tf.Tensor,
        *,
        indices: tf.Tensor,
        seed: tf.Tensor,
        tunables: Mapping[str, tf.Tensor],
        clean: Evaluation | Look | None,
        active: tf.Tensor,
    ) -> Crafted:
        """One draw, without a look."""
        shape = tuple(images.shape[1:])
        noise = per_example(
            lambda key: tf.random.stateless_normal(shape, key, alg="philox"),
            indices,
            seed=seed,
            stream=0,
            signature=tf.float32,
        )
        noisy = images + tunables["sigma"] * noise
        nothing = tf.zeros_like(oracle.labels)
        return Crafted(clip_box(noisy) if self.clip else noisy, nothing, nothing)

    def attack(self, model: Model, batch: Batch) -> AttackResult:
        """Attacks and judges; without clipping, values outside [0, 1] are what was asked for."""
        result = super().attack(model, batch)
        if self.clip:
            return result
        wrong = result.prediction != batch.labels
        return replace(result, success=wrong, misclassified=wrong, found=wrong)
