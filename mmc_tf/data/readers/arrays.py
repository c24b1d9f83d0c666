"""What every reader returns, and the error it raises about a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmc_tf.checks import UserError


@dataclass(frozen=True, eq=False)
class Arrays:
    """The arrays of a data set as its files have them.

    Args:
        train_images: (N, H, W, C) uint8.
        train_labels: (N,) integers.
        test_images: (M, H, W, C) uint8.
        test_labels: (M,) integers.
        train_coarse: (N,) coarse labels, where the files have them.
        test_coarse: (M,) likewise.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    train_coarse: np.ndarray | None = None
    test_coarse: np.ndarray | None = None


def file_error(path: Any, expected: str, received: str) -> UserError:
    """Builds the three-part error about a file: which, what was expected, what came."""
    return UserError(f"Cannot read {path}. Expected {expected}. Received: {received}")
