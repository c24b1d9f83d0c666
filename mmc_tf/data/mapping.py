"""Arrays that stay in their files until they are looked at (`numpy.memmap`), and how not to keep what was."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import numpy as np

CHUNK_BYTES = 2**24


def is_mapped(array: np.ndarray) -> bool:
    """Whether an array, or what it is a view of, lies in a file."""
    return _mapping(array) is not None


def release(array: np.ndarray) -> None:
    """Lets go of the pages of a mapped file that have been read; nothing for other arrays.

    The array stays as it is: what is looked at again is read again. Without this, a process that has gone through a
    file once holds all of it, as far as the machine has memory.
    """
    mapping = _mapping(array)
    if mapping is not None and hasattr(mapping, "madvise"):
        mapping.madvise(mmap.MADV_DONTNEED)


def chunks(array: np.ndarray, *, num_bytes: int = CHUNK_BYTES) -> Iterator[np.ndarray]:
    """An array's rows in order, some at a time, each part released before the next.

    Args:
        array: (N, ...), mapped or not.
        num_bytes: about how many bytes a part has; at least one row.

    Example:
        >>> [part.shape for part in chunks(np.zeros((5, 4), np.uint8), num_bytes=8)]
        [(2, 4), (2, 4), (1, 4)]
    """
    if not len(array):
        return
    rows = max(1, num_bytes * len(array) // max(array.nbytes, 1))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
        release(array)


def _mapping(array: np.ndarray) -> mmap.mmap | None:
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None
