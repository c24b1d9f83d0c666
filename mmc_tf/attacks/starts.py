"""Random draws of the attacks: starts and targets, each a function of (seed, example index, stream) alone.

Nothing here depends on the batch an example happens to be in: whatever the batch size, and whichever examples
an earlier attack broke, the same seed gives an example the same draws.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from mmc_tf.attacks.projections import ORDERS, clip_box
from mmc_tf.checks import argument_error, check_choice

TARGET_STREAM = 2**30  # restarts are the streams 0, 1, 2, ...


def per_example(
    draw: Callable[[tf.Tensor], tf.Tensor],
    indices: tf.Tensor,
    *,
    seed: int | tf.Tensor,
    stream: int | tf.Tensor,
    signature: tf.DType,
) -> tf.Tensor:
    """Calls `draw(key)` with a key of its own for each example.

    Args:
        draw: maps a stateless seed of shape (2,) to one example's draw.
        indices: (N,) indices of the examples in the data set.
        seed: scalar integer.
        stream: scalar integer that keeps apart draws of the same example, such as the restart.
        signature: dtype of the draws.

    Returns:
        (N, ...) the draws.
    """
    seed, stream = tf.cast(seed, tf.int64), tf.cast(stream, tf.int64)

    def one(index: tf.Tensor) -> tf.Tensor:
        return draw(tf.random.experimental.stateless_fold_in(tf.stack([seed, index]), stream, alg="philox"))

    return tf.map_fn(one, tf.cast(indices, tf.int64), fn_output_signature=signature)


def uniform_in_ball(
    shape: tuple[int, ...],
    indices: tf.Tensor,
    *,
    norm: str,
    epsilon: tf.Tensor,
    seed: int | tf.Tensor,
    stream: int | tf.Tensor = 0,
) -> tf.Tensor:
    """Draws perturbations uniformly from the ball of radius ε.

    linf: uniform in [-ε, ε]^D. l2: a Gaussian direction times ε·U^(1/D). l1: D of D + 1 uniform spacings with
    random signs, times ε (CleverHans' own l1 draw is off-centre and its draws depend on the batch).

    Args:
        shape: (H, W, C) of one example.
        indices: (N,) indices of the examples in the data set.
        norm: `linf`, `l2` or `l1`.
        epsilon: scalar radius, in units of the pixels.
        seed: scalar integer.
        stream: scalar integer, the restart.

    Returns:
        (N, H, W, C) float32.
    """
    check_choice("norm", norm, ORDERS)
    size = 1
    for side in shape:
        size *= side

    def in_box(key: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform(shape, key, -1.0, 1.0, alg="philox")

    def in_l2(key: tf.Tensor) -> tf.Tensor:
        direction = tf.random.stateless_normal(shape, key, alg="philox")
        radius = tf.random.stateless_uniform((), key + 1, alg="philox") ** (1.0 / size)
        return radius * direction / tf.norm(direction)

    def in_l1(key: tf.Tensor) -> tf.Tensor:
        # Spacings of uniform points are exponentials divided by their sum; 1 - u keeps the logarithm finite.
        gaps = -tf.math.log(1.0 - tf.random.stateless_uniform((size + 1,), key, alg="philox"))
        signs = tf.sign(tf.random.stateless_uniform((size,), key + 1, -1.0, 1.0, alg="philox"))
        return tf.reshape(signs * gaps[:-1] / tf.reduce_sum(gaps), shape)

    draw = {"linf": in_box, "l2": in_l2, "l1": in_l1}[norm]
    return epsilon * per_example(draw, indices, seed=seed, stream=stream, signature=tf.float32)


def random_start(
    images: tf.Tensor,
    indices: tf.Tensor,
    *,
    norm: str,
    epsilon: tf.Tensor,
    seed: int | tf.Tensor,
    restart: int | tf.Tensor = 0,
) -> tf.Tensor:
    """x_0 = clip01(x + u), u uniform in the ball.

    Args:
        images: (N, H, W, C) clean images.
        indices: (N,) their indices in the data set.
        norm: norm of the ball.
        epsilon: scalar radius.
        seed: scalar integer.
        restart: scalar integer; restarts are independent draws.

    Returns:
        (N, H, W, C) starts.
    """
    shape = tuple(images.shape[1:])
    delta = uniform_in_ball(shape, indices, norm=norm, epsilon=epsilon, seed=seed, stream=restart)
    return clip_box(images + delta)


def random_targets(
    labels: tf.Tensor,
    num_classes: int,
    *,
    indices: tf.Tensor,
    seed: int | tf.Tensor,
    include_true: bool = False,
) -> tf.Tensor:
    """Draws a target for each example, uniformly over the L - 1 wrong classes.

    Args:
        labels: (N,) true labels.
        num_classes: L >= 2.
        indices: (N,) indices of the examples in the data set.
        seed: scalar integer.
        include_true: draw over all L classes, the true one too, as the original adversarial training did.

    Returns:
        (N,) int32 targets.

    Raises:
        UserError: if there is no wrong class.
    """
    if num_classes < 2:
        raise argument_error(
            "targeted", "a model with two classes or more, one of them to aim at", f"{num_classes}"
        )
    least = 0 if include_true else 1
    offsets = _draw_integers(
        tf.cast(indices, tf.int64), tf.cast(seed, tf.int64), tf.constant(least), tf.constant(num_classes)
    )
    return tf.math.floormod(tf.cast(labels, tf.int32) + offsets, num_classes)


# Compiled once for all sizes, since targets are also drawn outside of graphs, where `map_fn` is slow.
@tf.function(
    input_signature=[
        tf.TensorSpec([None], tf.int64),
        tf.TensorSpec([], tf.int64),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([], tf.int32),
    ]
)
def _draw_integers(indices: tf.Tensor, seed: tf.Tensor, least: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    return per_example(
        lambda key: tf.random.stateless_uniform((), key, least, end, dtype=tf.int32, alg="philox"),
        indices,
        seed=seed,
        stream=TARGET_STREAM,
        signature=tf.int32,
    )
