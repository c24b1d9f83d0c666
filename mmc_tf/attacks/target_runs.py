"""Runs at one wrong class after another: what APGD-T and multi-targeted PGD share."""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.attacks.objectives import without

RESTART_STRIDE = 2**16  # between the streams of one target's restarts: more than there are classes


def wrong_classes(scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The wrong classes of each example, the one with the highest score first; ties by number.

    Args:
        scores: (N, L) shifted logits of the clean images.
        labels: (N,) int32.

    Returns:
        (N, L - 1) int32.

    Example:
        >>> wrong_classes(tf.constant([[2.0, 1.0, -0.5, 1.5]]), tf.constant([0])).numpy().tolist()
        [[3, 1, 2]]
    """
    return tf.math.top_k(without(scores, labels), k=scores.shape[-1] - 1).indices


def aim(run: tf.Tensor, num_targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Which target a run is for, and its stream of random draws: all targets once, then all once more.

    The stream is the target's place plus 2^16 times the restart, so that more targets or more restarts leave
    the draws of the others as they are.

    Args:
        run: scalar int32, counted from 0.
        num_targets: scalar int32.

    Returns:
        The target's place in `wrong_classes`, and the stream.
    """
    place = run % num_targets
    return place, place + RESTART_STRIDE * (run // num_targets)
