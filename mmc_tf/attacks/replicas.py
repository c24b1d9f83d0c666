"""Batches cut into equal parts, one a replica of a `tf.distribute` strategy, within one graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def spread(function: Callable[..., Any], values: tuple, *, strategy: tf.distribute.Strategy) -> Any:
    """`function(*values)`, each replica of the strategy on its own part of the examples.

    The parts are attacked at the same time and know nothing of each other: what is packed within them may
    differ in shape, and no collective operation joins them. A batch that the replicas cannot share evenly is one
    replica's work.

    Args:
        function: from and to structures of tensors, each either (N, ...), one row an example, or a scalar; scalars
            may only be taken.
        values: its arguments, each a structure.
        strategy: in whose scope the variables that `function` reads were made.

    Returns:
        What `function` returns of the whole.
    """
    replicas = strategy.num_replicas_in_sync
    size = next(value.shape[0] for value in tf.nest.flatten(values) if value.shape.rank)
    if replicas == 1 or size % replicas:
        return function(*values)
    length = size // replicas

    def on_replica(*values: Any) -> Any:
        start = tf.distribute.get_replica_context().replica_id_in_sync_group * length
        return function(*tf.nest.map_structure(lambda value: _part(value, start, length), values))

    def whole(parts: Any) -> tf.Tensor:
        return tf.concat(strategy.experimental_local_results(parts), axis=0)

    return tf.nest.map_structure(whole, strategy.run(on_replica, args=values))


def _part(value: tf.Tensor, start: tf.Tensor | int, length: int) -> tf.Tensor:
    """The rows from `start` on of what has rows."""
    if not value.shape.rank:
        return value
    part = value[start : start + length]
    return tf.ensure_shape(part, (length, *value.shape[1:]))
