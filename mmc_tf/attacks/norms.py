"""Norms of perturbations inside the graph, and directions drawn at random on their spheres."""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.attacks.projections import ORDERS
from mmc_tf.attacks.starts import per_example
from mmc_tf.checks import check_choice

# w·δ <= ‖w‖_q·‖δ‖_p: the norm q in which a plane's normal gives the distance from it in the norm p.
DUALS = {"linf": "l1", "l2": "l2", "l1": "linf"}


def spread(values: tf.Tensor) -> tf.Tensor:
    """One value per example, (N,), with the axes of images: (N, 1, 1, 1)."""
    return values[:, None, None, None]


def lengths(delta: tf.Tensor, *, norm: str, first_axis: int = 1) -> tf.Tensor:
    """max|δ|, √Σδ² or Σ|δ| over the axes of an image.

    Args:
        delta: (N, ...) perturbations or gradients.
        norm: `linf`, `l2` or `l1`.
        first_axis: the first axis to reduce; 2 for (N, K, ...).

    Returns:
        (N,), or (N, K).
    """
    check_choice("norm", norm, ORDERS)
    axes = list(range(first_axis, len(delta.shape)))
    size = tf.abs(delta)
    if norm == "linf":
        return tf.reduce_max(size, axes)
    if norm == "l1":
        return tf.reduce_sum(size, axes)
    # Squares of small entries would underflow, and those of large ones overflow.
    largest = tf.reduce_max(size, axes, keepdims=True)
    scaled = tf.math.divide_no_nan(size, largest)
    return tf.reshape(largest, tf.shape(size)[:first_axis]) * tf.sqrt(tf.reduce_sum(scaled**2, axes))


def random_directions(
    images: tf.Tensor,
    indices: tf.Tensor,
    *,
    norm: str,
    seed: int | tf.Tensor,
    stream: int | tf.Tensor,
) -> tf.Tensor:
    """Directions of norm 1: uniform in the cube for linf, Gaussian for l2 and l1, divided by their norm.

    Args:
        images: (N, H, W, C), for their shape.
        indices: (N,) indices of the examples in the data set.
        norm: `linf`, `l2` or `l1`.
        seed: scalar integer.
        stream: scalar integer that keeps apart draws of the same example.

    Returns:
        (N, H, W, C) float32.
    """
    shape = tuple(images.shape[1:])

    def draw(key: tf.Tensor) -> tf.Tensor:
        if norm == "linf":
            return tf.random.stateless_uniform(shape, key, -1.0, 1.0, alg="philox")
        return tf.random.stateless_normal(shape, key, alg="philox")

    drawn = per_example(draw, indices, seed=seed, stream=stream, signature=tf.float32)
    return drawn / spread(lengths(drawn, norm=norm))
