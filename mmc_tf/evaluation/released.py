"""A released checkpoint beside the paper's numbers for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmc_tf.evaluation.published import PAPER, TABLE_5, PublishedRow, published_rows, published_subject
from mmc_tf.evaluation.wording import percent, radius

HEADING = "comparison with released checkpoints"
# By how much the clean accuracy may be below the published one before something else than chance must be the matter.
_SUSPICIOUS = 0.05


def format_comparison(results: Mapping[str, Any]) -> str:
    """The paper's row for a released network, number by number, beside what was measured here.

    Args:
        results: `results.json`; nothing is said of networks that are no released ones.
    """
    if not results["model"].get("released"):
        return ""
    subject = published_subject(results)
    rows = choose_rows(published_rows(**subject), results["attacks"])
    model = results["model"]
    words = f"{model['loss']}, {subject['network'] or model['model']}, {subject['dataset']}, {subject['training']}"
    if not rows:
        return f"{HEADING}: no published table has this network ({words} training)"
    examples = results["examples"]
    lines = [
        f"{HEADING}: {rows[0].source}, {words} training; here on the first {examples} test images",
        *_table([("%", "published", "here"), *_cells(results, rows)]),
    ]
    lower = rows[0].clean_accuracy - max(results["clean_accuracy"], results["clean_interval"][1])
    if lower > _SUSPICIOUS:
        doubtful = "--dataset" if model["loss"] == "SCE" else "--mean_var, --centers, --dataset"
        lines.append(
            f"The clean accuracy is {percent(rows[0].clean_accuracy - results['clean_accuracy'])} points below the "
            f"published one: it is another network, or not what {doubtful} say."
        )
    return "\n".join(lines)


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
