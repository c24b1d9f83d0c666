"""Where one run of APGD stands, per example, and its rule in linf and l2."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from mmc_tf.attacks.projections import clip_box
from mmc_tf.attacks.starts import per_example
from mmc_tf.attacks.steps import move, steepest_step

MOMENTUM = 0.75  # α
RISING_SHARE = 0.75  # ρ: the share of a period's steps that must climb to keep the step size


class Climb(NamedTuple):
    """What every rule of APGD carries from iterate to iterate.

    Attributes:
        point: (N, H, W, C) x_k, where the model is asked next or was asked last.
        previous: (N, H, W, C) the iterate from which the last step was taken.
        gradient: (N, H, W, C) of the objective, from which the next step goes.
        value: (N,) the objective at the last iterate evaluated, also after going back to another.
        best_point, best_gradient, best_value: of the iterate with the largest objective.
        rises: (N,) int32, iterates of this period with a larger objective than the one before.
    """

    point: tf.Tensor
    previous: tf.Tensor
    gradient: tf.Tensor
    value: tf.Tensor
    best_point: tf.Tensor
    best_gradient: tf.Tensor
    best_value: tf.Tensor
    rises: tf.Tensor

    def see(self, value: tf.Tensor, gradient: tf.Tensor) -> Climb:
        """Takes note of the objective (N,) and the gradient (N, H, W, C) at `point`."""
        better = value > self.best_value
        return self._replace(
            gradient=gradient,
            value=value,
            best_point=tf.where(spread(better), self.point, self.best_point),
            best_gradient=tf.where(spread(better), gradient, self.best_gradient),
            best_value=tf.where(better, value, self.best_value),
            rises=self.rises + tf.cast(value > self.value, tf.int32),
        )

    def go_back(self, where: tf.Tensor) -> Climb:
        """Returns to the best iterate for some examples, `where` (N,) bool, and starts a new period."""
        return self._replace(
            point=tf.where(spread(where), self.best_point, self.point),
            gradient=tf.where(spread(where), self.best_gradient, self.gradient),
            rises=tf.zeros_like(self.rises),
        )

    def go(self, point: tf.Tensor) -> Climb:
        """Steps to the next iterate (N, H, W, C)."""
        return self._replace(point=point, previous=self.point)


def spread(values: tf.Tensor) -> tf.Tensor:
    """(N,) -> (N, 1, 1, 1)."""
    return values[:, None, None, None]


def set_out(start: tf.Tensor) -> Climb:
    """A climb from x_0 (N, H, W, C), before the model was asked."""
    none, low = tf.zeros_like(start), tf.fill(tf.shape(start)[:1], -float("inf"))
    # Nothing rises above the infinite value before the start.
    return Climb(start, start, none, -low, start, none, low, tf.zeros_like(low, tf.int32))


class StepMemory(NamedTuple):
    """What decides when a step is halved, per example.

    Attributes:
        step_size: (N,) a.
        halved: (N,) bool, a was halved at the last checkpoint.
        best_value: (N,) the best objective at the last checkpoint.
    """

    step_size: tf.Tensor
    halved: tf.Tensor
    best_value: tf.Tensor


class MomentumRule:
    """APGD in linf and l2 (Croce & Hein, ICML 2020, Algorithm 1).

    u = P(x_k + a·s(g)), x_{k+1} = P(x_k + α(u - x_k) + (1 - α)(x_k - x_{k-1})), α = 1 in the first step and
    .75 after; s: linf sign(g), l2 g/‖g‖₂; P: back into ball and box. At checkpoints, which come closer and
    closer, a is halved, and the climb goes back to the best iterate, where either (i) at most ρ = .75 of the
    period's iterates rose above the one before, or (ii) a was not halved at the last checkpoint and the best
    objective has not improved since.

    Args:
        images: (N, H, W, C) clean images.
        norm: `linf` or `l2`.
        epsilon: scalar radius.
        num_steps: scalar int32, N.
    """

    def __init__(self, images: tf.Tensor, *, norm: str, epsilon: tf.Tensor, num_steps: tf.Tensor):
        self._images, self._norm, self._epsilon, self._num_steps = images, norm, epsilon, num_steps

    def start(self, indices: tf.Tensor, *, seed: tf.Tensor, stream: tf.Tensor) -> tf.Tensor:
        """x_0 = clip01(x + ε·t/‖t‖), t uniform in (-1, 1)^D and ‖t‖ = max|t| (linf), or Gaussian (l2)."""
        shape = tuple(self._images.shape[1:])

        def in_linf(key: tf.Tensor) -> tf.Tensor:
            draw = tf.random.stateless_uniform(shape, key, -1.0, 1.0, alg="philox")
            return draw / tf.reduce_max(tf.abs(draw))

        def in_l2(key: tf.Tensor) -> tf.Tensor:
            draw = tf.random.stateless_normal(shape, key, alg="philox")
            return draw / tf.norm(draw)

        draw = {"linf": in_linf, "l2": in_l2}[self._norm]
        direction = per_example(draw, indices, seed=seed, stream=stream, signature=tf.float32)
        return clip_box(self._images + self._epsilon * direction)

    def enter(self, point: tf.Tensor) -> tf.Tensor:
        """A start is within the ball already."""
        return point

    def begin(self, point: tf.Tensor) -> StepMemory:
        """a = 2ε; the step counts as halved, so that the first checkpoint goes by (i) alone."""
        low = tf.fill(tf.shape(point)[:1], -float("inf"))
        return StepMemory(2 * self._epsilon * tf.ones_like(low), tf.ones_like(low, tf.bool), low)

    def first_period(self) -> tf.Tensor:
        """Iterations before the first checkpoint: .22 N."""
        return tf.maximum(22 * self._num_steps // 100, 1)

    def next_period(self, period: tf.Tensor) -> tf.Tensor:
        """Shorter by .03 N, down to .06 N."""
        shorter = period - tf.maximum(3 * self._num_steps // 100, 1)
        return tf.maximum(shorter, tf.maximum(6 * self._num_steps // 100, 1))

    def review(self, climb: Climb, memory: StepMemory, period: tf.Tensor) -> tuple[Climb, StepMemory]:
        """What a checkpoint changes."""
        needed = RISING_SHARE * tf.cast(period, tf.float32)
        oscillates = tf.cast(climb.rises, tf.float32) <= needed
        stuck = ~memory.halved & (climb.best_value <= memory.best_value)
        halve = oscillates | stuck
        step_size = tf.where(halve, 0.5 * memory.step_size, memory.step_size)
        return climb.go_back(halve), StepMemory(step_size, halve, climb.best_value)

    def step(self, climb: Climb, memory: StepMemory, first: tf.Tensor) -> tf.Tensor:
        """x_{k+1}, (N, H, W, C)."""
        share = tf.where(first, 1.0, MOMENTUM)
        towards = self._move(
            climb.point, steepest_step(climb.gradient, norm=self._norm, size=spread(memory.step_size))
        )
        inertia = climb.point - climb.previous
        return self._move(climb.point, share * (towards - climb.point) + (1 - share) * inertia)

    def _move(self, point: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        return move(point, step, clean=self._images, norm=self._norm, epsilon=self._epsilon)
