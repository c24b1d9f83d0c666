"""What an experiment finds: tables whose cells hold published beside measured numbers, pictures, notes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmc_tf.evaluation.published import PublishedRow
from mmc_tf.report.picture import Picture

NOTHING = "-"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of a table.

    Args:
        measured: here; None where it was not.
        published: in the source; None where it has none. Text for what is no number, such as `≤1`.
        interval: 95 % bounds of what was measured, in the same unit.
        digits: after the decimal point.
    """

    measured: float | None = None
    published: float | str | None = None
    interval: tuple[float, float] | None = None
    digits: int = 1

    @property
    def text(self) -> str:
        """`measured (published)`, with a hyphen for what is missing; nothing in brackets without a published one.

        Example:
            >>> Cell(measured=0.4, published=36.0).text, Cell(published="≤1").text, Cell(measured=2.0).text
            ('0.4 (36.0)', '- (≤1)', '2.0')
        """
        shown = self._number(self.measured)
        return shown if self.published is None else f"{shown} ({self._number(self.published)})"

    def _number(self, value: float | str | None) -> str:
        if value is None:
            return NOTHING
        return value if isinstance(value, str) else f"{value:.{self.digits}f}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table.

    Args:
        name: of its part in files; letters, digits and hyphens.
        caption: what it shows, with units.
        header: the columns' names, the first that of the rows.
        rows: (name, cells); a cell is a `Cell` or text.
    """

    name: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | str, ...]], ...]

    def __post_init__(self):
        for name, cells in self.rows:
            if len(cells) != len(self.header) - 1:
                raise ValueError(
                    f"{self.name}, {name}: {len(cells)} cells under {len(self.header) - 1} titles"
                )

    def lines(self) -> list[tuple[str, ...]]:
        """The rows as text."""
        return [
            (name, *(cell if isinstance(cell, str) else cell.text for cell in cells))
            for name, cells in self.rows
        ]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an experiment found.

    Args:
        tables: in the order in which they are shown.
        pictures: likewise.
        notes: sentences: what was not run, what the numbers say, what they cannot say.
        arrays: what the pictures are drawn from, for `data.npz`.
    """

    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def table_to_json(table: Table) -> dict[str, Any]:
    """A table as plain values; `table_from_json` reads them."""
    return dataclasses.asdict(table)


def table_from_json(values: Mapping[str, Any]) -> Table:
    """The table that `table_to_json` wrote."""
    rows = tuple((name, tuple(map(_cell, cells))) for name, cells in values["rows"])
    return Table(**{**values, "header": tuple(values["header"]), "rows": rows})


def _cell(value: Mapping[str, Any] | str) -> Cell | str:
    if isinstance(value, str):
        return value
    interval = value["interval"]
    return Cell(**{**value, "interval": None if interval is None else tuple(interval)})


def find(records: Sequence[Mapping[str, Any]], **wanted: Any) -> Mapping[str, Any] | None:
    """The first of an evaluation's records whose fields are as wanted; floats to six digits.

    Example:
        >>> find([{"attack": "pgd", "epsilon": 0.1}, {"attack": "fgsm"}], attack="pgd", epsilon=0.1)
        {'attack': 'pgd', 'epsilon': 0.1}
    """
    for record in records:
        if all(_same(record.get(name), value) for name, value in wanted.items()):
            return record
    return None


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, float) and isinstance(wanted, float):
        return bool(np.isclose(found, wanted, rtol=1e-6, atol=0))
    return found == wanted


def published_accuracy(row: PublishedRow) -> float | str:
    """A published accuracy in percent; `≤1` where the source says no more."""
    return "≤1" if row.robust_accuracy is None else 100 * row.robust_accuracy


def accuracy_cell(record: Mapping[str, Any] | None, published: float | str | None = None) -> Cell:
    """An attack's robust accuracy in percent, with its interval; `published` in percent."""
    if record is None:
        return Cell(published=published)
    low, high = record["interval"]
    return Cell(
        measured=100 * record["robust_accuracy"], published=published, interval=(100 * low, 100 * high)
    )


def clean_cell(results: Mapping[str, Any], published: float | str | None = None) -> Cell:
    """An evaluation's clean accuracy in percent, with its interval; `published` in percent."""
    low, high = results["clean_interval"]
    return Cell(
        measured=100 * results["clean_accuracy"], published=published, interval=(100 * low, 100 * high)
    )
