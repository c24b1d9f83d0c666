"""`log.csv`: one row an epoch, with the wall-clock time that the test error is plotted against (Figure 3a).

Monitors add columns of their own after those that every run has.
"""

from __future__ import annotations

import pathlib
from typing import Any

from mmc_tf import files
from mmc_tf.files import DamagedFileError

_EXPECTED = "a readable log of a run that has finished an epoch"
COLUMNS = (
    "epoch",
    "step",
    "seconds",
    "learning_rate",
    "loss",
    "accuracy",
    "monitored",
    "monitored_loss",
    "monitored_accuracy",
    "monitored_error",
    "images_per_second",
)


def append(path: pathlib.Path, row: dict) -> None:
    """Adds a row; the file is replaced whole, so a killed run leaves no half row."""
    _write(path, [*read(path), row])


def read(path: pathlib.Path) -> list[dict[str, str]]:
    """All rows as text; none where there is no file.

    Raises:
        UserError: if it is not the log that was written.
    """
    return files.read_table(path, expected=_EXPECTED) if path.exists() else []


def last(path: pathlib.Path) -> dict[str, Any]:
    """The last row with its numbers as numbers, as `append` got it; empty where there is no row.

    Raises:
        UserError: if it is not the log that was written.
    """
    rows = read(path)
    whole = ("epoch", "step")
    try:
        return {
            name: text if name == "monitored" else int(text) if name in whole else float(text or "nan")
            for name, text in (rows[-1] if rows else {}).items()
        }
    except (TypeError, ValueError) as error:
        raise DamagedFileError(path, _EXPECTED, files.one_line(error)) from None


def truncate(path: pathlib.Path, *, step: int) -> None:
    """Removes the rows after `step`, which a resumed run will write again.

    Raises:
        UserError: if it is not the log that was written.
    """
    if not path.exists():
        return
    rows = read(path)
    try:
        kept = [row for row in rows if int(row["step"]) <= step]
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(path, _EXPECTED, files.one_line(error)) from None
    _write(path, kept)


def _write(path: pathlib.Path, rows: list[dict]) -> None:
    columns = dict.fromkeys(COLUMNS) | dict.fromkeys(name for row in rows for name in row)
    files.write_table(path, columns, rows)
