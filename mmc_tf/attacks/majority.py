"""What a network that draws at random predicts: by several passes, not by one lucky draw."""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.checks import NOT_FINITE

MAJORITY = 0.5
SURE = 0.8  # a network that is right with probability .7 is wrong in nine of ten passes once in 7,000 times
RANDOM_PASSES = 10  # over one image, for the verdict on a network that draws at random


def most_of(votes: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor | None, *, majority: float) -> tf.Tensor:
    """The class that decides over an attack's success, of the classes predicted in several passes.

    The target, if more than the share `majority` of the passes predict it; or else the most frequent wrong answer, if
    more than that share of the passes are wrong; or else the true label.

    Args:
        votes: (N, L + 1) float32, passes that predicted each class; in the last column those without finite logits.
        labels: (N,) int32.
        targets: (N,) int32 of a targeted attack, or None.
        majority: share in [0, 1).

    Returns:
        (N,) int32; `NOT_FINITE` for the last column.
    """
    size = tf.shape(votes)[-1]
    total = tf.reduce_sum(votes, axis=-1)
    wrong = votes * (1 - tf.one_hot(labels, size))
    answer = tf.argmax(wrong, axis=-1, output_type=tf.int32)
    answer = tf.where(answer == size - 1, NOT_FINITE, answer)
    answer = tf.where(tf.reduce_sum(wrong, axis=-1) > majority * total, answer, labels)
    if targets is None:
        return answer
    hits = tf.gather(votes, targets, batch_dims=1)
    return tf.where(hits > majority * total, targets, answer)
