"""Random signs for gradient estimates: many per example, drawn in parts without changing a sign."""

from __future__ import annotations

import tensorflow as tf

BLOCK = 64  # vectors of signs per draw: the bits of one integer


def rademacher(
    shape: tuple[int, ...],
    indices: tf.Tensor,
    blocks: tf.Tensor,
    *,
    count: int,
    seed: int | tf.Tensor,
    stream: int | tf.Tensor,
) -> tf.Tensor:
    """v ∈ {-1, +1}^D, independent and fair, a function of (seed, example index, stream, block) alone.

    Each draw of one integer per coordinate gives `BLOCK` vectors by its bits, so that the generator is called
    once for 2·`BLOCK` passes through the model.

    Args:
        shape: of one vector, (H, W, C).
        indices: (R,) indices of the examples in the data set, with repetitions.
        blocks: (R,) numbers of the blocks of each example.
        count: vectors per block, at most `BLOCK`.
        seed: scalar integer.
        stream: scalar integer that keeps apart draws of the same example, such as the step.

    Returns:
        (R, count, *shape) float32.
    """
    seed, stream = tf.cast(seed, tf.int64), tf.cast(stream, tf.int64)
    fold = tf.random.experimental.stateless_fold_in

    def draw(place: tf.Tensor) -> tf.Tensor:
        example = fold(tf.stack([seed, place[0]]), stream, alg="philox")
        key = fold(example, place[1], alg="philox")
        return tf.random.stateless_uniform(shape, key, None, None, dtype=tf.int64, alg="philox")

    places = tf.stack([tf.cast(indices, tf.int64), tf.cast(blocks, tf.int64)], axis=1)
    words = tf.map_fn(draw, places, fn_output_signature=tf.int64)
    ones = tf.ones((), tf.int64)
    bits = tf.bitwise.left_shift(ones, tf.range(count, dtype=tf.int64))
    bits = tf.reshape(bits, (count, *(1 for _ in shape)))
    return tf.where(tf.bitwise.bitwise_and(words[:, None], bits) == 0, -1.0, 1.0)
