"""Examples that still need work, packed into a smaller batch, and their results put back into place.

Most examples of a weak network break in the first steps. Sending only the others through the model makes the
cost of an attack that of the examples it has left; the shapes inside the graph are dynamic.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Places(NamedTuple):
    """Where packed rows came from: their `rows` (M, 1) int32 among the N that `active` (N,) speaks of."""

    rows: tf.Tensor
    active: tf.Tensor


def pack(active: tf.Tensor | None, *values: tf.Tensor | None) -> tuple[Places | None, list[tf.Tensor | None]]:
    """Rows of the active examples; where none is active, the first row, which `unpack` leaves out.

    A batch of no images is no batch: oneDNN's convolutions give it the shape of their input.

    Args:
        active: (N,) bool; None: all.
        values: tensors (N, ...), or None, which stays None.

    Returns:
        What `unpack` needs to put rows back, and the packed values (M, ...) in order, M >= 1.
    """
    if active is None:
        return None, list(values)
    rows = tf.cast(tf.where(active), tf.int32)
    none = tf.cast(tf.equal(tf.size(rows), 0), tf.int32)
    taken = tf.concat([rows[:, 0], tf.zeros([none], tf.int32)], axis=0)
    return Places(rows, active), [None if value is None else tf.gather(value, taken) for value in values]


def unpack(places: Places | None, packed: tf.Tensor, *, into: tf.Tensor | None = None) -> tf.Tensor:
    """Puts packed rows back.

    Args:
        places: as `pack` gave it.
        packed: (M, ...) rows.
        into: (N, ...) what the other rows hold; None: zeros.

    Returns:
        (N, ...).
    """
    if places is None:
        return packed
    packed = packed[: tf.shape(places.rows)[0]]
    if into is not None:
        return tf.tensor_scatter_nd_update(into, places.rows, packed)
    shape = tf.concat([tf.shape(places.active), tf.shape(packed)[1:]], axis=0)
    whole = tf.scatter_nd(places.rows, packed, shape)
    whole.set_shape([*places.active.shape, *packed.shape[1:]])
    return whole
