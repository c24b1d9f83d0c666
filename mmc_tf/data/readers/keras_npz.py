"""Keras' npz layout: one file with the arrays x_train, y_train, x_test and y_test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmc_tf.data.readers.arrays import Arrays, file_error
from mmc_tf.files import read_arrays

KEYS = ("x_train", "y_train", "x_test", "y_test")


def read_keras_npz(path: Path) -> Arrays:
    """Reads the file, without unpickling anything.

    Returns:
        The arrays; images without a channel axis get one, labels of shape (N, 1) lose it.

    Raises:
        UserError: if the file is damaged, lacks an array, or an array has another shape or type.
    """
    arrays = read_arrays(path, expected="a whole npz file of plain arrays")
    if any(key not in arrays for key in KEYS):
        raise file_error(path, "the arrays " + ", ".join(KEYS), "only " + ", ".join(arrays))
    return Arrays(*_checked(path, arrays, "train"), *_checked(path, arrays, "test"))


def _checked(path: Path, arrays: dict[str, np.ndarray], part: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        expected = f"x_{part} of uint8 and shape (N, H, W) or (N, H, W, C)"
        raise file_error(path, expected, f"{images.dtype} of shape {images.shape}")
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape not in ((len(images),), (len(images), 1)):
        expected = f"y_{part} of integers and shape ({len(images)},)"
        raise file_error(path, expected, f"{labels.dtype} of shape {labels.shape}")
    return images if images.ndim == 4 else images[..., None], labels.ravel()
