"""No network sees a batch of no images, no attack that packs a spared one. (How rows are packed: test_oracle.py.)"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks import Attack, make
from mmc_tf.attacks.base import Crafted
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


class Counting(Attack):
    """Adds ε and reports as queries the size of the batch it was given."""

    norms = ("linf",)
    packs = True

    def run(self, oracle, images, *, indices, active, tunables, **rest):
        """All at once."""
        sizes = tf.fill(tf.shape(indices), tf.shape(images)[0])
        return Crafted(images + tunables["epsilon"], sizes, 0 * sizes)


@pytest.mark.parametrize(
    ("labels", "attacked"), [([0, 1, 0, 0], [0, 2]), ([1, 1, 1, 1], []), ([0, 0, 0, 0], [0, 1, 2])]
)
def test_an_attack_that_packs_is_given_what_it_attacks(labels, attacked):
    def first(x):
        flat = tf.reshape(x, [-1, 12])
        return tf.stack([1 + flat[:, 0], flat[:, 1]], axis=1)

    images = np.random.default_rng(0).uniform(0, 0.9, (4, 2, 2, 3)).astype(np.float32)
    active = np.array([True, True, True, False])
    result = Counting(epsilon=0.1)(first, images, np.array(labels), active=active)
    expected = images.copy()
    expected[attacked] += np.float32(0.1)
    np.testing.assert_array_equal(result.adversarial, expected)
    # And one query for the look at the clean image.
    assert result.queries.tolist() == [active[i] + len(attacked) * (i in attacked) for i in range(4)]
