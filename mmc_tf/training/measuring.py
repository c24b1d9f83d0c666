"""Numbers per example over a whole split, on all replicas."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.data import Split, evaluation_batches
from mmc_tf.training.distribution import distributed_batches, slices

BATCH_SIZE = 500


def padded_batches(
    strategy: tf.distribute.Strategy, split: Split, *, batch_size: int = BATCH_SIZE
) -> Iterable[Any]:
    """All examples in order, in batches that the replicas share evenly; `valid` tells examples from filling."""
    replicas = strategy.num_replicas_in_sync
    size = -(-min(batch_size, len(split)) // replicas) * replicas
    return distributed_batches(
        strategy,
        lambda count, index: slices(evaluation_batches(split, batch_size=size), count, index),
        batch_size=size,
    )


def make_measure(
    per_example: Callable[[dict[str, tf.Tensor]], tf.Tensor],
    *,
    strategy: tf.distribute.Strategy,
    batch_size: int = BATCH_SIZE,
) -> Callable[[Split], np.ndarray]:
    """A function from a split to one number for each of its examples.

    Args:
        per_example: maps a batch of `evaluation_batches` to (B,), in plain TensorFlow; compiled once.
        strategy: any; every replica measures its part of a batch.
        batch_size: of the global batch.

    Returns:
        A function from a split of N examples to (N,) in their order, the same in every process.
    """

    def on_replica(batch):
        # As numbers: several CPU devices gather no truth values.
        return per_example(batch), tf.cast(batch["valid"], tf.int32)

    @tf.function
    def on_batch(batch):
        values, valid = strategy.run(on_replica, args=(batch,))
        return strategy.gather(values, axis=0), strategy.gather(valid, axis=0) > 0

    def measure(split: Split) -> np.ndarray:
        parts = [on_batch(batch) for batch in padded_batches(strategy, split, batch_size=batch_size)]
        return np.concatenate([values.numpy()[valid.numpy()] for values, valid in parts])

    return measure
