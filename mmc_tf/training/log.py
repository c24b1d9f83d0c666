"""`log.csv`: one row an epoch, with the wall-clock time that the test error is plotted against (Figure 3a).

Monitors add columns of their own after those that every run has.
"""

from __future__ import annotations

import csv
import pathlib
from typing import Any

from mmc_tf.files import replacing

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
    """All rows as text; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def last(path: pathlib.Path) -> dict[str, Any]:
    """The last row with its numbers as numbers, as `append` got it; empty where there is no row."""
    rows = read(path)
    whole = ("epoch", "step")
    return {
        name: text if name == "monitored" else int(text) if name in whole else float(text or "nan")
        for name, text in (rows[-1] if rows else {}).items()
    }


def truncate(path: pathlib.Path, *, step: int) -> None:
    """Removes the rows after `step`, which a resumed run will write again."""
    if path.exists():
        _write(path, [row for row in read(path) if int(row["step"]) <= step])


def _write(path: pathlib.Path, rows: list[dict]) -> None:
    columns = dict.fromkeys(COLUMNS) | dict.fromkeys(name for row in rows for name in row)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
