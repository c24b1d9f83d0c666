"""A linear network that imitates another's predictions, to craft transfer attacks on where there is no other."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mmc_tf.attacks import Source

NAME = "linear surrogate"
RIDGE = 1.0


class Linear:
    """h = Wx + b, as a model that attacks can be crafted on."""

    def __init__(self, weights: np.ndarray, bias: np.ndarray):
        self.weights = tf.constant(weights, tf.float32)
        self.bias = tf.constant(bias, tf.float32)

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """(N, H, W, C) -> (N, L)."""
        return tf.reshape(images, [-1, self.weights.shape[0]]) @ self.weights + self.bias


def fit_surrogate(images: np.ndarray, predictions: np.ndarray, *, num_classes: int) -> Source:
    """Fits predicted classes by ridge regression in closed form: W = Xᵀ(XXᵀ + λI)⁻¹(one-hot - mean).

    Neither labels nor gradients of the imitated network are used, only its predictions.

    Args:
        images: float32 (M, H, W, C); a thousand are enough.
        predictions: (M,) classes.
        num_classes: L.
    """
    flat = images.reshape(len(images), -1).astype(np.float64)
    center = flat.mean(axis=0)
    # Less 1/L, or the logits of every image would sum to 1, as probabilities do.
    goal = np.eye(num_classes)[predictions] - 1 / num_classes
    middle = goal.mean(axis=0)
    gram = (flat - center) @ (flat - center).T + RIDGE * np.eye(len(flat))
    weights = (flat - center).T @ np.linalg.solve(gram, goal - middle)
    return Source(NAME, Linear(weights, middle - center @ weights))
