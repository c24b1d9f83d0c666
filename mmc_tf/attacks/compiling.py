"""Compiled functions, one per (model, static settings, batch shape): made once, kept as long as the model."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import tensorflow as tf

from mmc_tf.attacks.copies import ModelWithCopy
from mmc_tf.attacks.oracle import Model, call_model
from mmc_tf.attacks.replicas import spread
from mmc_tf.checks import argument_error

_FUNCTIONS: weakref.WeakKeyDictionary[Model, dict[Hashable, Any]] = weakref.WeakKeyDictionary()


def compiled(model: Model, key: Hashable, function: Callable[..., Any], arguments: tuple) -> Any:
    """The graph of `function(model, *arguments)`, traced on the first call with this model, key and shapes.

    In the scope of a `tf.distribute` strategy with several replicas, in which the model was made too, each of
    them does its part of the examples (`replicas.spread`).

    A plain graph: XLA made the attacks' loop ten times slower on the CPU.

    Args:
        model: a callable that outlives the calls, such as a `keras.Model` or a named function. A lambda
            written at the call is another model every time, and is traced every time.
        key: what the trace depends on beside model and arguments.
        function: takes the model and the arguments.
        arguments: tensors, or mappings of tensors.

    Returns:
        A `tf.types.experimental.ConcreteFunction` of the arguments.

    Raises:
        UserError: if the model cannot be called, or not be kept in a table.
    """
    if not callable(model):
        raise argument_error("model", "a callable from images to logits", type(model).__name__)
    specs = tf.nest.map_structure(lambda value: tf.TensorSpec(value.shape, value.dtype), arguments)
    strategy = tf.distribute.get_strategy()
    key = (key, strategy.num_replicas_in_sync)
    key += tuple((tuple(spec.shape), spec.dtype) for spec in tf.nest.flatten(specs))
    functions = _functions_of(model)
    if key not in functions:
        # The graph outlives this call and must not keep the model alive.
        reference = weakref.ref(model)
        traced = tf.function(
            lambda *values: spread(functools.partial(function, reference()), values, strategy=strategy),
            autograph=False,
        )
        # One concrete function per key: TensorFlow warns of retracing where many models make their first
        # call.
        functions[key] = traced.get_concrete_function(*specs)
    return functions[key]


def _functions_of(model: Model) -> dict[Hashable, Any]:
    try:
        return _FUNCTIONS.setdefault(model, {})
    except TypeError:
        expected = "a callable that can be hashed and weakly referenced, such as a function or a keras.Model"
        raise argument_error("model", expected, type(model).__name__) from None


def is_new(model: Model) -> bool:
    """Whether nobody has asked this of the model before."""
    functions = _functions_of(model)
    if "known" in functions:
        return False
    functions["known"] = True
    return True


def forward(model: Model, images: tf.Tensor) -> Any:
    """The compiled forward pass, (N, H, W, C) -> (N, L), by which every attack's result is judged."""
    if isinstance(model, ModelWithCopy):
        model = model.model
    return compiled(model, "forward", call_model, (images,))
