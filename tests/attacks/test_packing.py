"""A network never sees a batch of no images. (How rows are packed: test_oracle.py.)"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks import make
from mmc_tf.attacks.packing import pack, unpack

VALUES = np.arange(8, dtype=np.float32).reshape(4, 2)


def test_where_nobody_is_active_one_row_is_asked_and_left_out():
    places, (packed,) = pack(tf.zeros(4, tf.bool), tf.constant(VALUES))
    np.testing.assert_array_equal(packed, VALUES[:1])
    np.testing.assert_array_equal(unpack(places, packed), np.zeros((4, 2)))
    np.testing.assert_array_equal(unpack(places, packed, into=tf.constant(VALUES) + 1), VALUES + 1)


@pytest.mark.parametrize("name", ["pgd", "square"])
def test_a_network_of_convolutions_with_nobody_to_attack(name):
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3, padding="same")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    images = np.random.default_rng(0).random((4, 6, 6, 2)).astype(np.float32)
    result = make(name, epsilon=0.1)(model, images, np.zeros(4, int), active=np.zeros(4, bool))
    np.testing.assert_array_equal(result.adversarial, images)
    assert result.queries.tolist() == [0, 0, 0, 0]
