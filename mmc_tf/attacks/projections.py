"""Norms of perturbations and projections on their balls."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import clip_eta

from mmc_tf.checks import check_choice

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
