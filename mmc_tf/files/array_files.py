"""Arrays in `.npz` and `.npy` files, sealed when they are written and checked when they are read; nothing is
unpickled."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from mmc_tf.files.atomic import replacing
from mmc_tf.files.damage import DamagedFileError, unreadable
from mmc_tf.files.seals import check_archive, check_seal, seal

_EXPECTED = "a readable file of arrays"


def write_arrays(
    path: str | os.PathLike, arrays: Mapping[str, Any], *, compressed: bool = False, durable: bool = False
) -> None:
    """Writes an `.npz` file with its checksum, whole or not at all.

    Args:
        path: ends with `.npz`.
        arrays: by name; of numbers or text, since objects would have to be pickled.
        compressed: whether to compress them.
        durable: whether they are on the disk itself at the end, as `replacing` says.
    """
    with replacing(path, durable=durable) as temporary:
        (np.savez_compressed if compressed else np.savez)(temporary, **arrays)
        seal(temporary)


def read_arrays(
    path: str | os.PathLike, *, needed: tuple[str, ...] = (), expected: str = _EXPECTED, opening: str = ""
) -> dict[str, np.ndarray]:
    """All arrays of an `.npz` file.

    Args:
        path: the file.
        needed: names that must be in it.
        expected: what errors say that it should be.
        opening: begins their message.

    Raises:
        UserError: if it cannot be opened. DamagedFileError: if it is not what was written, lacks an array, or holds
            objects.
    """
    # Their checksums first: NumPy reads as much as an array's header says, and would not miss the rest.
    members = [f"{name}.npy" for name in needed]
    check_archive(path, members, expected=expected, opening=opening)
    try:
        # Opened here, because NumPy leaves a damaged file open.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # NumPy raises errors of a dozen types for what it can't read
        raise unreadable(path, expected, error, opening=opening) from None


def write_array(path: str | os.PathLike, array: Any) -> None:
    """Writes one array to a `.npy` file with its checksum, whole or not at all."""
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        seal(temporary)


def read_array(path: str | os.PathLike, *, expected: str = _EXPECTED, opening: str = "") -> np.ndarray:
    """The array of a `.npy` file.

    Raises:
        UserError: if it cannot be opened. DamagedFileError: if it is not what was written, or holds objects.
    """
    try:
        is_sealed = check_seal(path)
        with open(path, "rb") as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
            is_whole = is_sealed or not stream.read(1)
    except DamagedFileError:
        raise
    except Exception as error:  # as above
        raise unreadable(path, expected, error, opening=opening) from None
    if not is_whole:
        raise DamagedFileError(path, expected, f"more than an array ({path})", opening=opening)
    return array
