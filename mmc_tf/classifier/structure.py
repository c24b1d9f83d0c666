"""Where a network's output comes from: the graph from the output back to the logits and the head behind it.

A wrapper may add zero, cast, divide by a temperature or end in a softmax. None of that changes which class leads, and
all of it would hide the head, or flatten the gradient. So the graph of one trace is walked backwards from the
output, through operations that keep the differences of a row's entries up to one positive factor.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from mmc_tf.models.heads import head_call
from mmc_tf.models.voting import member_logits

_SAME = frozenset({"Identity", "IdentityN", "EnsureShape", "Snapshot", "CheckNumerics", "PreventGradient"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_ADD = frozenset({"Add", "AddV2"})
_RISING = frozenset(
    {"Sigmoid", "Tanh", "Softplus", "Softsign"}
)  # of each entry alone: the largest stays the largest, until all are flat


class Origin(NamedTuple):
    """What the walk back from a tensor ended at.

    Attributes:
        tensor: (N, L) whose rows differ from the first tensor's by a constant and a factor alone.
        factor: that factor > 0: the first tensor's differences divided by those of `tensor`.
    """

    tensor: tf.Tensor
    factor: float = 1.0


@tf.autograph.experimental.do_not_convert  # it walks the graph, and adds nothing to it
def origin_of(tensor: tf.Tensor) -> Origin:
    """Walks back from logits (N, L) to the tensor that a head, or whatever made the logits, returned.

    Passed are casts between floating types, a sum with one number per example, a product with one positive
    constant, and the logarithm of a softmax. Tensors without a graph (eager ones) are their own origin.
    """
    factor, step = 1.0, _step_back(tensor)
    while step is not None:
        tensor, factor = step.tensor, factor * step.factor
        step = _step_back(tensor)
    return Origin(tensor, factor)


@tf.autograph.experimental.do_not_convert
def logits_behind(output: tf.Tensor) -> tuple[tf.Tensor, str]:
    """Takes a softmax, a mean of softmaxes, or a sigmoid off a network's output.

    Args:
        output: (N, L) as the network returned it, within a trace.

    Returns:
        (N, L) logits of the same predictions, and how they were found: `logits` (the output itself), `softmax` or
        `sigmoid` (what it was taken of), `vote` (the logarithm of a sum of softmaxes, in float64, also where the
        network takes it itself: that one is -inf where all members underflow).
    """
    inner = _same_values(output)
    kind = _kind(inner)
    if kind == "Softmax":
        return inner.op.inputs[0], "softmax"
    if kind in _RISING:
        return inner.op.inputs[0], "sigmoid"
    if kind == "Log" and _kind(_same_values(inner.op.inputs[0])) == "Softmax":
        return _same_values(inner.op.inputs[0]).op.inputs[0], "softmax"
    logarithm = _logarithm(inner.op.inputs[0] if kind == "Log" else output)
    return (output, "logits") if logarithm is None else (logarithm, "vote")


def hides_a_function(output: tf.Tensor) -> bool:
    """Whether the walk back from an output ends at a call of another graph, such as a `tf.function` of its own."""
    return _kind(origin_of(logits_behind(output)[0]).tensor) in _CALLS


def _kind(tensor: tf.Tensor) -> str:
    """The type of the operation that made a tensor; empty for eager tensors."""
    op = getattr(tensor, "op", None) if not tf.executing_eagerly() else None
    return "" if op is None else op.type


def _step_back(tensor: tf.Tensor) -> Origin | None:
    """One operation back, or None at a head, a vote, or an operation that may change the order of the classes."""
    if head_call(tensor) is not None or member_logits(tensor) is not None:
        return None
    kind = _kind(tensor)
    if kind in _SAME:
        return Origin(tensor.op.inputs[tensor.value_index])
    inputs = tensor.op.inputs if kind else ()
    if kind == "Cast":
        return Origin(inputs[0]) if inputs[0].dtype.is_floating and tensor.dtype.is_floating else None
    if kind == "Reshape":
        return Origin(inputs[0]) if _same_rows(inputs[0], tensor) else None
    if kind == "LogSoftmax":
        return Origin(inputs[0])
    if kind == "Log" and _kind(_same_values(inputs[0])) == "Softmax":
        return Origin(_same_values(inputs[0]).op.inputs[0])
    if kind in _ADD or kind == "Sub":
        pairs = [(inputs[0], inputs[1])] + ([(inputs[1], inputs[0])] if kind in _ADD else [])
        return next((Origin(a) for a, b in pairs if _same_rows(a, tensor) and _one_per_row(b)), None)
    if kind in ("Mul", "RealDiv"):
        pairs = [(inputs[0], inputs[1])] + ([(inputs[1], inputs[0])] if kind == "Mul" else [])
        for rows, other in pairs:
            number = _positive(other) if _same_rows(rows, tensor) else None
            if number is not None:
                return Origin(rows, number if kind == "Mul" else 1.0 / number)
    return None


def _same_values(tensor: tf.Tensor) -> tf.Tensor:
    """Back through what hands a tensor on as it is, casts included."""
    while True:
        kind = _kind(tensor)
        if kind in _SAME:
            tensor = tensor.op.inputs[tensor.value_index]
        elif (kind == "Cast" and tensor.op.inputs[0].dtype.is_floating) or (
            kind == "Reshape" and _same_rows(tensor.op.inputs[0], tensor)
        ):
            tensor = tensor.op.inputs[0]
        else:
            return tensor


def _same_rows(one: tf.Tensor, other: tf.Tensor) -> bool:
    """Whether both are (N, L) with one L that is known."""
    return one.shape.rank == other.shape.rank == 2 and one.shape[1] == other.shape[1] is not None


def _one_per_row(tensor: tf.Tensor) -> bool:
    """Whether a tensor adds the same number to all entries of a row: by its shape, or since it is constant."""
    shape = tensor.shape
    if shape.rank == 0 or (shape.rank in (1, 2) and shape[-1] == 1):
        return True
    value = tf.get_static_value(tensor)
    return value is not None and value.size > 0 and (value == value.flat[0]).all()


def _positive(tensor: tf.Tensor) -> float | None:
    """The one positive number that a constant holds, or None."""
    value = tf.get_static_value(tensor)
    if value is None or not value.size or not (value == value.flat[0]).all():
        return None
    return float(value.flat[0]) if 0 < float(value.flat[0]) < float("inf") else None


def _logarithm(tensor: tf.Tensor) -> tf.Tensor | None:
    """log of a tensor (N, L) that sums softmaxes, float64; None if it is made in another way.

    The logarithm of the sum itself would be -inf where all members underflow, and flat where they saturate:

        log Σ_i w_i softmax(h_i) = logsumexp_i(log w_i + log softmax(h_i))
    """
    tensor = _same_values(tensor)
    kind = _kind(tensor)
    inputs = tensor.op.inputs if kind else ()
    if kind == "Softmax":
        return tf.nn.log_softmax(tf.cast(inputs[0], tf.float64))
    if kind in ("Mul", "RealDiv"):
        pairs = [(inputs[0], inputs[1])] + ([(inputs[1], inputs[0])] if kind == "Mul" else [])
        for rows, other in pairs:
            number = _positive(other) if _same_rows(rows, tensor) else None
            inner = _logarithm(rows) if number is not None else None
            if inner is not None:
                log = tf.math.log(tf.constant(number, tf.float64))
                return inner + (log if kind == "Mul" else -log)
        return None
    parts = _summands(tensor)
    logs = [_logarithm(part) for part in parts]
    if not logs or any(log is None for log in logs):
        return None
    total = tf.reduce_logsumexp(tf.stack(logs), axis=0)
    return total - tf.math.log(tf.constant(len(logs), tf.float64)) if kind == "Mean" else total


def _summands(tensor: tf.Tensor) -> list[tf.Tensor]:
    """The tensors (N, L) whose sum or mean a tensor is, or none."""
    kind = _kind(tensor)
    if kind in _ADD or kind == "AddN":
        inputs = list(tensor.op.inputs)
        return inputs if all(_same_rows(each, tensor) for each in inputs) else []
    if kind in ("Mean", "Sum"):
        stacked, axis = tensor.op.inputs
        if _kind(stacked) == "Pack" and stacked.op.get_attr("axis") == 0 and _is_first(axis):
            return list(stacked.op.inputs)
    return []


def _is_first(axis: tf.Tensor) -> bool:
    """Whether a reduction is along the first axis alone."""
    value = tf.get_static_value(axis)
    return value is not None and value.size == 1 and int(value.flat[0]) == 0
