"""What a network's outputs look like: whether they are probabilities, to the precision they were computed in."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mmc_tf.checks import argument_error

FLOAT32_TOLERANCE = 1e-5  # AutoAttack's
# Types coarser than float32, with the distance from 1 to the next number.
_COARSE = ((tf.bfloat16.as_numpy_dtype, 2.0**-7), (np.float16, 2.0**-10))
TINY = np.finfo(np.float64).tiny


def check_shape(shape: tuple[int | None, ...], *, size: int, targeted: bool = False) -> int:
    """Returns the number of classes L of outputs (N, L).

    Raises:
        UserError: for another shape, or less than two classes.
    """
    if targeted and len(shape) == 2 and shape[1] == 1:
        raise argument_error("targeted", "a model with two classes or more, one of them to aim at", "1 class")
    if len(shape) != 2 or shape[0] not in (None, size) or (shape[1] or 0) < 2:
        received = f"shape {shape} for {size} images"
        raise argument_error("model", "one that returns logits of shape (N, L) with L >= 2", received)
    return shape[1]


def are_probabilities(outputs: np.ndarray) -> bool:
    """Whether every row (N, L) lies within [0, 1] and sums to 1, up to the rounding of the outputs' own precision.

    Values that float16 or bfloat16 hold exactly were computed there, whatever they were cast to afterwards.
    """
    if not len(outputs):
        return False
    values = outputs.astype(np.float64)
    tolerance = max(FLOAT32_TOLERANCE, 4 * spacing(outputs))
    inside = values.min() > -tolerance and values.max() < 1 + tolerance
    return bool(inside and np.abs(values.sum(axis=1) - 1).max() < tolerance)


def spacing(outputs: np.ndarray) -> float:
    """The distance from 1 to the next number in the coarsest floating type that holds all outputs exactly."""
    single = outputs.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for dtype, step in _COARSE:
            if np.array_equal(single.astype(dtype).astype(np.float32), single, equal_nan=True):
                return step
    return 2.0**-23


def logarithm(probabilities: tf.Tensor) -> tf.Tensor:
    """log p (N, L) in float64, what underflowed to 0 taken as the least normal number."""
    return tf.math.log(tf.maximum(tf.cast(probabilities, tf.float64), TINY))
