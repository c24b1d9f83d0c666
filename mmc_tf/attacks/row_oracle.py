"""An oracle whose batch can be cut down to some of its rows, or hold them several times."""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.attacks.oracle import Oracle


class RowOracle(Oracle):
    """An oracle for attacks that ask about many images per example, or about few examples for a while.

    `Oracle` packs the examples that need work in every question. An attack of thousands of cheap steps packs
    them itself, once in a while, so that its own work shrinks with them too.
    """

    def rows(self, active: tf.Tensor) -> tf.Tensor:
        """(M,) int32 rows of the active examples; all rows where the batch's shape must not change."""
        if not self._packing:
            return tf.range(tf.size(active))
        return tf.cast(tf.where(active)[:, 0], tf.int32)

    def take(self, rows: tf.Tensor) -> RowOracle:
        """The oracle of the batch that holds these rows in this order.

        Args:
            rows: (M,) int32, with repetitions if need be.
        """
        return RowOracle(
            self._model,
            tf.gather(self.labels, rows),
            None if self.targets is None else tf.gather(self.targets, rows),
            choose_objective=self._choose_objective,
            packing=self._packing,
            num_samples=self._num_samples,
            num_votes=self._num_votes,
            majority=self._majority,
        )
