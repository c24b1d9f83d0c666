"""The compiled functions of one network: one a key, whatever the number of images; they go when the network goes."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.classifier.replicas import shares_evenly, spread

InputRange = tuple[float, float]


@dataclasses.dataclass
class Findings:
    """What was found out about a network, by looking at it.

    Attributes:
        num_classes: L, once it has been asked.
        image_shape: (H, W, C) of the images it was asked with.
        head: the head of ours behind its logits, or None; None as well before it was looked for.
        knows_head: whether it was looked for.
        is_vote: whether it is the majority vote of several members.
        output: how its logits are read: `logits`; `softmax`, `sigmoid` and `vote`, taken off by the graph;
            `probabilities`, by their logarithm, since no softmax of the graph explains them.
        hides: whether the graph ends in a call of another one, so that nothing behind it can be seen.
        inlines: whether the `tf.function`s it calls are traced into the graph, to look through them.
        is_random: whether two passes over the same images differ.
        is_of_the_batch: whether an image's logits depend on the images around it.
        is_blind: whether cross-entropy has hardly a gradient where the margin has one; None before it was measured.
        measured_on: images (N, H, W, C) and labels (N,) that told so, if they were enough.
        fingerprint: of its graph, where passes cannot be compared.
        notes: sentences to be shown with results, under their codes.
    """

    num_classes: int | None = None
    image_shape: tuple[int, ...] | None = None
    head: Any = None
    knows_head: bool = False
    is_vote: bool = False
    output: str = "logits"
    hides: bool = False
    inlines: bool = False
    is_random: bool = False
    is_of_the_batch: bool = False
    is_blind: bool | None = None
    measured_on: tuple[np.ndarray, np.ndarray] | None = None
    fingerprint: str | None = None
    notes: dict[str, str] = dataclasses.field(default_factory=dict)


class Graphs:
    """The compiled functions of one network, and what was found out about it.

    Attributes:
        found: the findings.
    """

    def __init__(self, network: Any):
        try:
            self._reference: Callable[[], Any] = weakref.ref(network)
        except TypeError:  # what cannot be referenced weakly is held as long as its graphs
            self._reference = lambda: network
        self.found = Findings()
        self._functions: dict[Hashable, Any] = {}

    def network(self) -> Any:
        """The network, for use within a trace."""
        return self._reference()

    def forget(self) -> None:
        """Drops all that was compiled and found: the network computes something else now."""
        self.found = Findings()
        self.clear()

    def clear(self) -> None:
        """Drops all that was compiled."""
        self._functions.clear()

    def compiled(self, key: Hashable, function: Callable[..., Any], arguments: tuple) -> Any:
        """The graph of `function(*arguments)`, traced on the first call with this key.

        One graph serves every number of examples. In the scope of a `tf.distribute` strategy with several
        replicas, in which the network was made too, each of them does its part of the examples (`replicas.spread`).

        A plain graph: XLA made the attacks' loop ten times slower on the CPU.

        Args:
            key: what the trace depends on beside the network and the arguments' types.
            function: takes the arguments; it must not hold the network, or both would live for ever.
            arguments: tensors, or mappings of tensors, of which all that are no scalars have one row an example.

        Returns:
            A `tf.types.experimental.ConcreteFunction` of the arguments.
        """
        specs = tf.nest.map_structure(_any_number, arguments)
        strategy = tf.distribute.get_strategy()
        shared = shares_evenly(arguments, strategy)
        key = (key, strategy.num_replicas_in_sync, shared)
        key += tuple((tuple(spec.shape), spec.dtype) for spec in tf.nest.flatten(specs))
        if key not in self._functions:
            whole = functools.partial(spread, function, strategy=strategy) if shared else None
            traced = tf.function(
                (lambda *values: whole(values)) if shared else (lambda *values: function(*values)),
                autograph=False,
            )
            # One concrete function per key: TensorFlow warns of retracing where many models make their first
            # call.
            with _inlined() if self.found.inlines else contextlib.nullcontext():
                self._functions[key] = traced.get_concrete_function(*specs)
        return self._functions[key]


def _any_number(value: tf.Tensor) -> tf.TensorSpec:
    """The type of a tensor, whatever its number of rows."""
    return tf.TensorSpec([None, *value.shape[1:]] if value.shape.rank else [], value.dtype)


@contextlib.contextmanager
def _inlined() -> Iterator[None]:
    """Within it, calls of a `tf.function` run its Python, so that their operations join the graph being traced."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


# By identity: networks that compare equal are not the same network, and some cannot be hashed.
_KNOWN: dict[int, dict[InputRange, Graphs]] = {}


def graphs_of(network: Any, input_range: InputRange) -> Graphs:
    """The graphs of a network that gets its pixels in a range: those made before, as long as the network lives."""
    key = id(network)
    if key not in _KNOWN:
        try:
            weakref.finalize(network, _KNOWN.pop, key, None).atexit = False
        except TypeError:  # not weakly referenced: whoever holds the classifier holds its graphs
            return Graphs(network)
        _KNOWN[key] = {}
    known = _KNOWN[key]
    if input_range not in known:
        known[input_range] = Graphs(network)
    return known[input_range]
