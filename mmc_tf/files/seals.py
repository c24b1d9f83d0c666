"""Checksums that a binary file carries at its own end, so that file and checksum cannot come apart.

The last 71 bytes of a sealed file are `sha256=` and 64 hexadecimal digits, the SHA-256 of all bytes before them. In a
zip file (`.npz`, `.keras`) they are the archive's comment, and behind the array of a `.npy` file nobody reads, so that
NumPy and Keras see the file that they wrote. A file without a seal, of another program or an older version, is checked
by the checksums that zip files have of each member.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Sequence

from mmc_tf.files.damage import DamagedFileError, changed, unreadable

_SEAL = re.compile(rb"sha256=[0-9a-f]{64}")
_LENGTH = 71
_COMMENT_LENGTH_BYTES = 2
_CHUNK = 2**20
# Of the record that ends a zip file: how long it can be, and where it has the number of members.
_LONGEST_END, _COUNT_AT, _TOO_MANY = 2**16 + 22, 10, 0xFFFF


def seal(path: str | os.PathLike) -> None:
    """Appends the SHA-256 of a file to it, in a zip file as its comment.

    Args:
        path: a file that was just written, without a seal; a zip file must have no comment.
    """
    with open(path, "r+b") as file:
        is_zip = file.read(2) == b"PK"
        if is_zip:
            file.seek(-_COMMENT_LENGTH_BYTES, os.SEEK_END)
            if file.read() != bytes(_COMMENT_LENGTH_BYTES):
                raise ValueError(f"Expected a zip file without a comment. Received: {path}")
            file.seek(-_COMMENT_LENGTH_BYTES, os.SEEK_END)
            file.write(_LENGTH.to_bytes(_COMMENT_LENGTH_BYTES, "little"))
        size = file.seek(0, os.SEEK_END)
        digest = _digest(file, size)
        file.seek(0, os.SEEK_END)
        file.write(b"sha256=" + digest.encode())


def check_seal(path: str | os.PathLike) -> bool:
    """Whether a file is sealed, and then as it was written.

    Raises:
        DamagedFileError: if it has a seal of other content.
        OSError: if it cannot be read.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END) - _LENGTH
        if size < 0:
            return False
        file.seek(size)
        end = file.read()
        if not _SEAL.fullmatch(end):
            return False
        if _digest(file, size).encode() != end[-64:]:
            raise changed(path)
    return True


def check_archive(
    path: str | os.PathLike,
    members: Sequence[str] = (),
    *,
    expected: str = "a whole zip file",
    opening: str = "",
) -> None:
    """Makes sure that a zip file holds what was written.

    Args:
        path: the file.
        members: names that must be in it.
        expected: what errors say that it should be.
        opening: begins their message.

    Raises:
        UserError: if it cannot be opened. DamagedFileError: if it is damaged, or a member is missing.
    """
    try:
        is_sealed = check_seal(path)
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            broken = None if is_sealed else archive.testzip()
        if not is_sealed and _count_members(path) not in (len(names), _TOO_MANY):
            broken = "the list of its members"
    except DamagedFileError:
        raise
    except Exception as error:  # damaged zip files raise errors of a dozen types
        raise unreadable(path, expected, error, opening=opening) from None
    if broken:
        raise DamagedFileError(path, expected, f"a damaged file ({broken} in {path})", opening=opening)
    missing = [name for name in members if name not in names]
    if missing:
        received = f"a zip file without {', '.join(missing)} ({path})"
        raise DamagedFileError(path, expected, received, opening=opening)


def _count_members(path: str | os.PathLike) -> int:
    """How many members a zip file says that it has: `zipfile` takes as many as it finds."""
    with open(path, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_END))
        end = file.read()
    place = end.rindex(b"PK\5\6") + _COUNT_AT
    return int.from_bytes(end[place : place + 2], "little")


def _digest(file, size: int) -> str:
    """SHA-256 of the first `size` bytes."""
    digest = hashlib.sha256()
    file.seek(0)
    while size:
        part = file.read(min(size, _CHUNK))
        if not part:
            break
        digest.update(part)
        size -= len(part)
    return digest.hexdigest()
