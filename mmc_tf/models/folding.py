"""A copy of a classifier to craft on: batch norms folded into the layers before them, or another precision."""

from __future__ import annotations

import copy
from typing import Any

import keras
import numpy as np

from mmc_tf.checks import check_choice
from mmc_tf.models.activations import RisingLeakyReLU
from mmc_tf.models.convolution import GrayConv2D

# What a copy computes in; and what one may ask for: `auto` is settled by measurement before there is a copy.
COMPUTED = ("float32", "bfloat16")
PRECISIONS = (*COMPUTED, "auto")
_GRAPHS = ("Functional", "Sequential")  # by name: a subclass may do more in its `call` than its graph says
_REGULARIZERS = ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
_CONVOLUTIONS = (keras.layers.Conv2D, GrayConv2D)
# The layers whose outputs, if they are images, are what bfloat16 halves the cost of.
_HALVED = (
    *_CONVOLUTIONS,
    keras.layers.BatchNormalization,
    keras.layers.Activation,
    keras.layers.ReLU,
    RisingLeakyReLU,
    keras.layers.Add,
    keras.layers.Dropout,
    keras.layers.Identity,
    keras.layers.MaxPooling2D,
)


@keras.saving.register_keras_serializable("mmc_tf")
class ChannelAffine(keras.layers.Layer):
    """a·x + b with one a and one b per channel: what a batch norm does in evaluation mode.

    Input shape: (N, ..., C). Output shape: the same.
    """

    def build(self, input_shape):
        """Creates a and b (C,), the identity at first."""
        shape = input_shape[-1:]
        self.scale = self.add_weight(shape=shape, initializer="ones", trainable=False, name="scale")
        self.offset = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="offset")

    def call(self, inputs):
        """a·x + b."""
        return inputs * self.scale + self.offset

    def compute_output_shape(self, input_shape):
        """Nothing changes."""
        return input_shape


def folded_copy(model: Any, *, precision: str = "float32") -> Any:
    """A copy of a Keras classifier for evaluation mode alone, cheaper to pass, with the same logits.

    A batch norm y = γ(x − m)/√(v + ε) + β of a convolution or dense layer x = W∗u + c, which nothing else reads,
    goes into that layer: W' = aW, c' = a(c − m) + β with a = γ/√(v + ε). One of anything else, such as the sum
    of a residual block, becomes a `ChannelAffine`. That is exact up to rounding. The copy holds the weights of
    the moment, and neither penalties nor optimizer.

    In bfloat16, convolutions and what else has images as its output compute with 8 bits of mantissa;
    preprocessing before them, and pooling, features and head after them, stay in float32.

    Args:
        model: a built functional or sequential model with one output. Models nested in it are treated alike.
        precision: `float32` or `bfloat16`.

    Returns:
        The copy. Or the model itself, where there is nothing to gain (no batch norm in float32, no convolution
        in bfloat16), and where it cannot be copied by its graph: another kind of model, layers without a
        configuration, layers in another precision than float32; or where the copy would be wrong, since TensorFlow
        fuses Keras' leaky ReLU with convolutions that no batch norm follows (see `RisingLeakyReLU`).

    Raises:
        UserError: for another precision.

    Example:
        >>> from mmc_tf.models import build_classifier
        >>> model = build_classifier("resnet8", input_shape=(8, 8, 3), num_classes=10)
        >>> any(isinstance(layer, keras.layers.BatchNormalization) for layer in folded_copy(model).layers)
        False
    """
    check_choice("precision", precision, COMPUTED)
    if not _is_graph(model):
        return model
    layers = _all_layers(model)
    gainful = (keras.layers.BatchNormalization,) if precision == "float32" else _CONVOLUTIONS
    if not any(type(layer) in gainful for layer in layers):
        return model
    if any(layer.compute_dtype != "float32" or _is_leaky(layer) for layer in layers):
        return model
    try:
        return _copy_graph(model, precision)
    except (TypeError, ValueError, NotImplementedError):  # what `get_config` and `from_config` raise
        return model


def _is_graph(model: Any) -> bool:
    """Whether a model is a built graph from one tensor to another."""
    if not isinstance(model, keras.Model) or type(model).__name__ not in _GRAPHS or not model.built:
        return False
    return len(model.inputs) == len(model.outputs) == 1


def _is_leaky(layer: keras.layers.Layer) -> bool:
    """Whether a layer is Keras' own leaky ReLU, or applies it to its output."""
    if isinstance(layer, keras.layers.LeakyReLU):
        return True
    return getattr(layer, "activation", None) is keras.activations.leaky_relu


def _all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers of a model and of the models nested in it."""
    nested = [_all_layers(layer) if _is_graph(layer) else [layer] for layer in model.layers]
    return [layer for layers in nested for layer in layers]


def _copy_graph(model: keras.Model, precision: str) -> keras.Model:
    folded = _foldings(model)  # by the name of the norm, the layer that it goes into
    norms = {layer.name: model.get_layer(name) for name, layer in folded.items()}

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        if _is_graph(layer):
            return _copy_graph(layer, precision)
        dtype = _dtype_of(layer, precision)
        if layer.name in folded:
            return keras.layers.Identity(name=layer.name, dtype=dtype)
        if _is_plain_norm(layer):
            return ChannelAffine(name=layer.name, dtype=dtype)
        config = copy.deepcopy(layer.get_config())
        config |= {name: None for name in _REGULARIZERS if name in config}
        if layer.name in norms:
            config["use_bias"] = True
        if dtype != "float32":
            config["dtype"] = dtype
        return type(layer).from_config(config)

    # A model of the same tensors leaves behind what the original was compiled with.
    graph = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    twin = keras.models.clone_model(graph, clone_function=copied, call_function=_call)
    for layer in graph.layers:
        if _is_graph(layer) or layer.name in folded:
            continue
        if _is_plain_norm(layer):
            values = list(affine_of(layer))
        elif layer.name in norms:
            values = fold(layer, norms[layer.name])
        else:
            values = layer.get_weights()
        if values:
            twin.get_layer(layer.name).set_weights(values)
    twin.trainable = False
    return twin


def _call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
    """Calls a layer of the copy as the original was called, but without a batch norm's `mask`."""
    replaced = isinstance(layer, keras.layers.Identity | ChannelAffine)
    return layer(args[0]) if replaced else layer(*args, **kwargs)


def _foldings(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """The batch norms, by name, that go into a layer, with that layer."""
    found = {}
    for norm in model.layers:
        if not _is_plain_norm(norm) or len(norm._inbound_nodes) != 1:
            continue
        parents = norm._inbound_nodes[0].parent_nodes
        layer = parents[0].operation if len(parents) == 1 else None
        if type(layer) not in (*_CONVOLUTIONS, keras.layers.Dense):
            continue
        linear = layer.activation is keras.activations.linear
        channels_last = getattr(layer, "data_format", "channels_last") == "channels_last"
        read_once = len(layer._inbound_nodes) == len(layer._outbound_nodes) == 1
        if linear and channels_last and read_once and layer.output is not model.outputs[0]:
            found[norm.name] = layer
    return found


def _is_plain_norm(layer: keras.layers.Layer) -> bool:
    """Whether a layer is a batch norm over the last axis."""
    if type(layer) is not keras.layers.BatchNormalization:
        return False
    return layer.axis in (-1, len(layer._inbound_nodes[0].outputs[0].shape) - 1)


def _dtype_of(layer: keras.layers.Layer, precision: str) -> str:
    """What the copy of a layer computes in."""
    if type(layer) not in _HALVED:
        return "float32"
    outputs = [tensor for node in layer._inbound_nodes for tensor in node.outputs]
    return precision if all(len(tensor.shape) == 4 for tensor in outputs) else "float32"


def affine_of(norm: keras.layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """a and b, (C,) float64, of a batch norm in evaluation mode: a = γ/√(v + ε), b = β − am."""
    mean, variance = (
        np.asarray(keras.ops.convert_to_numpy(value), np.float64)
        for value in (norm.moving_mean, norm.moving_variance)
    )
    gamma = keras.ops.convert_to_numpy(norm.gamma) if norm.scale else 1.0
    beta = keras.ops.convert_to_numpy(norm.beta) if norm.center else 0.0
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return scale, beta - scale * mean


def fold(layer: keras.layers.Layer, norm: keras.layers.BatchNormalization) -> list[np.ndarray]:
    """W' = aW and c' = ac + b of a linear layer that a batch norm follows, in float64.

    Args:
        layer: a convolution or dense layer, whose kernel has the output channels last.
        norm: the batch norm.
    """
    scale, offset = affine_of(norm)
    kernel, *bias = (np.asarray(value, np.float64) for value in layer.get_weights())
    return [kernel * scale, (bias[0] * scale if bias else 0.0) + offset]
