"""What the tables of the MMC paper share: its numbers found, distances as it averages them, orders compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from mmc_tf.evaluation.published import RESNET_32, ROWS, STANDARD, PublishedRow
from mmc_tf.experiments.outcome import Cell, Table, accuracy_cell, published_accuracy

# What `≤1` is taken for where numbers are compared.
AT_MOST_ONE = 1.0


def published_rows(
    source: str, loss: str, training: str = STANDARD, *, dataset: str = "cifar10", network: str = RESNET_32
) -> list[PublishedRow]:
    """A network's numbers in one of the paper's tables.

    Args:
        source: such as `mmc_tf.evaluation.published.TABLE_2`.
        loss: a name of `mmc_tf.losses.LOSSES`.
        training: as `mmc_tf.evaluation.published` names it.
        dataset: the paper's.
        network: `ResNet-32` or `ResNet-110`.
    """
    wanted = (source, loss, training, dataset, network)
    return [row for row in ROWS if (row.source, row.loss, row.training, row.dataset, row.network) == wanted]


def published_row(rows: Sequence[PublishedRow], **wanted: Any) -> PublishedRow | None:
    """The first row whose fields, or else whose attack's parameters, are as wanted.

    Example:
        >>> from mmc_tf.evaluation.published import TABLE_3
        >>> row = published_row(published_rows(TABLE_3, "MMC"), samples=4096, targeted=False)
        >>> row.robust_accuracy
        0.41
    """
    for row in rows:
        found = {name: getattr(row, name, row.parameters.get(name)) for name in wanted}
        if found == wanted:
            return row
    return None


def attack_cell(record: Mapping[str, Any] | None, row: PublishedRow | None) -> Cell:
    """An attack's robust accuracy in percent beside the paper's."""
    return accuracy_cell(record, None if row is None else published_accuracy(row))


def distance_cell(
    record: Mapping[str, Any] | None, row: PublishedRow | None = None, *, digits: int = 2
) -> Cell:
    """The mean l2 distance of an attack for the least distance, as the paper averages it, beside the paper's.

    Examples that are misclassified without an attack count with 0; those for which the search found nothing are left
    out, of which a search as long as the paper's has none.

    Args:
        record: of `results.json`.
        row: the paper's.
        digits: after the decimal point.
    """
    published = None if row is None else row.distance
    if record is None or record["distance"] is None:
        return Cell(published=published, digits=digits)
    counted = record["examples"] - record["attacked"] + record["found"]
    mean = record["distance"]["mean"] * record["found"] / counted
    return Cell(measured=mean, published=published, digits=digits)


def broken_distance_cell(record: Mapping[str, Any] | None, *, digits: int = 2) -> Cell:
    """The mean l2 distance to the adversarial images that were found: it does not shrink with the clean accuracy."""
    measured = None if record is None or record["distance"] is None else record["distance"]["mean"]
    return Cell(measured=measured, digits=digits)


def missed_note(records: Sequence[Mapping[str, Any]], what: str) -> str | None:
    """A sentence about searches that found nothing; None if all did.

    Args:
        records: of attacks for the least distance.
        what: the attacks' name.
    """
    attacked, found = (sum(record[name] for record in records) for name in ("attacked", "found"))
    if found == attacked:
        return None
    return f"{what} found nothing for {attacked - found} of {attacked} images, which its means leave out."


def order_notes(table: Table) -> list[str]:
    """For each column, how many pairs of rows are ordered as in the source.

    Pairs of which the source's or our numbers are equal, or one is missing, are left out. Cells measured on so few
    images that their intervals overlap are compared all the same: a share near one half says nothing.
    """
    notes = []
    for place, title in enumerate(table.header[1:]):
        column = [cells[place] for _, cells in table.rows]
        agreeing, total = agreeing_pairs([cell for cell in column if isinstance(cell, Cell)])
        if total:
            notes.append(f"{title}: {agreeing} of {total} pairs of networks are ordered as in the paper.")
    return notes


def agreeing_pairs(cells: Sequence[Cell]) -> tuple[int, int]:
    """How many pairs of cells are ordered by what was measured as by what was published, and of how many.

    Example:
        >>> numbers = ((1.0, "≤1"), (3.0, 5.0), (2.0, 9.0))
        >>> agreeing_pairs([Cell(measured=measured, published=published) for measured, published in numbers])
        (2, 3)
    """
    numbers = [
        (cell.measured, AT_MOST_ONE if isinstance(cell.published, str) else cell.published)
        for cell in cells
        if cell.measured is not None and cell.published is not None
    ]
    signs = [
        (a[0] - b[0]) * (a[1] - b[1]) for a, b in combinations(numbers, 2) if a[0] != b[0] and a[1] != b[1]
    ]
    return sum(sign > 0 for sign in signs), len(signs)
