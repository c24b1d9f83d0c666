"""The Python version of CIFAR: pickled dicts with an array of rows and a list of labels."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from mmc_tf.data.readers import restricted_pickle
from mmc_tf.data.readers.arrays import Arrays, file_error
from mmc_tf.data.readers.cifar import IMAGE_BYTES, CifarFiles, images_from_rows
from mmc_tf.data.readers.folders import Files


def read_cifar_python(files: Files, names: CifarFiles) -> Arrays:
    """Reads all files of the Python version, without running anything they say.

    Returns:
        The arrays; for CIFAR-100 the labels are the fine ones, and the coarse ones are there too.

    Raises:
        UserError: if a file is missing, is no pickle of plain data, or lacks rows or labels.
    """
    parts = {"train": [_read_batch(files, name, names) for name in names.train]}
    parts["test"] = [_read_batch(files, names.test, names)]
    arrays = {}
    for part, batches in parts.items():
        rows, *labels = (np.concatenate(column) for column in zip(*batches, strict=True))
        arrays[f"{part}_images"] = images_from_rows(rows)
        arrays |= {
            f"{part}_{kind}": column for kind, column in zip(("labels", "coarse"), labels, strict=False)
        }
    return Arrays(**arrays)


def _read_batch(files: Files, name: str, names: CifarFiles) -> list[np.ndarray]:
    """Rows, then one array for each kind of label."""
    where = files.where(name)
    content = files.read(name)
    try:
        batch = restricted_pickle.load(content)
    except pickle.UnpicklingError as error:
        raise file_error(
            where, "a pickle of arrays, lists, dicts and strings", " ".join(str(error).split())
        ) from None
    if not isinstance(batch, dict):
        raise file_error(where, "a pickled dict", f"a {type(batch).__name__}")
    # Python 2 wrote the keys as byte strings.
    batch = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in batch.items()}
    rows = batch.get("data")
    if (
        not isinstance(rows, np.ndarray)
        or rows.dtype != np.uint8
        or rows.shape[1:] != (IMAGE_BYTES,)
        or not len(rows)
    ):
        expected = f"an array `data` of uint8 and shape (N, {IMAGE_BYTES})"
        raise file_error(where, expected, _describe(rows, batch))
    columns = [rows]
    for key, count in zip(names.label_keys, names.num_classes, strict=True):
        labels = batch.get(key)
        expected = f"a list `{key}` of {len(rows)} integers from 0 to {count - 1}"
        if not isinstance(labels, (list, np.ndarray)) or len(labels) != len(rows):
            raise file_error(where, expected, _describe(labels, batch))
        if not all(isinstance(label, (int, np.integer)) and 0 <= label < count for label in labels):
            raise file_error(where, expected, "labels of another type or range")
        columns.append(np.asarray(labels, np.int32))
    return columns


def _describe(value: Any, batch: dict) -> str:
    if value is None:
        return "a dict with the keys " + ", ".join(map(str, batch))
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} and shape {value.shape}"
    return f"a {type(value).__name__}" + (f" of {len(value)}" if hasattr(value, "__len__") else "")
