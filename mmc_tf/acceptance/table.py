"""The acceptance matrix on paper: one row a criterion."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from mmc_tf.acceptance.criterion import Row

HEADER = ("", "attack", "norm", "where", "criterion", "against", "found", "x3000", "verdict")


def format_table(rows: Sequence[Row]) -> str:
    """Markdown, one row a criterion."""
    cells = [HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADER))]
    lines = [cells[0], tuple("-" * width for width in widths), *cells[1:]]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def as_record(rows: Sequence[Row], **about: Any) -> dict[str, Any]:
    """What the JSON file holds: the rows, and what they were measured on. Numbers that are not finite are None."""

    def plain(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    table = [{key: plain(value) for key, value in dataclasses.asdict(row).items()} for row in rows]
    return {**about, "failed": count_failures(rows), "rows": table}


def count_failures(rows: Sequence[Row]) -> int:
    """How many criteria do not hold."""
    return sum(not row.passed for row in rows)


def _cells(row: Row) -> tuple[str, ...]:
    steep = "" if row.steep is None else f"{row.steep:.{row.digits}f}"
    numbers = (f"{row.against:.{row.digits}f}", f"{row.found:.{row.digits}f}", steep)
    verdict = "pass" if row.passed else "FAIL"
    return (row.column, row.attack, row.norm, row.where, row.words, *numbers, verdict)
