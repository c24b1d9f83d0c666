"""Norms of perturbations and projections on their balls."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import clip_eta

from mmc_tf.checks import check_choice

BISECTIONS = 40  # float32 has nothing left to halve before
INSIDE = 1 - 1e-6  # of a radius in l1: sums in float32 are not more exact
ULP = 2.0**-23  # of float32, relative
ORDERS = {"linf": np.inf, "l2": 2, "l1": 1}


def example_axes(values: tf.Tensor) -> list[int]:
    """All axes but the batch."""
    return list(range(1, len(values.shape)))


def measure(delta: np.ndarray, *, norm: str) -> np.ndarray:
    """The norm of each perturbation: max|δ|, √Σδ² or Σ|δ|, in float64.

    Args:
        delta: (N, ...) perturbations.
        norm: `linf`, `l2` or `l1`.

    Returns:
        (N,) float64.

    Example:
        >>> measure(np.array([[3.0, -4.0]]), norm="l2")
        array([5.])
    """
    check_choice("norm", norm, ORDERS)
    flat = np.asarray(delta, np.float64).reshape(len(delta), -1)
    return np.linalg.norm(flat, ord=ORDERS[norm], axis=1)


def project_ball(delta: tf.Tensor, *, norm: str, epsilon: tf.Tensor) -> tf.Tensor:
    """P_ε: clips each coordinate to ±ε (linf), or scales by min(1, ε/‖δ‖) (l2 and l1).

    The l1 scaling is that of the dense l1 attack (Foolbox' `L1PGD`), not the Euclidean projection.

    Args:
        delta: (N, ...) perturbations.
        norm: `linf`, `l2` or `l1`.
        epsilon: scalar radius >= 0, in units of the pixels.

    Returns:
        (N, ...) perturbations within the ball.
    """
    check_choice("norm", norm, ORDERS)
    if norm != "l1":
        return clip_eta(delta, ORDERS[norm], epsilon)
    # CleverHans raises for l1.
    size = tf.reduce_sum(tf.abs(delta), example_axes(delta), keepdims=True)
    return delta * tf.minimum(1.0, epsilon / tf.maximum(size, 1e-12))


def clip_box(images: tf.Tensor) -> tf.Tensor:
    """Clips pixels to [0, 1]."""
    return tf.clip_by_value(images, 0.0, 1.0)


def project_l1_and_box(delta: tf.Tensor, images: tf.Tensor, *, epsilon: tf.Tensor) -> tf.Tensor:
    """The nearest perturbation in {‖δ‖₁ <= ε} ∩ {x + δ in [0, 1]} (Croce & Hein, ICML 2021, Section 3).

    δ_i = sign(u_i)·min(max(|u_i| - θ, 0), c_i) with c_i the room that x_i has in the direction of u_i and the
    least θ >= 0 for which the sum of |δ_i| is at most ε, found by bisection. Projecting on ball and box in
    turn instead leaves much of the radius unspent.

    Args:
        delta: (N, ...) perturbations u.
        images: (N, ...) clean images x in [0, 1].
        epsilon: radius >= 0, scalar or one per example with as many axes as `delta`.

    Returns:
        (N, ...) perturbations.
    """
    delta, images = tf.convert_to_tensor(delta), tf.convert_to_tensor(images)
    axes = example_axes(delta)
    size = tf.abs(delta)
    room = tf.where(delta > 0, 1.0 - images, images)

    def shrink(threshold: tf.Tensor) -> tf.Tensor:
        return tf.minimum(tf.nn.relu(size - threshold), room)

    def fits(threshold: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(shrink(threshold), axes, keepdims=True) <= epsilon

    def halve(low: tf.Tensor, high: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        middle = 0.5 * (low + high)
        enough = fits(middle)
        return tf.where(enough, low, middle), tf.where(enough, middle, high)

    high = tf.reduce_max(size, axes, keepdims=True)
    low = tf.zeros_like(high)
    _, high = tf.while_loop(
        lambda low, high: True, halve, (low, high), maximum_iterations=BISECTIONS, parallel_iterations=1
    )
    return tf.sign(delta) * shrink(tf.where(fits(low), low, high))


def nearest_in_l1(point: tf.Tensor, images: tf.Tensor, *, epsilon: tf.Tensor) -> tf.Tensor:
    """x + P(x_k - x), P the projection on {‖δ‖₁ <= ε} ∩ box, within ε after rounding too.

    Args:
        point: (N, H, W, C) any points x_k.
        images: (N, H, W, C) clean images x.
        epsilon: scalar radius.

    Returns:
        (N, H, W, C).
    """
    return add_inwards(images, project_l1_and_box(point - images, images, epsilon=INSIDE * epsilon))


def add_inwards(images: tf.Tensor, delta: tf.Tensor) -> tf.Tensor:
    """clip01(x + δ), rounded towards x.

    Rounding to nearest lengthens a dense δ in l1: by 5e-6 at ε = .3 and 3,072 coordinates.

    Args:
        images: (N, ...) clean images x in [0, 1].
        delta: (N, ...) perturbations.

    Returns:
        (N, ...), no coordinate further from x than δ says.
    """
    moved = images + delta
    too_far = tf.abs(moved - images) > tf.abs(delta)
    moved = tf.where(too_far, moved - tf.sign(delta) * ULP * moved, moved)
    return clip_box(tf.where(delta > 0, tf.maximum(moved, images), tf.minimum(moved, images)))
