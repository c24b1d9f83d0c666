"""A linear classifier in the box, for which the best perturbation of any norm is known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True, eq=False)
class LinearBed:
    """h = factor·(xW + b), images x uniform in a box, labels = predictions.

    Args:
        kernel: (D, L) float32 W.
        bias: (L,) float32 b.
        images: (N, H, W, C) float32.
        factor: of all logits; a variable can be changed between calls without a new trace.
    """

    kernel: np.ndarray
    bias: np.ndarray
    images: np.ndarray
    factor: float | tf.Variable = 1.0

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Logits (N, L)."""
        flat = tf.reshape(images, (-1, len(self.kernel)))
        return self.factor * (flat @ self.kernel + self.bias)

    @property
    def logits(self) -> np.ndarray:
        """(N, L), unscaled, in float64."""
        return self.images.reshape(len(self.images), -1).astype(np.float64) @ self.kernel + self.bias

    @property
    def labels(self) -> np.ndarray:
        """(N,) int32, the predictions."""
        return self.logits.argmax(axis=1).astype(np.int32)


def make_bed(
    *,
    seed: int | Sequence[int] = 0,
    size: int = 128,
    num_classes: int = 10,
    shape: tuple[int, int, int] = (8, 8, 3),
    factor: float | tf.Variable = 1.0,
    low: float = 0.0,
    high: float = 1.0,
    centred: bool = False,
) -> LinearBed:
    """Draws a bed: W ~ N(0, 100/D), b ~ N(0, 1), images uniform in [low, high].

    Args:
        seed: what the draws follow from.
        size: N.
        num_classes: L.
        shape: (H, W, C).
        factor: of all logits.
        low: least pixel, >= 0; with `high` well inside [0, 1] small perturbations never meet the box.
        high: largest pixel, <= 1.
        centred: h = factor·((x - ½)W + b), so that no draw of W puts all images into one class.

    Example:
        >>> make_bed(size=2).images.shape
        (2, 8, 8, 3)
    """
    generator = np.random.default_rng(seed)
    dim = int(np.prod(shape))
    kernel = generator.normal(0, np.sqrt(100 / dim), (dim, num_classes)).astype(np.float32)
    bias = generator.normal(0, 1, num_classes).astype(np.float32)
    images = generator.uniform(low, high, (size, *shape)).astype(np.float32)
    if centred:
        bias = (bias - 0.5 * kernel.sum(axis=0)).astype(np.float32)
    return LinearBed(kernel, bias, images, factor)


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


def largest_gain(w: np.ndarray, x: np.ndarray, *, norm: str, epsilon: float) -> float:
    """max w·δ over ‖δ‖_p <= ε, x + δ in [0, 1], in float64.

    Args:
        w: (D,) weights.
        x: (D,) pixels in [0, 1].
        norm: `linf`, `l2` or `l1`.
        epsilon: radius ε > 0.

    Example:
        >>> round(largest_gain(np.array([2.0, -1.0]), np.array([0.9, 0.5]), norm="linf", epsilon=0.2), 6)
        0.4
    """
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


def exact_margins(bed: LinearBed, *, norm: str, lead: float = 0.0) -> np.ndarray:
    """The least distance, within the box, at which another logit leads by `lead`.

    Args:
        bed: the classifier and its images.
        norm: `linf`, `l2` or `l1`.
        lead: >= 0, in units of the unscaled logits.

    Returns:
        (N,) float64; inf where no image of the box is that far.
    """
    logits, labels = bed.logits, bed.labels
    flat = bed.images.reshape(len(bed.images), -1).astype(np.float64)
    kernel = bed.kernel.astype(np.float64).T
    distances = np.empty(len(flat))
    for i, (x, y) in enumerate(zip(flat, labels, strict=True)):
        others = np.arange(logits.shape[1]) != y
        w = kernel[others] - kernel[y]
        gains = logits[i, y] - logits[i, others] + lead
        distances[i] = least_distances(w, x, gains, norm=norm).min()
    return distances


def least_distances(w: np.ndarray, x: np.ndarray, gains: np.ndarray, *, norm: str) -> np.ndarray:
    """min ‖δ‖_p over w_k·δ >= g_k, x + δ in [0, 1], for each of K rows: the inverse of `largest_gain`.

    The best δ moves every pixel by min(λ, room) in linf, by min(λ|w|, room) in l2, and the pixels of largest |w|
    by all their room in l1: its gain is piecewise linear in λ, or in ‖δ‖₁, with kinks where a pixel meets the box.

    Args:
        w: (K, D) weights.
        x: (D,) pixels in [0, 1].
        gains: (K,) g > 0.
        norm: `linf`, `l2` or `l1`.

    Returns:
        (K,), inf where the box has no such δ.

    Example:
        >>> least_distances(np.array([[2.0, -1.0]]), np.array([0.9, 0.5]), np.array([0.4]), norm="linf")
        array([0.2])
    """
    room = np.where(w > 0, 1 - x, x)
    size = np.abs(w)
    if norm == "l1":
        order = np.argsort(-size, axis=1)
        room, size = (np.take_along_axis(values, order, axis=1) for values in (room, size))
        return _first_crossing(room, room * size, gains)
    kinks = room if norm == "linf" else np.divide(room, size, out=np.zeros_like(room), where=size > 0)
    slopes = size if norm == "linf" else size**2
    order = np.argsort(kinks, axis=1)
    kinks, slopes = (np.take_along_axis(values, order, axis=1) for values in (kinks, slopes))
    widths = np.diff(kinks, prepend=0.0, axis=1)
    steepness = np.cumsum(slopes[:, ::-1], axis=1)[:, ::-1]  # of the pixels that still have room
    reached = _first_crossing(widths, widths * steepness, gains)
    if norm == "linf":
        return reached
    inside = np.where(np.isfinite(reached), reached, 0)[:, None]
    return np.where(np.isfinite(reached), np.linalg.norm(np.minimum(inside * size, room), axis=1), np.inf)


def _first_crossing(widths: np.ndarray, rises: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Where the piecewise linear curve from 0 with these pieces, (K, D) each, reaches the levels (K,), or inf."""
    ends = np.cumsum(rises, axis=1)
    reached = ends >= levels[:, None]
    k = reached.argmax(axis=1)[:, None]
    width, rise, end = (np.take_along_axis(values, k, axis=1)[:, 0] for values in (widths, rises, ends))
    stop = np.take_along_axis(np.cumsum(widths, axis=1), k, axis=1)[:, 0]
    back = np.divide(end - levels, rise, out=np.zeros_like(end), where=rise > 0) * width
    return np.where(reached.any(axis=1), stop - back, np.inf)
