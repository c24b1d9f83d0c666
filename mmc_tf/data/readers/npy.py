"""NumPy's own layout: one array a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmc_tf.data.readers.arrays import file_error
from mmc_tf.files import one_line


def read_npy(path: Path) -> np.ndarray:
    """Opens the file, without unpickling anything; its array is read where and when it is looked at.

    Raises:
        UserError: if the file is damaged, or holds something else than one plain array.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, EOFError, ValueError, TypeError, MemoryError, OverflowError) as error:
        raise file_error(path, "a whole npy file of one plain array", one_line(error)) from None
