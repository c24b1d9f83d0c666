"""The shortest perturbation along one direction: PGD finds the direction, bisection the length.

Algorithm 1 of Ding et al., "MMA Training" (ICLR 2020), as functions that a training step can call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from mmc_tf.attacks.norms import lengths, spread
from mmc_tf.attacks.objectives import Objective, slm
from mmc_tf.attacks.oracle import Model, Oracle
from mmc_tf.attacks.projections import clip_box
from mmc_tf.attacks.starts import random_start
from mmc_tf.attacks.steps import dense_step, move
from mmc_tf.checks import check_choice

NO_DIRECTION = 1e-12
NORMS = ("linf", "l2")
BOUNDARIES = ("prediction", "slm")


class Shortest(NamedTuple):
    """What AN-PGD finds.

    Attributes:
        adversarial: (N, H, W, C) clip01(x + e·u); the clean image where there is no direction u.
        radius: (N,) e, the outer end of the last bracket: M where no boundary was crossed.
        success: (N,) bool, a boundary was crossed, and `adversarial` lies beyond it.
    """

    adversarial: tf.Tensor
    radius: tf.Tensor
    success: tf.Tensor


def shortest_perturbation(
    model: Model,
    images: tf.Tensor,
    labels: tf.Tensor,
    *,
    norm: str,
    initial_radius: tf.Tensor,
    max_radius: float | tf.Tensor,
    num_steps: int | tf.Tensor,
    indices: tf.Tensor,
    seed: int | tf.Tensor,
    num_bisections: int | tf.Tensor = 10,
    boundary: str = "slm",
    active: tf.Tensor | None = None,
    soft_margin: Objective = slm,
) -> Shortest:
    """AN-PGD for a training step: MMA, Algorithm 1, with a first radius of its own for each example.

    Plain TensorFlow of fixed shapes, to be called inside a `tf.function` and outside of the `GradientTape` of
    the loss. The model runs in evaluation mode; so no batch norm sees the images of the search (the authors'
    code updates it eleven times a step).

    Args:
        model: maps images to logits.
        images: (N, H, W, C) float32 in [0, 1].
        labels: (N,) int32.
        norm: `linf` or `l2`.
        initial_radius: (N,) first radii e_i > 0; M where larger.
        max_radius: M, 1.05·d_max in the paper's code.
        num_steps: K >= 1 steps of PGD, of length 2.5·e_i/K: 40 on MNIST, 10 on CIFAR-10.
        indices: (N,) int64 indices of the examples in the data set.
        seed: scalar integer, another one for each training step.
        num_bisections: halvings of the bracket.
        boundary: `slm` as in training, or `prediction`.
        active: (N,) bool, for whom to search; None: for all. The others get the clean image, 0 and False.
        soft_margin: what PGD climbs, and whose zero is the boundary `slm`: SLM, or `tempered_slm(T)`.

    Returns:
        The images, radii and successes, without gradient.

    Raises:
        UserError: for another norm or boundary.
    """
    check_choice("norm", norm, NORMS)
    check_choice("boundary", boundary, BOUNDARIES)
    labels = tf.cast(labels, tf.int32)
    active = tf.ones_like(labels, tf.bool) if active is None else active
    oracle = Oracle(model, labels, None, choose_objective=lambda head: "slm", packing=False)
    images = tf.convert_to_tensor(images)
    found = search(
        oracle,
        images,
        active=active,
        norm=norm,
        boundary=boundary,
        initial_radius=tf.cast(initial_radius, images.dtype),
        max_radius=tf.cast(max_radius, images.dtype),
        num_steps=tf.cast(num_steps, tf.int32),
        num_bisections=tf.cast(num_bisections, tf.int32),
        indices=indices,
        seed=seed,
        stream=0,
        soft_margin=soft_margin,
    )
    found = Shortest(
        tf.where(spread(active), found.adversarial, images),
        tf.where(active, found.radius, 0.0),
        active & found.success,
    )
    return Shortest(*(tf.stop_gradient(value) for value in found))


def search(
    oracle: Oracle,
    images: tf.Tensor,
    *,
    active: tf.Tensor,
    norm: str,
    boundary: str,
    initial_radius: tf.Tensor,
    max_radius: tf.Tensor,
    num_steps: tf.Tensor,
    num_bisections: tf.Tensor,
    indices: tf.Tensor,
    seed: tf.Tensor,
    stream: tf.Tensor | int,
    soft_margin: Objective = slm,
) -> Shortest:
    """One run for the active examples: see `shortest_perturbation`."""

    def crosses(point: tf.Tensor) -> tf.Tensor:
        if boundary == "prediction":  # a margin of 0 may be a tie that still goes to the label
            return tf.not_equal(oracle.predictions(point, active), oracle.labels)
        return active & (oracle.look(point, active, objective=soft_margin).objective >= 0)

    radius = tf.minimum(initial_radius, max_radius)
    point = climb(
        oracle, images, active=active, norm=norm, radius=radius, num_steps=num_steps, indices=indices,
        seed=seed, stream=stream, soft_margin=soft_margin,
    )  # fmt: skip
    delta = point - images
    length = lengths(delta, norm=norm)
    has_direction = length > NO_DIRECTION
    unit = delta / spread(tf.where(has_direction, length, 1.0))

    def at(distance: tf.Tensor) -> tf.Tensor:
        return clip_box(images + spread(distance) * unit)

    radius, success = bisect(
        lambda distance: crosses(at(distance)),
        start=tf.minimum(length, max_radius),
        end=tf.ones_like(length) * max_radius,
        num_bisections=num_bisections,
    )
    radius = tf.where(has_direction, radius, max_radius)
    return Shortest(at(radius), radius, success & has_direction)


def climb(
    oracle: Oracle,
    images: tf.Tensor,
    *,
    active: tf.Tensor,
    norm: str,
    radius: tf.Tensor,
    num_steps: tf.Tensor,
    indices: tf.Tensor,
    seed: tf.Tensor,
    stream: tf.Tensor | int,
    soft_margin: Objective = slm,
) -> tf.Tensor:
    """The last iterate of PGD on the soft logit margin, from a random start, with radii (N,)."""
    radius = spread(radius)
    size = 2.5 * radius / tf.cast(tf.maximum(num_steps, 1), images.dtype)
    settings = {"norm": norm, "epsilon": radius}
    start = random_start(images, indices, seed=seed, restart=stream, **settings)

    def step(k: tf.Tensor, point: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        gradient = oracle.evaluate(point, active, objective=soft_margin).gradient
        onward = dense_step(gradient, norm=norm, size=size)
        return k + 1, move(point, onward, clean=images, box_first=norm == "l2", **settings)

    def unfinished(k: tf.Tensor, point: tf.Tensor) -> tf.Tensor:
        return (k < num_steps) & tf.reduce_any(active)

    return tf.while_loop(unfinished, step, (tf.constant(0), start), parallel_iterations=1)[1]


def bisect(
    crosses: Callable[[tf.Tensor], tf.Tensor],
    *,
    start: tf.Tensor,
    end: tf.Tensor,
    num_bisections: tf.Tensor | int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Halves [0, start], or [start, end] if `start` is not across yet.

    Args:
        crosses: maps distances (N,) to whether the point there lies across, (N,) bool.
        start: (N,) the first distance to look at.
        end: (N,) the largest distance.
        num_bisections: halvings.

    Returns:
        (N,) the outer end of the last bracket, `end` if nothing was across, and (N,) whether anything was. The
        authors' code returns the last midpoint, which lies on the inner side for half of the examples.
    """
    across = crosses(start)
    low, high = tf.where(across, 0.0, start), tf.where(across, start, end)

    def halve(k, low, high, found):
        middle = 0.5 * (low + high)
        across = crosses(middle)
        return k + 1, tf.where(across, low, middle), tf.where(across, middle, high), found | across

    _, _, high, found = tf.while_loop(
        lambda k, *others: k < num_bisections,
        halve,
        (tf.constant(0), low, high, across),
        parallel_iterations=1,
    )
    return high, found
