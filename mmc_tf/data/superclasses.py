"""The tree of CIFAR-100: which coarse label each fine label has."""

from __future__ import annotations

import numpy as np

from mmc_tf.checks import argument_error


def superclasses_of(fine: np.ndarray, coarse: np.ndarray, *, num_classes: int) -> np.ndarray | None:
    """Reads the coarse label of each fine label off examples that have both.

    Fine labels are in alphabetical order, so l // 5 is not the superclass of l.

    Args:
        fine: (N,) integers in [0, num_classes).
        coarse: (N,) integers.
        num_classes: L.

    Returns:
        (L,) int32, or None if some class has no example.

    Raises:
        UserError: if two examples of one class have different coarse labels.

    Example:
        >>> superclasses_of(np.array([0, 1, 2, 1]), np.array([4, 1, 4, 1]), num_classes=3)
        array([4, 1, 4], dtype=int32)
    """
    superclasses = np.full(num_classes, -1, np.int32)
    superclasses[fine] = coarse
    wrong = np.flatnonzero(superclasses[fine] != coarse)
    if wrong.size:
        label = fine[wrong[0]]
        received = f"{coarse[wrong[0]]} and {superclasses[label]} for class {label}"
        raise argument_error("coarse", "one coarse label for each class", received)
    return superclasses if (superclasses >= 0).all() else None
