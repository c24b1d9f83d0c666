"""The error that a file raises which is not what was written."""

from __future__ import annotations

import os
import re
from typing import Any

from mmc_tf.checks import UserError

# What is said of a file by the system, not by its content.
_ABOUT_THE_PLACE = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
LONGEST = 200  # characters of another library's message


class DamagedFileError(UserError):
    """A file that is there but is not what was written; who has another one, such as an earlier checkpoint, may catch
    it.

    Args:
        path: the file.
        expected: what it should be.
        received: what it is.
        opening: begins the message.
    """

    def __init__(self, path: str | os.PathLike, expected: str, received: str, *, opening: str = ""):
        self.path = path
        super().__init__(message(path, expected, received, opening=opening))


def message(path: str | os.PathLike, expected: str, received: str, *, opening: str = "") -> str:
    """The three-part error about a file: which, what was expected, what came."""
    return f"{opening or f'Cannot read {path}'}. Expected {expected}. Received: {received}"


def unreadable(
    path: str | os.PathLike, expected: str, error: BaseException, *, opening: str = ""
) -> UserError:
    """The error for a file that a reader stumbled over.

    Returns:
        A plain `UserError` if the file is missing or closed, else a `DamagedFileError`.
    """
    if isinstance(error, _ABOUT_THE_PLACE):
        return UserError(message(path, expected, f"{error.strerror} ({path})", opening=opening))
    return DamagedFileError(path, expected, f"a damaged file ({path}: {one_line(error)})", opening=opening)


def changed(path: str | os.PathLike, *, how_to_accept: str = "") -> DamagedFileError:
    """The error for a file whose content is not the one that its checksum is of."""
    remedy = f" ({how_to_accept})" if how_to_accept else ""
    return DamagedFileError(
        path,
        f"the content that was written, as its SHA-256 says{remedy}",
        "another one: the file was damaged or changed since",
    )


def is_digest(value: Any) -> bool:
    """Whether a value is a SHA-256 in hexadecimal digits."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def one_line(error: BaseException) -> str:
    """An exception as one short line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:LONGEST] if text else type(error).__name__
