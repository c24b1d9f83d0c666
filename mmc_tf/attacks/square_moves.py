"""The Square Attack's starts and moves, as functions of the images and of uniform draws.

linf paints windows in corners of the ball. l2 and l1 move the perturbation's mass into one window out of
another.
"""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.attacks.projections import clip_box, nearest_in_l1
from mmc_tf.attacks.square_windows import corner, pattern, place_pattern, window

PER_AXIS = 5  # squares of the l2 and l1 start along the image's height
FLOOR = 1e-12  # the least divisor


def grid(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The squares of the l2 and l1 start: their side ⌊H/5⌋, and how many fit along height and width."""
    side = max(min(shape[0] // PER_AXIS, shape[1]), 1)
    return side, shape[0] // side, shape[1] // side


def start_draws(shape: tuple[int, ...], *, norm: str) -> tuple[int, ...]:
    """Shape of the uniform draws that `start` takes for one example of shape (H, W, C)."""
    if norm == "linf":
        return (1, shape[1], shape[2])
    _, down, across = grid(shape)
    return (down, across, 1 + shape[2])


def move_draws(shape: tuple[int, ...], *, norm: str) -> int:
    """Number of the uniform draws that `move` takes for one example: window, signs, and for l2 and l1 another
    window and whether to transpose.
    """
    return shape[2] + (2 if norm == "linf" else 5)


def start(images: tf.Tensor, uniform: tf.Tensor, *, norm: str, epsilon: tf.Tensor) -> tf.Tensor:
    """Vertical stripes in the corners of the ball (linf), or a grid of squares of pattern η (l2 and l1).

    Args:
        images: (N, H, W, C) clean images.
        uniform: (N, *start_draws) in [0, 1).
        norm: `linf`, `l2` or `l1`.
        epsilon: scalar radius.
    """
    if norm == "linf":
        return clip_box(images + epsilon * _signs(uniform))
    shape = tuple(images.shape[1:])
    side, down, across = grid(shape)
    eta = tf.constant(pattern(side, norm=norm), tf.float32)[None, None, :, None, :, None]
    # (N, down, side, across, side, C): rows of squares, rows within them, and so on.
    uniform = uniform[:, :, None, :, None, :]
    transposed = tf.transpose(eta, [0, 1, 4, 3, 2, 5])
    squares = tf.where(uniform[..., :1] < 0.5, transposed, eta) * _signs(uniform[..., 1:])
    delta = tf.reshape(squares, (-1, down * side, across * side, shape[2]))
    above, left = (shape[0] - down * side) // 2, (shape[1] - across * side) // 2
    delta = tf.image.pad_to_bounding_box(delta, above, left, shape[0], shape[1])
    return _inside(_stretch(delta, norm=norm, epsilon=epsilon), images, norm=norm, epsilon=epsilon)


def move(
    images: tf.Tensor,
    best: tf.Tensor,
    uniform: tf.Tensor,
    *,
    side: tf.Tensor,
    eta: tf.Tensor | None,
    norm: str,
    epsilon: tf.Tensor,
) -> tf.Tensor:
    """A proposal for each example.

    linf: x̂ = clip01(clip(x_best + 2ε·σ, x ± ε)) in a window, σ a sign per channel. Since x_best is within
    x ± ε, that is clip01(x + ε·σ).

    l2 and l1: see `_shift_mass`.

    Args:
        images: (N, H, W, C) clean images x.
        best: (N, H, W, C) the best so far.
        uniform: (N, move_draws) in [0, 1).
        side: scalar float32, the windows' side s.
        eta: (S, S) float32 with η(s) in its corner, for l2 and l1.
        norm: `linf`, `l2` or `l1`.
        epsilon: scalar radius.

    Returns:
        (N, H, W, C) within ball and box.
    """
    shape = tuple(images.shape[1:3])
    channels = images.shape[3]
    signs = _signs(uniform[:, None, None, -channels:])

    def draw_corner(first: int) -> tuple[tf.Tensor, tf.Tensor]:
        return corner(uniform[:, first], shape[0], side), corner(uniform[:, first + 1], shape[1], side)

    into = draw_corner(0)
    target = window(*into, side, shape)
    if norm == "linf":
        return tf.where(target, clip_box(images + epsilon * signs), best)
    source = window(*draw_corner(2), side, shape)
    added = signs * place_pattern(eta, *into, side, uniform[:, 4] < 0.5, shape)
    delta = _shift_mass(best - images, added, target, source, norm=norm, epsilon=epsilon)
    if norm == "l2":
        delta = _stretch(delta, norm=norm, epsilon=epsilon)
    return _inside(delta, images, norm=norm, epsilon=epsilon)


def _shift_mass(
    delta: tf.Tensor, added: tf.Tensor, target: tf.Tensor, source: tf.Tensor, *, norm: str, epsilon: tf.Tensor
) -> tf.Tensor:
    """Zeroes the source window; puts its mass, and what the radius has left, into the target window.

    There, per channel: direction η·σ + δ/‖δ‖; norm √(max(ε² - ‖δ‖², 0)/C + ‖δ on both windows‖²) in l2,
    C·(max(ε - ‖δ‖, 0)/C + ‖δ on both windows‖) in l1, where the projection takes back what is too much.

    Args:
        delta: (N, H, W, C) perturbations δ.
        added: (N, H, W, C) the pattern η·σ in the target window.
        target: (N, H, W, 1) bool.
        source: (N, H, W, 1) bool.
        norm: `l2` or `l1`.
        epsilon: scalar radius.
    """
    channels = float(delta.shape[3])
    here = tf.where(target, delta, 0.0)
    here = tf.where(target, added + here / tf.maximum(_norms(here, norm, [1, 2]), FLOOR), 0.0)
    both = _norms(tf.where(target | source, delta, 0.0), norm, [1, 2])
    whole = _norms(delta, norm, [1, 2, 3])
    if norm == "l2":
        size = tf.sqrt(tf.nn.relu(epsilon**2 - whole**2) / channels + both**2)
    else:
        size = channels * (tf.nn.relu(epsilon - whole) / channels + both)
    here *= size / tf.maximum(_norms(here, norm, [1, 2]), FLOOR)
    return tf.where(target, here, tf.where(source, 0.0, delta))


def _signs(uniform: tf.Tensor) -> tf.Tensor:
    return tf.where(uniform < 0.5, -1.0, 1.0)


def _norms(delta: tf.Tensor, norm: str, axes: list[int]) -> tf.Tensor:
    if norm == "l1":
        return tf.reduce_sum(tf.abs(delta), axes, keepdims=True)
    return tf.sqrt(tf.reduce_sum(tf.square(delta), axes, keepdims=True))


def _stretch(delta: tf.Tensor, *, norm: str, epsilon: tf.Tensor) -> tf.Tensor:
    """ε·δ/‖δ‖."""
    return delta * (epsilon / tf.maximum(_norms(delta, norm, [1, 2, 3]), FLOOR))


def _inside(delta: tf.Tensor, images: tf.Tensor, *, norm: str, epsilon: tf.Tensor) -> tf.Tensor:
    """x + δ in the box; in l1 by the projection on ball and box together."""
    if norm == "l1":
        return nearest_in_l1(images + delta, images, epsilon=epsilon)
    return clip_box(images + delta)
