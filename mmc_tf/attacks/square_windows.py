"""Where and how large the Square Attack's windows are, and the pattern that its l2 and l1 moves write there.

Coordinates are float32, which are exact here: GPUs handle small integers on the host.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

# The share of the image in a window halves after each of these iterations (Andriushchenko et al., ECCV 2020).
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
PUBLISHED_QUERIES = 10_000  # the budget that the halvings were made for


def stage(iteration: tf.Tensor | int, num_queries: tf.Tensor | int, *, rescale: bool) -> tf.Tensor:
    """How often the windows' share has been halved by an iteration, scalar int32 from 0 to 9.

    Args:
        iteration: scalar, from 0.
        num_queries: budget, scalar.
        rescale: stretch the schedule from 10,000 queries to the budget.
    """
    iteration = tf.cast(iteration, tf.int32)
    if rescale:
        share = tf.cast(iteration, tf.float32) / tf.cast(num_queries, tf.float32)
        iteration = tf.cast(PUBLISHED_QUERIES * share, tf.int32)
    return tf.reduce_sum(tf.cast(iteration > tf.constant(HALVINGS), tf.int32))


def window_sides(p_init: float, shape: tuple[int, int], *, odd: bool) -> list[int]:
    """The side s of the windows in each of the 10 stages.

    s = √(p·H·W), rounded, with p = p_init/2^stage, at least 1 and at most min(H, W). For the moves in l2 and
    l1 also odd and at least 3, as far as the image has room.

    Args:
        p_init: share of the image in the first windows, in (0, 1].
        shape: (H, W).
        odd: as the moves in l2 and l1 need it.

    Example:
        >>> window_sides(0.8, (32, 32), odd=False)
        [29, 20, 14, 10, 7, 5, 4, 3, 2, 1]
    """
    sides = [
        round(math.sqrt(p_init / 2**halved * shape[0] * shape[1])) for halved in range(len(HALVINGS) + 1)
    ]
    room = min(shape)
    if odd:
        sides = [max(side, 3) // 2 * 2 + 1 for side in sides]
        room -= 1 - room % 2
    return [min(max(side, 1), room) for side in sides]


def corner(uniform: tf.Tensor, room: int, side: tf.Tensor) -> tf.Tensor:
    """The first row or column of a window, uniform over all places, the last row and column included.

    Args:
        uniform: draws in [0, 1).
        room: rows or columns of the image.
        side: scalar side of the window.
    """
    return tf.floor(uniform * (room - side + 1.0))


def window(rows: tf.Tensor, columns: tf.Tensor, side: tf.Tensor, shape: tuple[int, int]) -> tf.Tensor:
    """The pixels of one window per example, (N, H, W, 1) bool.

    Args:
        rows: (N,) float32 first rows.
        columns: (N,) float32 first columns.
        side: scalar float32.
        shape: (H, W).
    """

    def inside(first: tf.Tensor, room: int) -> tf.Tensor:
        offset = tf.range(room, dtype=tf.float32) - first[:, None]
        return (offset >= 0) & (offset < side)

    return (inside(rows, shape[0])[:, :, None] & inside(columns, shape[1])[:, None, :])[..., None]


def _pyramid(rows: int, columns: int, *, exponent: int, order: int) -> np.ndarray:
    """Σ_{k >= d} 1/(k+1)^exponent, d the Chebyshev distance from (⌊rows/2⌋, ⌊columns/2⌋), of norm 1."""
    down = np.abs(np.arange(rows) - rows // 2)[:, None]
    across = np.abs(np.arange(columns) - columns // 2)[None, :]
    terms = 1.0 / np.arange(1, max(rows, columns) // 2 + 2) ** float(exponent)
    heights = np.cumsum(terms[::-1])[::-1][np.maximum(down, across)]
    return heights / max(np.linalg.norm(heights.ravel(), ord=order), 1e-12)


def pattern(side: int, *, norm: str) -> np.ndarray:
    """η(s): a pyramid in the upper ⌊s/2⌋ rows, minus one in the lower rows, of norm 1, (s, s) float64.

    Args:
        side: s >= 1.
        norm: `l2` (exponent 2) or `l1` (exponent 4), also the norm that is 1.
    """
    exponent, order = {"l2": (2, 2), "l1": (4, 1)}[norm]
    half = side // 2
    upper = _pyramid(half, side, exponent=exponent, order=order)
    lower = _pyramid(side - half, side, exponent=exponent, order=order)
    both = np.concatenate([upper, -lower])
    return both / np.linalg.norm(both.ravel(), ord=order)


def patterns(sides: list[int], *, norm: str) -> np.ndarray:
    """η(s) of each stage, in the corner of zeros as large as the largest: (10, S, S) float32."""
    table = np.zeros((len(sides), max(sides), max(sides)), np.float32)
    for number, side in enumerate(sides):
        table[number, :side, :side] = pattern(side, norm=norm)
    return table


def place_pattern(
    table: tf.Tensor,
    rows: tf.Tensor,
    columns: tf.Tensor,
    side: tf.Tensor,
    transposed: tf.Tensor,
    shape: tuple[int, int],
) -> tf.Tensor:
    """η(s) in the window of each example; what lies outside the window is of no meaning.

    Args:
        table: (S, S) with η(s) in its corner.
        rows: (N,) float32 first rows of the windows.
        columns: (N,) float32 first columns.
        side: scalar float32, s.
        transposed: (N,) bool, write the transpose.
        shape: (H, W).

    Returns:
        (N, H, W, 1) float32.
    """

    def within(first: tf.Tensor, room: int) -> tf.Tensor:
        return tf.clip_by_value(tf.range(room, dtype=tf.float32) - first[:, None], 0.0, side - 1.0)

    down, across = within(rows, shape[0])[:, :, None], within(columns, shape[1])[:, None, :]
    stride = float(table.shape[0])
    places = tf.where(transposed[:, None, None], across * stride + down, down * stride + across)
    return tf.gather(tf.reshape(table, [-1]), tf.cast(places, tf.int32))[..., None]
