"""Ways of wrapping a network that change nothing of what it says."""

from __future__ import annotations

import keras
import tensorflow as tf


class Outer(keras.Model):
    """A subclass around a network."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x)


def _nested(network):
    inputs = keras.Input(network.input_shape[1:])
    middle = keras.Model(inputs, network(inputs))
    outer = keras.Input(network.input_shape[1:])
    return keras.Model(outer, middle(outer))


def _functional(network, last):
    inputs = keras.Input(network.input_shape[1:])
    return keras.Model(inputs, last(network(inputs)))


def _saved(network, folder):
    network.export(folder, verbose=False)
    loaded = tf.saved_model.load(folder)
    return lambda x: loaded.serve(x)


def _in_a_graph(network):
    @tf.function
    def graph(x):
        return network(x, training=False) + 0.0

    graph(tf.zeros((1, *network.input_shape[1:])))  # traced before anybody looks
    return graph


# By name, from a network and an empty folder to the wrapped network.
WRAPPERS = {
    "sum with zero": lambda network, folder: lambda x: network(x, training=False) + 0.0,
    "cast": lambda network, folder: (
        lambda x: tf.cast(tf.cast(network(x, training=False), tf.float64), tf.float32)
    ),
    "function": lambda network, folder: lambda x: network(x, training=False),
    "graph": lambda network, folder: _in_a_graph(network),
    "nested": lambda network, folder: _nested(network),
    "Sequential": lambda network, folder: keras.Sequential(
        [keras.Input(network.input_shape[1:]), keras.layers.Rescaling(1.0), network]
    ),
    "linear activation": lambda network, folder: _functional(network, keras.layers.Activation("linear")),
    "functional sum with zero": lambda network, folder: _functional(network, lambda x: x + 0.0),
    "subclass": lambda network, folder: Outer(network),
    "softmax": lambda network, folder: _functional(network, keras.layers.Softmax()),
    "log_softmax": lambda network, folder: lambda x: tf.nn.log_softmax(network(x, training=False)),
    "SavedModel": _saved,
}
# Of these nothing behind the output can be seen.
OPAQUE = frozenset({"SavedModel"})
