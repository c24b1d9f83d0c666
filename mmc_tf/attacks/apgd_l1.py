"""APGD's rule in l1: sparse steps in the intersection of ball and box (Croce & Hein, ICML 2021)."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from mmc_tf.attacks.apgd_climb import Climb, spread
from mmc_tf.attacks.projections import example_axes, nearest_in_l1
from mmc_tf.attacks.starts import per_example

FIRST_FIFTH = 5  # κ = 1/5 in the first period
SHRINK = 1.5  # by which steps are divided
LEAST_STEP = 0.1  # of ε
SETTLED = 0.95  # a support that shrinks by less than 5 % in a period has settled


class SupportMemory(NamedTuple):
    """What decides how sparse a step is, per example.

    Attributes:
        step_size: (N,) a.
        number: (N,) int32, κD rounded up, of the coordinates that a step changes.
        support: (N,) int32, ‖x_best - x‖₀ at the last checkpoint.
    """

    step_size: tf.Tensor
    number: tf.Tensor
    support: tf.Tensor


class SparseRule:
    """APGD in l1 (Croce & Hein, ICML 2021, Algorithm 1).

    x_{k+1} = P(x_k + a·sign(g)/n on the κD coordinates of largest |g|), n their number, P the projection on
    {‖δ‖₁ <= ε} ∩ box, without momentum. After every .04 N iterations κ = ‖x_best - x‖₀/(1.5 D). Where that
    support shrank by more than 5 %, a = ε and the climb goes back to the best iterate; elsewhere a is divided
    by 1.5, down to ε/10.

    Args:
        images: (N, H, W, C) clean images.
        epsilon: scalar radius.
        num_steps: scalar int32, N.
        given_start: the start is the result of an earlier climb, or meant as such: κ follows from its support
            instead of being .2.
    """

    def __init__(
        self, images: tf.Tensor, *, epsilon: tf.Tensor, num_steps: tf.Tensor, given_start: bool = False
    ):
        self._images, self._epsilon, self._num_steps = images, epsilon, num_steps
        self._given_start = given_start
        self._size = 1
        for side in images.shape[1:]:
            self._size *= side

    def start(self, indices: tf.Tensor, *, seed: tf.Tensor, stream: tf.Tensor) -> tf.Tensor:
        """x + t, t Gaussian; `enter` projects it."""
        shape = tuple(self._images.shape[1:])
        return self._images + per_example(
            lambda key: tf.random.stateless_normal(shape, key, alg="philox"),
            indices,
            seed=seed,
            stream=stream,
            signature=tf.float32,
        )

    def enter(self, point: tf.Tensor) -> tf.Tensor:
        """The nearest point (N, H, W, C) of ball and box."""
        return nearest_in_l1(point, self._images, epsilon=self._epsilon)

    def begin(self, point: tf.Tensor) -> SupportMemory:
        """a = ε; κ = .2, or what follows from the support of a given start."""
        changed = support(point - self._images)
        step_size = self._epsilon * tf.ones(tf.shape(changed))
        if self._given_start:
            return SupportMemory(step_size, fewer(changed), changed)
        size = self._size * tf.ones_like(changed)
        return SupportMemory(step_size, -(-size // FIRST_FIFTH), size)

    def first_period(self) -> tf.Tensor:
        """Iterations before a checkpoint: .04 N."""
        return tf.maximum(4 * self._num_steps // 100, 1)

    def next_period(self, period: tf.Tensor) -> tf.Tensor:
        """Always the same."""
        return period

    def review(self, climb: Climb, memory: SupportMemory, period: tf.Tensor) -> tuple[Climb, SupportMemory]:
        """What a checkpoint changes."""
        changed = support(climb.best_point - self._images)
        shrank = tf.cast(changed, tf.float32) < SETTLED * tf.cast(memory.support, tf.float32)
        smaller = tf.maximum(memory.step_size / SHRINK, LEAST_STEP * self._epsilon)
        step_size = tf.where(shrank, self._epsilon * tf.ones_like(smaller), smaller)
        return climb.go_back(shrank), SupportMemory(step_size, fewer(changed), changed)

    def step(self, climb: Climb, memory: SupportMemory, first: tf.Tensor) -> tf.Tensor:
        """x_{k+1}, (N, H, W, C)."""
        step = sparse_step(climb.gradient, number=memory.number, size=memory.step_size)
        return self.enter(climb.point + step)


def sparse_step(gradient: tf.Tensor, *, number: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """a·sign(g)/n on the coordinates of largest |g|, n their number.

    Ties are kept; coordinates of gradient 0 are not.

    Args:
        gradient: (N, H, W, C) g.
        number: (N,) int32, how many coordinates; at least one moves.
        size: (N,) a.

    Returns:
        (N, H, W, C).
    """
    strength = tf.abs(gradient)
    ranked = tf.sort(tf.reshape(strength, (tf.shape(strength)[0], -1)), direction="DESCENDING")
    place = tf.clip_by_value(number - 1, 0, tf.shape(ranked)[1] - 1)
    least = tf.gather(ranked, place, batch_dims=1)
    signs = tf.where(strength >= spread(least), tf.sign(gradient), tf.zeros_like(gradient))
    moved = tf.reduce_sum(tf.abs(signs), example_axes(signs), keepdims=True)
    return spread(size) * signs / tf.maximum(moved, 1.0)


def support(delta: tf.Tensor) -> tf.Tensor:
    """‖δ‖₀: (N, H, W, C) -> (N,) int32."""
    return tf.reduce_sum(tf.cast(tf.not_equal(delta, 0), tf.int32), example_axes(delta))


def fewer(changed: tf.Tensor) -> tf.Tensor:
    """κD = s/1.5, rounded up, in integers: (N,) int32 -> (N,) int32."""
    return (2 * changed + 2) // 3
