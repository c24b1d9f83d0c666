"""JSON: plain values, and records, which carry the checksum of their content.

A record is a JSON object whose key `sha256` holds the SHA-256 of everything else in it, whatever the order of the keys
and the white space. One without it, of an older version or a person, is read as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from mmc_tf.files.atomic import write_text
from mmc_tf.files.damage import DamagedFileError, changed, is_digest, unreadable

CHECKSUM = "sha256"
_ACCEPT = f'if you changed it yourself, remove the line "{CHECKSUM}" from its end'


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Writes `value` as indented JSON, whole or not at all: NumPy's numbers as numbers, paths as text."""
    write_text(path, _text(value) + "\n")


def read_json(path: str | os.PathLike, *, expected: str = "a readable JSON file", opening: str = "") -> Any:
    """The value of a JSON file, whatever it is.

    Raises:
        UserError: if it cannot be opened. DamagedFileError: if it is not JSON.
    """
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, expected, error, opening=opening) from None


def write_record(path: str | os.PathLike, record: Mapping[str, Any]) -> None:
    """Writes a JSON object with its checksum, whole or not at all, as `write_json` writes values."""
    content = json.loads(_text({key: value for key, value in record.items() if key != CHECKSUM}))
    write_json(path, content | {CHECKSUM: _digest(content)})


def read_record(
    path: str | os.PathLike,
    *,
    needed: tuple[str, ...] = (),
    expected: str = "a readable JSON file",
    opening: str = "",
) -> dict[str, Any]:
    """The content of a record, without its checksum.

    Args:
        path: the file.
        needed: keys that must be in it.
        expected: what errors say that it should be.
        opening: begins their message.

    Raises:
        UserError: if it cannot be opened. DamagedFileError: if it is not JSON, no object, lacks a key, or is not
            what was written.
    """
    content = read_json(path, opening=opening)
    if not isinstance(content, dict):
        received = f"a JSON file without an object ({path})"
        raise DamagedFileError(path, expected, received, opening=opening)
    checksum = content.pop(CHECKSUM, None)
    if checksum != _digest(content) if checksum is not None else _has_stray_checksum(content):
        raise changed(path, how_to_accept=_ACCEPT)
    missing = [key for key in needed if key not in content]
    if missing:
        received = f"a JSON file without {', '.join(missing)} ({path})"
        raise DamagedFileError(path, expected, received, opening=opening)
    return content


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, default=lambda other: getattr(other, "tolist", other.__str__)())


def _has_stray_checksum(content: Mapping[str, Any]) -> bool:
    """Whether the key of the checksum itself was hit, so that it stands under another name."""
    last = list(content.items())[-1:]
    return any(len(key) == len(CHECKSUM) and is_digest(value) for key, value in last)


def _digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON object."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
