"""A linear classifier in the box, for which the best perturbation of any norm is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True, eq=False)
class LinearBed:
    """h = factor·(xW + b), images x uniform in the box, labels = predictions."""

    kernel: np.ndarray  # (D, L) float32
    bias: np.ndarray  # (L,) float32
    images: np.ndarray  # (N, H, W, C) float32
    factor: float | tf.Variable = 1.0

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(images, (-1, len(self.kernel)))
        return self.factor * (flat @ self.kernel + self.bias)

    @property
    def logits(self) -> np.ndarray:
        """Unscaled, in float64."""
        return self.images.reshape(len(self.images), -1).astype(np.float64) @ self.kernel + self.bias

    @property
    def labels(self) -> np.ndarray:
        return self.logits.argmax(axis=1).astype(np.int32)


def make_bed(
    *, seed=0, size=128, num_classes=10, shape=(8, 8, 3), factor=1.0, low=0.0, high=1.0
) -> LinearBed:
    generator = np.random.default_rng(seed)
    dim = int(np.prod(shape))
    kernel = generator.normal(0, np.sqrt(100 / dim), (dim, num_classes)).astype(np.float32)
    bias = generator.normal(0, 1, num_classes).astype(np.float32)
    images = generator.uniform(low, high, (size, *shape)).astype(np.float32)
    return LinearBed(kernel, bias, images, factor)


def largest_gain(w: np.ndarray, x: np.ndarray, *, norm: str, epsilon: float) -> float:
    """max w·δ over |δ|_p <= ε, x + δ in [0, 1], in float64."""
    room = np.where(w > 0, 1 - x, x)
    size = np.abs(w)
    if norm == "linf":
        return float(size @ np.minimum(room, epsilon))
    if norm == "l1":
        order = np.argsort(-size)
        spent = np.minimum(room[order], np.maximum(epsilon - np.cumsum(room[order]) + room[order], 0))
        return float(size[order] @ spent)
    if np.linalg.norm(np.where(size > 0, room, 0)) <= epsilon:
        return float(size @ room)
    low, high = 0.0, np.linalg.norm(w) / epsilon
    for _ in range(200):
        middle = (low + high) / 2
        length = np.linalg.norm(np.minimum(size / max(middle, 1e-300), room))
        low, high = (middle, high) if length > epsilon else (low, middle)
    return float(size @ np.minimum(size / high, room))


def exactly_robust(bed: LinearBed, *, norm: str, epsilon: float) -> np.ndarray:
    """(N,) bool: no perturbation of this radius changes the prediction."""
    logits, labels = bed.logits, bed.labels
    flat = bed.images.reshape(len(bed.images), -1).astype(np.float64)
    robust = np.ones(len(flat), bool)
    for i, (x, y) in enumerate(zip(flat, labels, strict=True)):
        for j in range(logits.shape[1]):
            w = (bed.kernel[:, j] - bed.kernel[:, y]).astype(np.float64)
            if j != y and largest_gain(w, x, norm=norm, epsilon=epsilon) >= logits[i, y] - logits[i, j]:
                robust[i] = False
    return robust


def exact_margins(bed: LinearBed, *, norm: str, lead: float = 0.0) -> np.ndarray:
    """(N,) least distance at which another logit leads by `lead`: min_j (m_j + lead)/‖w_j‖_q, away from the box."""
    dual = {"linf": 1, "l2": 2, "l1": np.inf}[norm]
    logits, labels = bed.logits, bed.labels
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    w = bed.kernel.T[None].astype(np.float64) - bed.kernel.T[labels][:, None]
    size = np.linalg.norm(w, ord=dual, axis=2)
    wrong = size > 0
    distances = (own - logits + lead) / np.where(wrong, size, 1)
    return np.where(wrong, distances, np.inf).min(axis=1)
