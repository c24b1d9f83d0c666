"""A released checkpoint beside the paper's numbers for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mmc_tf.evaluation.published import PAPER, TABLE_5, PublishedRow, published_rows, published_subject
from mmc_tf.evaluation.wording import percent, radius

HEADING = "comparison with released checkpoints"
# By how much the clean accuracy may be below the published one before something else than chance must be the matter.
_SUSPICIOUS = 0.05


@dataclass(frozen=True)
class Comparison:
    """Published numbers beside measured ones.

    Attributes:
        caption: whose row it is, and of how many images ours are.
        rows: (what was measured, published, here), in percent or a mean distance; none of a network in no table.
        remark: what the clean accuracy makes doubtful, or nothing.
    """

    caption: str
    rows: tuple[tuple[str, str, str], ...] = ()
    remark: str = ""

    HEADER: ClassVar[tuple[str, str, str]] = ("%", "published", "here")


def compare(results: Mapping[str, Any]) -> Comparison | None:
    """The paper's row for a released network, number by number, beside what was measured here.

    Args:
        results: `results.json`.

    Returns:
        The comparison, or None for a network that is no released one.
    """
    model = results["model"]
    if not model.get("released"):
        return None
    subject = published_subject(results)
    rows = choose_rows(published_rows(**subject), results["attacks"])
    words = f"{model['loss']}, {subject['network'] or model['model']}, {subject['dataset']}, {subject['training']}"
    if not rows:
        return Comparison(f"no published table has this network ({words} training)")
    return Comparison(
        f"{rows[0].source}, {words} training; here on the first {results['examples']} test images",
        tuple(_cells(results, rows)),
        _doubt(results, rows[0].clean_accuracy),
    )


def format_comparison(results: Mapping[str, Any]) -> str:
    """`compare` as a terminal shows it; empty where there is nothing to compare."""
    found = compare(results)
    if found is None:
        return ""
    lines = [f"{HEADING}: {found.caption}"]
    lines += _table([found.HEADER, *found.rows]) if found.rows else []
    lines += [found.remark] if found.remark else []
    return "\n".join(lines)


def _doubt(results: Mapping[str, Any], published: float) -> str:
    lower = published - max(results["clean_accuracy"], results["clean_interval"][1])
    if lower <= _SUSPICIOUS:
        return ""
    doubtful = "--dataset" if results["model"]["loss"] == "SCE" else "--mean_var, --centers, --dataset"
    return (
        f"The clean accuracy is {percent(published - results['clean_accuracy'])} points below the published one: it "
        f"is another network, or not what {doubtful} say."
    )


def choose_rows(rows: Sequence[PublishedRow], records: Sequence[Mapping[str, Any]]) -> list[PublishedRow]:
    """The network's whole row of Table 5, or of Table 1 where Table 5 has none; then what else was measured alike."""
    source = next((name for name in (TABLE_5, PAPER) if any(row.source == name for row in rows)), None)
    whole = [row for row in rows if row.source == source]
    settings = {_settings(row) for row in whole}
    others = [
        row
        for row in rows
        if row.source != source
        and _settings(row) not in settings
        and any(row.measures(record) for record in records)
    ]
    return whole + others


def _settings(row: PublishedRow) -> tuple[Any, ...]:
    return row.attack, row.norm, row.epsilon, row.num_steps, row.targeted, tuple(row.parameters.items())


def _cells(results: Mapping[str, Any], rows: Sequence[PublishedRow]) -> list[tuple[str, str, str]]:
    cells = [("clean", percent(rows[0].clean_accuracy), percent(results["clean_accuracy"]))]
    for row in rows:
        measured = next((record for record in results["attacks"] if row.measures(record)), None)
        label = _label(row) + ("" if row.source == rows[0].source else f" ({row.source})")
        cells.append((label, row.text.removesuffix(" %"), _here(row, measured)))
    return cells


def _label(row: PublishedRow) -> str:
    words = (
        row.attack + (f"-{row.num_steps}" if (row.num_steps or 1) > 1 else ""),
        "targeted" if row.targeted else "",
        row.norm or "",
        "" if row.epsilon is None or row.distance is not None else radius(row.epsilon),
    )
    return " ".join(word for word in words if word)


def _here(row: PublishedRow, record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "not run"
    if row.distance is None:
        return percent(record["robust_accuracy"])
    distance = record["distance"]
    return "none found" if distance is None else f"mean l2 {distance['mean_over_all']:.2f}"


def _table(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """Lines whose numbers stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        f"  {label.ljust(widths[0])}  {published.rjust(widths[1])}  {here.rjust(widths[2])}"
        for label, published, here in rows
    ]
