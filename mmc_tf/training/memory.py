"""Numbers that training keeps for every example, or every place of a batch, from step to step."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


class Memory:
    """Rows of one dense tensor, the same on every replica, saved in checkpoints.

    Every replica writes its own rows and reads those of the others: the images of a global batch are shuffled anew in
    every epoch, so an example's row is written on another replica each time. A row of ε costs four bytes.

    Args:
        shape: (N, ...), one row for each index.
        initial: what every row holds at first.

    Example:
        >>> memory = Memory((3,), initial=0.5)
        >>> memory.write(tf.constant([2]), tf.constant([1.0]))
        >>> memory.read(tf.constant([2, 0])).numpy().tolist()
        [1.0, 0.5]
    """

    def __init__(self, shape: tuple[int, ...], *, initial: float = 0.0):
        self.variable = tf.Variable(np.full(shape, initial, np.float32), trainable=False)

    def read(self, indices: tf.Tensor) -> tf.Tensor:
        """The rows of (B,) indices."""
        return tf.gather(self.variable, indices)

    def write(self, indices: tf.Tensor, rows: tf.Tensor) -> None:
        """Replaces the rows of (B,) indices, on all replicas with what all replicas write.

        Within a global batch an index must occur once. Inside `strategy.run` every replica must call this.
        """
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            indices = context.all_gather(indices, axis=0)
            rows = context.all_gather(rows, axis=0)
        # On every replica all of it is assigned: a variable without aggregation takes no scattered update there.
        updated = tf.tensor_scatter_nd_update(self.variable.read_value(), indices[:, None], rows)
        self.variable.assign(updated)
