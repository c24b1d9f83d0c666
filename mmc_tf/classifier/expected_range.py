"""The range of pixels that a network was made for, read off its first layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from mmc_tf.classifier.pixel_range import BYTES, RANGES, SIGNED, Range, is_graph

# What a network's first rescaling makes of the pixels it expects.
_RESCALED_TO = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5), (0.0, 255.0))
_TOLERANCE = 0.02  # of a range's width: some divide by 256
# A mean or a standard deviation of pixels beyond these is one of pixels of 0 to 255.
_BYTE_MEAN, _BYTE_SPREAD, _NEGATIVE = 2.0, 8.0, 0.05
# Layers that move or drop pixels and leave their range alone.
_NEUTRAL = (
    keras.layers.InputLayer,
    keras.layers.Identity,
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.Resizing,
    keras.layers.CenterCrop,
    keras.layers.Cropping2D,
    keras.layers.ZeroPadding2D,
    keras.layers.UpSampling2D,
    keras.layers.RandomFlip,
    keras.layers.RandomCrop,
    keras.layers.RandomRotation,
    keras.layers.RandomTranslation,
    keras.layers.RandomZoom,
    keras.layers.Dropout,
    keras.layers.GaussianNoise,
)
_NEUTRAL_OPERATIONS = ("Cast", "GetItem", "Flip")
_SAME = (1.0, 0.0)


def expected_range(model: Any) -> Range | None:
    """Return the range that a Keras model's first layers were made for, or None where they do not tell.

    What stands before the first other layer is one affine map y = a·x + b per channel: `Rescaling`, `Normalization`,
    and the arithmetic that `keras.applications`' `preprocess_input` leaves in a graph. Where all channels have one map,
    the range is that which it takes to [0, 1], [−1, 1], [−½, ½] or [0, 255]. Otherwise it standardizes: −b/a is a mean
    and 1/a a standard deviation, which say 0 to 255 where they are too large for anything else.

    Example:
        >>> layers = [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 127.5, offset=-1), keras.layers.Flatten()]
        >>> expected_range(keras.Sequential(layers))
        (0.0, 255.0)
    """
    scale, offset, found = np.ones(1), np.zeros(1), False
    for operation, node in _leading(model) if is_graph(model) else ():
        step = _affine_of(operation, node)
        if step is None:
            break
        if step is not _SAME:
            scale, offset, found = step[0] * scale, step[0] * offset + step[1], True
    return _range_of(np.ravel(scale), np.ravel(offset)) if found else None


def _range_of(scale: np.ndarray, offset: np.ndarray) -> Range | None:
    """The range that y = scale·x + offset is made for."""
    scale, offset = np.broadcast_arrays(scale, offset)
    if not (np.isfinite(scale).all() and np.isfinite(offset).all() and (scale > 0).all()):
        return None
    if np.ptp(scale) <= 1e-6 * scale.max() and np.ptp(offset) <= 1e-6:
        fitting = [each for each in RANGES if _is_rescaled(each, scale[0], offset[0])]
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
    mean, spread = -offset / scale, 1 / scale
    if (mean < -_NEGATIVE).any():  # pixels of 0 and more have no such mean
        return SIGNED if (np.abs(mean) < 1).all() and spread.max() <= 1 else None
    if mean.max() > BYTES[1] or spread.max() > BYTES[1]:
        return None
    # A scale alone says nothing of the mean.
    if mean.max() > _BYTE_MEAN or (spread.max() > _BYTE_SPREAD and mean.max() > 0):
        return BYTES
    return None


def _is_rescaled(pixels: Range, scale: float, offset: float) -> bool:
    low, high = (scale * value + offset for value in pixels)
    return any(
        abs(low - bottom) + abs(high - top) <= _TOLERANCE * (top - bottom) for bottom, top in _RESCALED_TO
    )


def _leading(model: keras.Model) -> Iterator[tuple[Any, Any]]:
    """What an image passes one after the other, with its node, nested models opened, up to the first fork.

    Returns the last tensor that it knows.
    """
    graph = keras.Model(
        model.inputs[0], model.outputs[0]
    )  # of the same tensors: a Sequential has no operations
    tensor = model.inputs[0]
    while tensor is not model.outputs[0]:
        nodes = _readers(graph, [tensor])
        if len(nodes) > 1 and all(type(operation).__name__ == "GetItem" for operation, _ in nodes):
            # Channels that are taken apart and put together the other way round.
            nodes = _readers(graph, [node.output_tensors[0] for _, node in nodes])
        if len(nodes) != 1 or len(nodes[0][1].output_tensors) != 1:
            break
        operation, node = nodes[0]
        if is_graph(operation):
            if (yield from _leading(operation)) is not operation.outputs[0]:
                break
        else:
            yield operation, node
        tensor = node.output_tensors[0]
    return tensor


def _readers(graph: keras.Model, tensors: Sequence[Any]) -> list[tuple[Any, Any]]:
    """The operations of a graph, with their nodes, that read one of the tensors."""
    return [
        (node.operation, node)
        for nodes in graph._nodes_by_depth.values()  # not the layers' own, of which a loaded model leaves some behind
        for node in nodes
        if any(each is tensor for each in node.input_tensors for tensor in tensors)
    ]


def _affine_of(operation: Any, node: Any) -> tuple[Any, Any] | None:
    """(a, b) of y = a·x + b, (1.0, 0.0) of what leaves the range alone, or None for what else there is."""
    if isinstance(operation, keras.layers.Rescaling):
        return np.asarray(operation.scale, np.float64), np.asarray(operation.offset, np.float64)
    if isinstance(operation, keras.layers.Normalization):
        return _affine_of_normalization(operation)
    if isinstance(operation, _NEUTRAL):
        return _SAME
    if isinstance(operation, keras.layers.Layer):
        return None
    name = type(operation).__name__
    if name == "Stack" or (
        name in _NEUTRAL_OPERATIONS and node.input_tensors[0].shape == node.output_tensors[0].shape
    ):
        return _SAME
    return _affine_of_arithmetic(name, node.arguments.args)


def _affine_of_normalization(layer: keras.layers.Normalization) -> tuple[Any, Any] | None:
    if getattr(layer, "mean", None) is None or layer.invert:
        return None
    mean, variance = (
        np.ravel(keras.ops.convert_to_numpy(value)).astype(np.float64)
        for value in (layer.mean, layer.variance)
    )
    # Pixels that never change have no spread to speak of.
    scale = 1 / np.maximum(np.sqrt(variance), np.finfo(np.float32).eps)
    return scale, -mean * scale


def _affine_of_arithmetic(name: str, arguments: Sequence[Any]) -> tuple[Any, Any] | None:
    """Of `x / 127.5`, `x - mean`, `2 * x` and the like."""
    if len(arguments) != 2 or sum(isinstance(each, keras.KerasTensor) for each in arguments) != 1:
        return None
    first = isinstance(arguments[0], keras.KerasTensor)
    value = np.ravel(keras.ops.convert_to_numpy(arguments[1 if first else 0])).astype(np.float64)
    if name in ("Divide", "TrueDivide") and first:
        return 1 / value, 0.0
    if name == "Multiply":
        return value, 0.0
    if name == "Add":
        return 1.0, value
    if name == "Subtract" and first:
        return 1.0, -value
    return None
