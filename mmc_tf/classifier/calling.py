"""One call of a network: in evaluation mode, and one clear line for whatever it returns that is no logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmc_tf.checks import NOT_FINITE, UserError, argument_error
from mmc_tf.classifier.structure import logits_behind

Network = Callable[[tf.Tensor], tf.Tensor]

_RECIPE = (
    "a function in TensorFlow; one in NumPy or scikit-learn is wrapped by `lambda x: tf.numpy_function(function, [x], "
    "tf.float32)`, which attacks without gradients (square, spsa) can use"
)
_LOST = (tf.errors.ResourceExhaustedError, MemoryError, UserError)  # not the network's mistakes


def call_model(model: Network, images: tf.Tensor) -> tf.Tensor:
    """Logits in evaluation mode: moving averages, no dropout, also in the middle of a training step.

    A softmax at the end is taken off within a trace (`structure.logits_behind`). Logits have the images' type,
    float32: what networks of another precision return is converted.

    Args:
        model: maps images to logits.
        images: (N, H, W, C) float32.

    Returns:
        (N, L), as read by `scores.read_scores` in the same trace.
    """
    return as_logits(raw_output(model, images), images.dtype)


def as_logits(output: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Logits (N, L) of a network's output, in the images' type."""
    logits, _ = (output, "") if tf.executing_eagerly() else logits_behind(output)
    # A conversion that does nothing would still lose an eager tensor's head.
    return logits if logits.dtype == dtype else narrowed(logits, dtype)


def narrowed(logits: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Logits (N, L) converted; those of a wider type less their row's largest, which may be 1e9 where leads are 1."""
    if logits.dtype.is_floating and logits.dtype.size <= dtype.size:
        return tf.cast(logits, dtype)
    logits = tf.cast(logits, tf.float64)
    return tf.cast(logits - tf.stop_gradient(tf.reduce_max(logits, axis=-1, keepdims=True)), dtype)


def raw_output(model: Network, images: tf.Tensor) -> tf.Tensor:
    """What a network returns in evaluation mode, as one tensor.

    Raises:
        UserError: for a network of several inputs or outputs, one that is not written in TensorFlow, or one that
            raises an error.
    """
    check_inputs(model)
    try:
        output = model(images, training=False) if isinstance(model, keras.layers.Layer) else model(images)
    except _LOST:
        raise
    except Exception as error:
        raise cannot_be_called(error) from error
    return check_output(output)


def computes_in_half(model: Network) -> bool:
    """Whether a layer of a Keras model computes in float16; for eager passes, which leave no graph to see it in."""
    parts = model._flatten_layers() if isinstance(model, keras.layers.Layer) else ()
    return any(part.compute_dtype == "float16" for part in parts)


def check_inputs(model: Any) -> None:
    """Raises a UserError for what is no callable, or a Keras model of several inputs."""
    if not callable(model):
        raise argument_error("model", "a callable from images to logits", type(model).__name__)
    inputs = getattr(model, "inputs", None) if isinstance(model, keras.Model) else None
    if inputs is not None and len(inputs) != 1:
        raise argument_error("model", "a model of one input, the images", f"a model of {len(inputs)} inputs")


def check_output(output: Any) -> tf.Tensor:
    """Returns a network's output if it is one tensor.

    Raises:
        UserError: for tuples, lists, dictionaries, arrays of NumPy, and anything else; for tensors of no numbers.
    """
    expected = "a model that returns one tensor of logits (N, L)"
    if isinstance(output, tf.Tensor):
        if not (output.dtype.is_floating or output.dtype.is_integer or output.dtype.is_bool):
            raise argument_error("model", expected, f"a tensor of type {output.dtype.name}")
        return output
    if isinstance(output, dict):
        keys = ", ".join(map(str, output))
        raise argument_error(
            "model",
            f"{expected}; pick one by `lambda x: model(x)[key]`",
            f"a dictionary with the keys {keys}",
        )
    if isinstance(output, list | tuple):
        received = f"a {type(output).__name__} of {len(output)}"
        raise argument_error("model", f"{expected}; pick one by `lambda x: model(x)[0]`", received)
    if isinstance(output, np.ndarray):
        raise argument_error("model", _RECIPE, "a function that returns an array of NumPy")
    raise argument_error("model", expected, type(output).__name__)


def cannot_be_called(error: Exception) -> UserError:
    """The one line for an error that a network's own code raised."""
    first = (str(error).strip().splitlines() or [""])[0][:160]
    received = f"a model that raised {type(error).__name__}: {first}"
    if isinstance(error, NotImplementedError | AttributeError) and "numpy" in str(error).lower():
        return argument_error("model", _RECIPE, received)
    return argument_error(
        "model", "a model that takes any number of images (N, H, W, C) in TensorFlow alone", received
    )


def predict(logits: tf.Tensor) -> tf.Tensor:
    """(N, L) -> (N,) int32, the leading class; `NOT_FINITE` where a row holds NaN or infinity."""
    leading = tf.argmax(logits, axis=-1, output_type=tf.int32)
    return tf.where(tf.reduce_all(tf.math.is_finite(logits), axis=-1), leading, NOT_FINITE)
