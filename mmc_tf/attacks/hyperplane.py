"""The least step onto a hyperplane that stays in the box (Croce & Hein, ICML 2020, Section 2.3).

With Croce and Hein: min ‖d‖_p over w·(v + d) = b, v + d in [0, 1]. The plane is given here by c = b - w·v, the
change of w·v that is asked for, which attacks know more precisely than b: at v = x_k it is -f_j(x_k).
"""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.attacks.projections import ORDERS
from mmc_tf.attacks.steps import TINY
from mmc_tf.checks import check_choice

# A step of Newton's method divides (what is missing) x (slope) by four or more: for float32 this is ample.
NEWTON_STEPS = 60
CORNER = 1e30  # a level past every wall


def step_to_hyperplane(points: tf.Tensor, normals: tf.Tensor, change: tf.Tensor, *, norm: str) -> tf.Tensor:
    """The step d of least norm with w·d = c and v + d in [0, 1].

    With s = sign(c) and room_i = 1 - v_i or v_i in the direction of s·w_i:

        linf: d_i = sign(s·w_i)·min(λ, room_i);   l2: d_i = s·w_i·λ, at most room_i in size;
        l1: by falling |w_i|, each up to room_i, until w·d = c.

    λ >= 0 is the least with w·d = c. If the box holds no such point, d leads to the corner nearest to the
    plane. Where w_i = 0, d_i = 0.

    Args:
        points: (N, ...) v in [0, 1].
        normals: (N, ...) w.
        change: (N,) c.
        norm: `linf`, `l2` or `l1`.

    Returns:
        (N, ...) steps.

    Example:
        >>> points, normals = tf.constant([[0.9, 0.5, 0.2]]), tf.constant([[2.0, 1.0, -1.0]])
        >>> step_to_hyperplane(points, normals, tf.constant([0.5]), norm="l1").numpy().round(6)
        array([[ 0.1,  0.3, -0. ]], dtype=float32)
    """
    check_choice("norm", norm, ORDERS)
    shape = tf.shape(points)
    points, normals = (tf.reshape(value, [shape[0], -1]) for value in (points, normals))
    direction = tf.sign(normals) * tf.sign(change)[:, None]
    # The plane is the same for any multiple of w and c; with max |w_i| = 1 nothing under- or overflows.
    size = tf.abs(normals)
    largest = tf.reduce_max(size, axis=1)
    largest = tf.where(largest < TINY, 1.0, largest)
    size, needed = size / largest[:, None], tf.abs(change) / largest
    room = tf.where(direction > 0, 1.0 - points, points)
    room = tf.where((direction == 0) | (size == 0), 0.0, tf.maximum(room, 0.0))
    if norm == "l1":
        step = _fill(size, room, needed)
    else:
        step = _raise_level(size, room, needed, speed=size if norm == "l2" else tf.sign(size))
    return tf.reshape(direction * step, shape)


def _raise_level(size: tf.Tensor, room: tf.Tensor, needed: tf.Tensor, *, speed: tf.Tensor) -> tf.Tensor:
    """min(λ·speed, room) with the least λ for which Σ size·min(λ·speed, room) = needed, else room; all (N, D).

    The sum is a concave, piecewise linear function of λ: Newton's method, started below, rises to the solution
    and reaches it exactly, in a few steps.
    """
    gain = size * speed

    def newton(level: tf.Tensor, moved: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        full = level[:, None] * speed >= room
        slope = tf.reduce_sum(tf.where(full, 0.0, gain), axis=1)
        missing = needed - tf.reduce_sum(tf.where(full, size * room, 0.0), axis=1)
        # With every coordinate at its wall the plane is out of reach: any large level gives the corner.
        risen = tf.where(slope > 0, missing / tf.where(slope > 0, slope, 1.0), CORNER)
        risen = tf.where(moved, tf.clip_by_value(risen, level, CORNER), level)
        return risen, risen > level

    def unfinished(level: tf.Tensor, moved: tf.Tensor) -> tf.Tensor:
        return tf.reduce_any(moved)

    state = (tf.zeros_like(needed), needed > 0)
    level, _ = tf.while_loop(
        unfinished, newton, state, maximum_iterations=NEWTON_STEPS, parallel_iterations=1
    )
    return tf.minimum(level[:, None] * speed, room)


def _fill(size: tf.Tensor, room: tf.Tensor, needed: tf.Tensor) -> tf.Tensor:
    """By falling size, each coordinate up to its room, until Σ size·step = needed; all (N, D)."""
    order = tf.argsort(size, axis=1, direction="DESCENDING", stable=True)
    size, room = (tf.gather(value, order, batch_dims=1) for value in (size, room))
    # A running sum in float32 would be off by what its thousands of roundings add up to.
    available = tf.cast(size * room, tf.float64)
    before = tf.cumsum(available, axis=1, exclusive=True)
    left = tf.maximum(tf.cast(needed, tf.float64)[:, None] - before, 0.0)
    filled = tf.where(left >= available, room, tf.math.divide_no_nan(tf.cast(left, size.dtype), size))
    return tf.gather(filled, tf.argsort(order, axis=1), batch_dims=1)
