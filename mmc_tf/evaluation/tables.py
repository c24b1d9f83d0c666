"""Results as tables: for the terminal, and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmc_tf.evaluation.published import find_published
from mmc_tf.evaluation.wording import interval, percent, radius

HEADER = (
    "attack",
    "objective",
    "norm",
    "epsilon",
    "robust %",
    "95 % interval",
    "target reached %",
    "median distance",
    "seconds",
    "published %",
)
_NUMERIC_FROM = 3


def _attack(record: Mapping[str, Any]) -> str:
    steps = f"-{record['num_steps']}" if record["num_steps"] > 1 else ""
    restarts = f" x{record['num_restarts']}" if record["num_restarts"] > 1 else ""
    return record["attack"] + steps + restarts + (" targeted" if record["targeted"] else "")


def published_text(results: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """The published numbers that compare with a record, with their sources: `36.0 (MMC paper, Table 1)`."""
    rows = find_published(
        record,
        dataset=results["dataset"].get("name", ""),
        loss=results["model"].get("loss") or "",
        training=results["model"].get("training"),
    )
    return "; ".join(f"{row.text} ({row.source})" for row in rows)


def make_rows(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table's rows as text: one per attack, then the worst case of each ball.

    A column that no row fills is still there: `drop_empty_columns` leaves it out.
    """
    rows = []
    for record in results["attacks"]:
        reached, distance = record["targeted_success"], record["distance"]
        rows.append(
            (
                _attack(record),
                record["objective"] + ("" if record["adaptive"] else " (non-adaptive)"),
                record["norm"],
                radius(record["epsilon"]),
                percent(record["robust_accuracy"]),
                interval(record["interval"]),
                "" if reached is None else percent(reached["share"]),
                "" if distance is None else f"{distance['median']:.4f}",
                f"{record['seconds']:.1f}",
                published_text(results, record),
            )
        )
    for worst in results["worst_case"]["by_epsilon"]:
        if len(worst["attacks"]) > 1:
            epsilon, robust = radius(worst["epsilon"]), percent(worst["robust_accuracy"])
            rows.append(
                (
                    "all of them",
                    "",
                    worst["norm"],
                    epsilon,
                    robust,
                    interval(worst["interval"]),
                    "",
                    "",
                    "",
                    "",
                )
            )
    return rows


def drop_empty_columns(
    header: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows without the columns that no row fills."""
    kept = [column for column in range(len(header)) if any(row[column] for row in rows)]
    return [header[column] for column in kept], [[row[column] for column in kept] for row in rows]


def _align(cells: Sequence[str], header: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if HEADER.index(name) >= _NUMERIC_FROM else cell.ljust(width)
        for cell, name, width in zip(cells, header, widths, strict=True)
    ]


def format_terminal(results: Mapping[str, Any]) -> str:
    """The whole outcome as a terminal shows it: clean accuracy, the table, the worst case, the warnings."""
    header, rows = drop_empty_columns(HEADER, make_rows(results))
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    lines = [
        f"clean accuracy {percent(results['clean_accuracy'])} % ({interval(results['clean_interval'])}) "
        f"on {results['examples']} test images",
        "",
        "  ".join(_align(header, header, widths)).rstrip(),
        "  ".join("-" * width for width in widths),
        *("  ".join(_align(row, header, widths)).rstrip() for row in rows),
        "",
        format_worst_case(results["worst_case"]["overall"]),
    ]
    warnings = [
        f"warning {warning['code']}: {warning['message']} See {warning['section']}."
        for warning in results["warnings"]
    ]
    return "\n".join([*lines, *([""] if warnings else []), *warnings])


def format_worst_case(worst: Mapping[str, Any]) -> str:
    """One sentence on what survives every attack."""
    return (
        f"{percent(worst['robust_accuracy'])} % ({interval(worst['interval'])}) survive every attack; "
        f"the strongest is {worst['strongest']}"
    )


def format_markdown(results: Mapping[str, Any]) -> str:
    """The table in Markdown, clean accuracy above it."""
    header, rows = drop_empty_columns(HEADER, make_rows(results))
    rule = ["---:" if HEADER.index(name) >= _NUMERIC_FROM else "---" for name in header]
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, rule, *rows)]
    clean = (
        f"Clean accuracy {percent(results['clean_accuracy'])} % "
        f"({interval(results['clean_interval'])}), {results['examples']} test images."
    )
    return "\n".join([clean, "", *lines]) + "\n"
