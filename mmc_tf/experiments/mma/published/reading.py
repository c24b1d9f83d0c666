"""From a table as text to its rows."""

from __future__ import annotations

import re
from typing import NamedTuple

NOTHING = "-"


class Accuracies(NamedTuple):
    """A row of Tables 4 to 15, in percent or points.

    Attributes:
        clean: Cln Acc; None in the tables of gaps.
        average: AvgAcc, over clean and all radii.
        average_robust: AvgRobAcc, over all radii.
        robust: at each radius, ascending.
    """

    clean: float | None
    average: float
    average_robust: float
    robust: tuple[float, ...]


class Distances(NamedTuple):
    """A row of Tables 2 and 3.

    Attributes:
        clean: Cln Acc in percent, of the first 1,000 test images.
        mean: of the least distances in l2, 0 for misclassified images.
        lower_quartile: 25 % of the images are nearer.
        median: half of them.
        upper_quartile: 75 % of them.
    """

    clean: float
    mean: float
    lower_quartile: float
    median: float
    upper_quartile: float


def read_accuracies(text: str) -> dict[str, Accuracies]:
    """Rows by the networks' names.

    Example:
        >>> read_accuracies("PGD-Madry et al.  -  0.04  0.05  0.00  0.10")["PGD-Madry et al."].robust
        (0.0, 0.1)
    """
    return {name: Accuracies(*numbers[:3], tuple(numbers[3:])) for name, numbers in _rows(text)}


def read_distances(text: str) -> dict[str, Distances]:
    """Rows by the networks' names."""
    return {name: Distances(*numbers) for name, numbers in _rows(text)}


def _rows(text: str) -> list[tuple[str, list[float | None]]]:
    """Cells are apart by two spaces or more, since names have single ones; a network stands in a table once."""
    rows = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, *cells = re.split(r"\s{2,}", line)
        rows.append((name, [None if cell == NOTHING else float(cell) for cell in cells]))
    if len({name for name, _ in rows}) < len(rows):
        raise ValueError(f"a network that is there twice in {text}")
    return rows
