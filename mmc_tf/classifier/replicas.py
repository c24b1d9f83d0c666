"""Batches cut into equal parts, one a replica of a `tf.distribute` strategy, within one graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def shares_evenly(values: Any, strategy: tf.distribute.Strategy) -> bool:
    """Whether the replicas of a strategy, two or more, can share the examples of some tensors evenly."""
    replicas = strategy.num_replicas_in_sync
    return replicas > 1 and not any(
        value.shape[0] % replicas for value in tf.nest.flatten(values) if value.shape.rank
    )


def spread(function: Callable[..., Any], values: tuple, *, strategy: tf.distribute.Strategy) -> Any:
    """`function(*values)`, each replica of the strategy on its own part of the examples.

    The parts are attacked at the same time and know nothing of each other: what is packed within them may
    differ in shape, and no collective operation joins them.

    Args:
        function: from and to structures of tensors, each either (N, ...), one row an example, or a scalar; scalars
            may only be taken.
        values: its arguments, each a structure; N a multiple of the number of replicas (`shares_evenly`).
        strategy: in whose scope the variables that `function` reads were made.

    Returns:
        What `function` returns of the whole.
    """
    replicas = strategy.num_replicas_in_sync

    def on_replica(*values: Any) -> Any:
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        return function(*tf.nest.map_structure(lambda value: _part(value, number, replicas), values))

    def whole(parts: Any) -> tf.Tensor:
        return tf.concat(strategy.experimental_local_results(parts), axis=0)

    return tf.nest.map_structure(whole, strategy.run(on_replica, args=values))


def _part(value: tf.Tensor, number: tf.Tensor | int, replicas: int) -> tf.Tensor:
    """The rows of one replica of what has rows."""
    if not value.shape.rank:
        return value
    length = tf.shape(value)[0] // replicas
    part = value[number * length : (number + 1) * length]
    return tf.ensure_shape(part, (None, *value.shape[1:]))
