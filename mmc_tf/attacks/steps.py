"""One step of a gradient attack: its direction, and the way back into ball and box."""

from __future__ import annotations

import tensorflow as tf
from cleverhans.tf2.utils import optimize_linear

from mmc_tf.attacks.projections import (
    INSIDE,
    ORDERS,
    add_inwards,
    clip_box,
    example_axes,
    project_ball,
)

TINY = 2.0**-126  # the least normal float32: TensorFlow flushes what is smaller to zero


def rescale(gradient: tf.Tensor) -> tf.Tensor:
    """Divides each gradient by its largest |g_i|: the direction stays, the size becomes about 1.

    CleverHans puts its floor of 1e-12 under the square root, so that an l2 gradient shorter than 1e-6 comes
    out shorter than a unit step; a softmax on well-separated logits gives gradients far below that.

    Args:
        gradient: (N, ...).

    Returns:
        (N, ...) with largest absolute value 1, or unchanged where the gradient is zero.
    """
    largest = tf.reduce_max(tf.abs(gradient), example_axes(gradient), keepdims=True)
    return gradient / tf.where(largest < TINY, tf.ones_like(largest), largest)


def steepest_step(gradient: tf.Tensor, *, norm: str, size: tf.Tensor) -> tf.Tensor:
    """The step of length `size` that climbs a linear function fastest.

    linf: a·sign(g). l2: a·g/‖g‖₂. l1: a·sign(g) on the coordinates of largest |g_i|, divided by their number.
    A zero gradient gives no step.

    Args:
        gradient: (N, ...).
        norm: `linf`, `l2` or `l1`.
        size: scalar length a, in units of the pixels.

    Returns:
        (N, ...) steps.
    """
    scaled = gradient if norm == "linf" else rescale(gradient)
    return optimize_linear(scaled, size, ORDERS[norm])


def dense_step(gradient: tf.Tensor, *, norm: str, size: tf.Tensor) -> tf.Tensor:
    """As `steepest_step`, but l1 spreads the step over all coordinates: a·g/‖g‖₁ (Foolbox' `L1PGD`)."""
    if norm != "l1":
        return steepest_step(gradient, norm=norm, size=size)
    scaled = rescale(gradient)
    total = tf.reduce_sum(tf.abs(scaled), example_axes(scaled), keepdims=True)
    return size * scaled / tf.maximum(total, TINY)


def move(
    point: tf.Tensor,
    step: tf.Tensor,
    *,
    clean: tf.Tensor,
    norm: str,
    epsilon: tf.Tensor,
    box_first: bool = False,
) -> tf.Tensor:
    """x' = clip01(x + P_ε(x_k + s - x)).

    Args:
        point: (N, ...) iterates x_k in [0, 1].
        step: (N, ...) steps s.
        clean: (N, ...) clean images x.
        norm: norm of the ball.
        epsilon: scalar radius.
        box_first: clip x_k + s to [0, 1] before the ball too, as CleverHans' PGD does and its MIM does not.
            In linf the two orders agree; in l2 clipping first spends less of the radius outside the box.

    Returns:
        (N, ...) the next iterates, within ball and box; in l1 after rounding too.
    """
    reached = point + step
    if box_first:
        reached = clip_box(reached)
    if norm == "l1":
        return add_inwards(clean, project_ball(reached - clean, norm=norm, epsilon=INSIDE * epsilon))
    return clip_box(clean + project_ball(reached - clean, norm=norm, epsilon=epsilon))
