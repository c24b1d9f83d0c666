"""Tables as CSV, with a checksum in a column of its own: `sha256`, filled in the last row, of everything else.

A table without that column, of an older version or another program, is read as it is.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmc_tf.files.atomic import replacing
from mmc_tf.files.damage import DamagedFileError, changed, is_digest, unreadable

CHECKSUM = "sha256"
_ACCEPT = f"if you changed it yourself, remove its column {CHECKSUM}"


def write_table(path: str | os.PathLike, columns: Iterable[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows under a header, whole or not at all.

    Args:
        path: the file.
        columns: names, in order.
        rows: cells by column; one that is missing or None is empty.
    """
    columns = [name for name in columns if name != CHECKSUM]
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    if cells:  # a table without rows has nothing to sum
        sealed = [[*columns, CHECKSUM], *([*row, ""] for row in cells)]
        sealed[-1][-1] = _digest(columns, cells)
    else:
        sealed = [columns]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(sealed)


def read_table(path: str | os.PathLike, *, expected: str = "a readable table") -> list[dict[str, str]]:
    """All rows as text by column, without the checksum.

    Raises:
        UserError: if the file cannot be opened. DamagedFileError: if it is no text, or not what was written.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            text = file.read()
        reader = csv.DictReader(io.StringIO(text, newline=""))
        rows = list(reader)
        columns = list(reader.fieldnames or ())
    except (OSError, ValueError, csv.Error) as error:
        raise unreadable(path, expected, error) from None
    if not rows and not text.endswith("\n"):
        raise DamagedFileError(path, expected, f"less than a header ({path})")
    if CHECKSUM not in columns:
        if rows and is_digest(_last_cell(rows[-1])):  # the name of the column itself was hit
            raise changed(path, how_to_accept=_ACCEPT)
        return rows
    columns.remove(CHECKSUM)
    digests = [row.pop(CHECKSUM) for row in rows]
    cells = [[row.get(name) for name in columns] for row in rows]
    is_square = all(len(row) == len(columns) for row in rows)  # a row that is too long has one cell more
    if not is_square or digests != [""] * (len(rows) - 1) + [_digest(columns, cells)]:
        raise changed(path, how_to_accept=_ACCEPT)
    return rows


def _last_cell(row: Mapping[str | None, Any]) -> Any:
    last = list(row.values())[-1]
    return last[-1] if isinstance(last, list) else last  # cells beyond the header come as a list


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _digest(columns: Sequence[str], cells: Sequence[Sequence[str | None]]) -> str:
    return hashlib.sha256(json.dumps([list(columns), cells]).encode()).hexdigest()
