"""Rows kept between steps: read, replaced, and the same on every replica."""

import numpy as np
import tensorflow as tf

from mmc_tf.training.memory import Memory


def test_rows_are_replaced_by_index():
    memory = Memory((5, 2), initial=1.0)
    memory.write(tf.constant([3, 0], tf.int64), tf.constant([[2.0, 3.0], [4.0, 5.0]]))
    expected = np.ones((5, 2), np.float32)
    expected[3], expected[0] = [2, 3], [4, 5]
    np.testing.assert_array_equal(memory.variable.numpy(), expected)
    np.testing.assert_array_equal(memory.read(tf.constant([0, 3, 3])).numpy(), expected[[0, 3, 3]])


def test_each_replica_gets_what_all_replicas_wrote(mirrored):
    with mirrored.scope():
        memory = Memory((6,), initial=-1.0)

    def on_replica():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        indices = tf.range(2) * 2 + replica  # 0, 2 and 1, 3
        memory.write(indices, 10.0 + tf.cast(indices, tf.float32))
        return memory.read(tf.range(6))

    @tf.function
    def step():
        return mirrored.run(on_replica)

    for rows in mirrored.experimental_local_results(step()):
        np.testing.assert_array_equal(rows.numpy(), [10, 11, 12, 13, -1, -1])
