"""SPSA: gradients estimated from differences along random signs (Uesato et al., ICML 2018)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from mmc_tf.attacks.base import Attack, Crafted
from mmc_tf.attacks.oracle import Evaluation, Look, Oracle
from mmc_tf.attacks.projections import clip_box
from mmc_tf.attacks.rademacher import BLOCK, rademacher
from mmc_tf.attacks.registry import attacks
from mmc_tf.attacks.row_oracle import RowOracle
from mmc_tf.attacks.starts import random_start
from mmc_tf.checks import argument_error, check_number

SAMPLES = 128
# The fastest of 64 to 2048 for ResNet-32 on one core, by a quarter in bfloat16; 2 MiB of cache.
IMAGES_PER_CORE = 256
GOAL = 2  # the rank of a prediction that ends the attack on an example (`Oracle.rank`)
FIRST_DECAY, SECOND_DECAY, STABILISER = 0.9, 0.999, 1e-9  # Adam's, of CleverHans


@attacks.register("spsa")
@dataclass(frozen=True, kw_only=True)
class SPSA(Attack):
    """x_{k+1} = clip01(x + clip(Adam(x_k, ĝ) - x, ±ε)), ĝ estimated without a gradient of the model.

    ĝ = (1/n)·Σ_s [J(x_k + δv_s) - J(x_k - δv_s)]·v_s/δ over n/2 vectors of fair signs v_s (Uesato et al.,
    Algorithm 1); the probes are not clipped to the box. Adam's moments are each example's own, and freeze with
    it once its goal is reached or the threshold passed.

    Args:
        samples: queries n per step, even; MMC: 128, 4096 and 8192; MMA: 2048. CleverHans counts queries as
            well, AdverTorch pairs.
        delta: δ > 0, length of a probe in each coordinate, in units of the pixels.
        learning_rate: Adam's step size > 0, in units of the pixels.
        num_steps: steps >= 0; MMC: 10, MMA: 100.
        stop_threshold: leaves an example alone once -J falls below it, right or wrong; None: never. MMA: -5,
            in the units of a softmax network's logits. What `iterate="any"` stops at comes on top.
        random_start: start uniformly in the ball (CleverHans); False: at the clean image (AdverTorch).
        max_images: images in one pass through the model at most, >= 128: bounds the memory, changes nothing.
            Without a GPU it is 256 for each core at most: more do not fit into the caches, and are slower.

    Raises:
        UserError: for values out of range.

    Example:
        >>> SPSA(epsilon=8 / 255, samples=2048).num_steps
        10
    """

    name: ClassVar[str] = "spsa"
    norms: ClassVar[tuple[str, ...]] = ("linf",)
    summary: ClassVar[str] = "score-based: Adam on gradients estimated from random differences"
    tunable_names: ClassVar[tuple[str, ...]] = ("epsilon", "delta", "learning_rate", "num_steps")
    differentiates: ClassVar[bool] = False
    oracle_type: ClassVar[type[Oracle]] = RowOracle

    samples: int = SAMPLES
    delta: float = 0.01
    learning_rate: float = 0.01
    num_steps: int = 10
    stop_threshold: float | None = None
    random_start: bool = True
    max_images: int = 2048

    def __post_init__(self):
        super().__post_init__()
        check_number("samples", self.samples, minimum=2, integer=True)
        if self.samples % 2:
            raise argument_error("samples", "an even number: probes come in pairs", self.samples)
        check_number("delta", self.delta, above=0)
        check_number("learning_rate", self.learning_rate, above=0)
        check_number("num_steps", self.num_steps, minimum=0, integer=True)
        if self.stop_threshold is not None:
            check_number("stop_threshold", self.stop_threshold)
        check_number("max_images", self.max_images, minimum=2 * BLOCK, integer=True)

    def choose_objective(self, head: Any) -> str:
        """The margin where it is not `adaptive`, as CleverHans has it: differences of cross-entropy are zero where
        it is flat."""
        naive = self.objective is None and not self.adaptive
        return "margin" if naive else super().choose_objective(head)

    def reach(self) -> float:
        """Adam's steps, each of the learning rate where the gradient keeps its sign."""
        return self.num_steps * self.learning_rate

    def details(self) -> tuple[str, ...]:
        """The number of samples, unless it is the papers' first."""
        return () if self.samples == SAMPLES else (f"{self.samples} samples",)

    def fitting_objective(self, head: Any) -> str:
        """Un2 or tar2 on heads with centers, stronger than the published un1 and tar1; the margin elsewhere."""
        return "mmc_margin" if getattr(head, "has_centers", False) else "margin"

    def run(
        self,
        oracle: RowOracle,
        images: tf.Tensor,
        *,
        indices: tf.Tensor,
        seed: tf.Tensor,
        tunables: Mapping[str, tf.Tensor],
        clean: Evaluation | Look | None,
        active: tf.Tensor,
    ) -> Crafted:
        """Ascends from one start; keeps, per example, the first iterate of the highest rank, else the last."""
        epsilon = tunables["epsilon"]
        stops = self.iterate == "any" or self.stop_threshold is not None

        def look(point, running, best, rank, queries):
            seen = oracle.look(point, running)
            queries += tf.cast(running, tf.int32)
            if self.iterate == "any":
                gained = tf.where(running, oracle.rank(seen.prediction), rank)
                best = tf.where(_spread(gained > rank), point, best)
                rank = tf.maximum(rank, gained)
                running &= rank < GOAL
            if self.stop_threshold is not None:
                running &= -seen.objective >= self.stop_threshold
            return running, best, rank, queries

        def step(k, point, moments, running, best, rank, queries):
            gradient = estimate_gradient(
                oracle,
                point,
                oracle.rows(running),
                indices=indices,
                seed=seed,
                stream=1 + k,  # 0 is the start's
                delta=tunables["delta"],
                samples=self.samples,
                max_images=pass_size(self.max_images),
            )
            queries += tf.where(running, self.samples, 0)
            ascent, moments = adam(gradient, moments, k + 1)
            moved = point + tunables["learning_rate"] * ascent
            moved = clip_box(images + tf.clip_by_value(moved - images, -epsilon, epsilon))
            point = tf.where(_spread(running), moved, point)
            if stops:
                running, best, rank, queries = look(point, running, best, rank, queries)
            return k + 1, point, moments, running, best, rank, queries

        def unfinished(k, point, moments, running, *rest):
            return (k < tunables["num_steps"]) & tf.reduce_any(running)

        point = images
        best, rank, queries = images, tf.zeros_like(oracle.labels), tf.zeros_like(oracle.labels)
        running = active
        if self.random_start:
            point = random_start(images, indices, norm="linf", epsilon=epsilon, seed=seed)
            if self.iterate == "any":
                running, best, rank, queries = look(point, running, best, rank, queries)
        moments = (tf.zeros_like(images), tf.zeros_like(images))
        state = (tf.constant(0), point, moments, running, best, rank, queries)
        _, point, _, _, best, rank, queries = tf.while_loop(unfinished, step, state, parallel_iterations=1)
        return Crafted(tf.where(_spread(rank > 0), best, point), queries, tf.zeros_like(queries))


def pass_size(max_images: int) -> int:
    """Images in one pass: `max_images`; without a GPU at most as many as the caches of the cores hold."""
    if tf.config.list_logical_devices("GPU"):
        return max_images
    # The cores that this process may use, where the system tells.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max_images, IMAGES_PER_CORE * cores)


def estimate_gradient(
    oracle: RowOracle,
    point: tf.Tensor,
    rows: tf.Tensor,
    *,
    indices: tf.Tensor,
    seed: int | tf.Tensor,
    stream: int | tf.Tensor,
    delta: float | tf.Tensor,
    samples: int,
    max_images: int,
) -> tf.Tensor:
    """ĝ = (1/n)·Σ_s [J(x + δv_s) - J(x - δv_s)]·v_s/δ, without bias up to the third derivatives of J.

    On a linear J its cosine with the gradient is 1/√(1 + (D - 1)/(n/2)) in the mean.

    Args:
        oracle: answers for the batch.
        point: (N, H, W, C) images x.
        rows: (M,) int32 rows of the examples to estimate for.
        indices: (N,) indices of the examples in the data set.
        seed: scalar integer.
        stream: scalar integer that tells this estimate apart from others of the same example.
        delta: scalar δ > 0.
        samples: queries n, even.
        max_images: images in one pass at most.

    Returns:
        (N, H, W, C), zero in the other rows. A pair whose values are not finite counts as no difference.
    """
    pairs = samples // 2
    blocks = -(-pairs // BLOCK)
    width = -(-pairs // blocks)  # blocks of one size, the last of them up to `blocks` - 1 pairs short
    per_pass = max(1, max_images // (2 * width))
    shape = tuple(point.shape[1:])
    total = tf.size(rows) * blocks

    def add_blocks(start, gradient):
        items = tf.range(start, tf.minimum(start + per_pass, total))
        row, block = tf.gather(rows, items // blocks), items % blocks
        signs = rademacher(shape, tf.gather(indices, row), block, count=width, seed=seed, stream=stream)
        centre, offset = tf.gather(point, row)[:, None], delta * signs
        probes = tf.reshape(tf.stack([centre + offset, centre - offset], axis=1), (-1, *shape))
        used = block[:, None] * width + tf.range(width) < pairs
        asked = None if blocks * width == pairs else tf.reshape(tf.stack([used, used], axis=1), [-1])
        values = oracle.take(tf.repeat(row, 2 * width)).look(probes, asked).objective
        values = tf.reshape(values, (-1, 2, width))
        rise = values[:, 0] - values[:, 1]
        rise = tf.where(used & tf.math.is_finite(rise), rise, tf.zeros_like(rise))
        share = tf.einsum("rp,rphwc->rhwc", rise, signs) / (samples * delta)
        return start + per_pass, tf.tensor_scatter_nd_add(gradient, row[:, None], share)

    state = (tf.constant(0), tf.zeros_like(point))
    return tf.while_loop(lambda start, _: start < total, add_blocks, state, parallel_iterations=1)[1]


def adam(
    gradient: tf.Tensor, moments: tuple[tf.Tensor, tf.Tensor], step: tf.Tensor
) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
    """m̂/(√v̂ + 1e-9): Adam's direction (Kingma & Ba, ICLR 2015, Algorithm 1), and the new moments.

    Args:
        gradient: (N, ...).
        moments: m and v of the step before, (N, ...) each.
        step: scalar int32, 1 at the first step.
    """
    first = FIRST_DECAY * moments[0] + (1 - FIRST_DECAY) * gradient
    second = SECOND_DECAY * moments[1] + (1 - SECOND_DECAY) * gradient**2
    count = tf.cast(step, gradient.dtype)
    corrected = tf.sqrt(second / (1 - SECOND_DECAY**count)) + STABILISER
    return first / (1 - FIRST_DECAY**count) / corrected, (first, second)


def _spread(flags: tf.Tensor) -> tf.Tensor:
    return flags[:, None, None, None]
