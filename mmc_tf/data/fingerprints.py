"""What identifies images and labels: a run or an evaluation that is resumed must meet the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from mmc_tf.data.dataset import Split
from mmc_tf.data.mapping import chunks


def hash_arrays(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 of arrays in order, with their types and shapes; mapped ones may be larger than memory."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        if not array.ndim:
            digest.update(array.tobytes())
            continue
        for part in chunks(array):
            digest.update(np.ascontiguousarray(part))
    return digest.hexdigest()


def fingerprint_split(split: Split) -> str:
    """SHA-256 of a split's images and labels."""
    return hash_arrays([np.asarray(split.images), np.asarray(split.labels)])
