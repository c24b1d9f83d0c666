"""Results as tables: for the terminal, and in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmc_tf.evaluation.detection_table import format_detection, format_detection_markdown
from mmc_tf.evaluation.published import find_published, published_subject
from mmc_tf.evaluation.records import is_bounded
from mmc_tf.evaluation.released import format_comparison
from mmc_tf.evaluation.text_tables import LEFT, RIGHT, markdown_lines
from mmc_tf.evaluation.wording import interval, percent, radius, warning_lines

HEADER = (
    "attack",
    "objective",
    "norm",
    "epsilon",
    "robust %",
    "95 % interval",
    "8 bits %",
    "both correct %",
    "target reached %",
    "found %",
    "median distance",
    "mean over all",
    "seconds",
    "published",
)
_NUMERIC_FROM = 3
INDENT = "  "
ALL = "all of them"


def is_numeric(name: str) -> bool:
    """Whether the column of that name is set to the right."""
    return HEADER.index(name) >= _NUMERIC_FROM


def _attack(record: Mapping[str, Any]) -> str:
    words = (
        record["attack"] + (f"-{record['num_steps']}" if record["num_steps"] > 1 else ""),
        f"x{record['num_restarts']}" if record["num_restarts"] > 1 else "",
        *record["details"],
        "targeted" if record["targeted"] else "",
    )
    return " ".join(word for word in words if word)


def published_text(results: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """The published numbers that compare with a record, with their sources: `36.0 % (MMC paper, Table 1)`."""
    sources: dict[str, list[str]] = {}
    for row in find_published(record, **published_subject(results)):
        sources.setdefault(row.text, []).append(row.cited)
    return "; ".join(f"{text} ({' and '.join(_short(each))})" for text, each in sources.items())


def _short(sources: Sequence[str]) -> list[str]:
    """Sources without the words that they share with the first: `MMC paper, Table 1`, `Table 5`."""
    work = sources[0].partition(", ")[0] + ", "
    return [sources[0], *(source.removeprefix(work) for source in sources[1:])]


def _row(**cells: str) -> tuple[str, ...]:
    """Cells by their column's name, `_` for what is no letter; the others are empty."""
    by_name = {name.removeprefix("95 % ").removesuffix(" %").replace(" ", "_"): name for name in HEADER}
    by_name["rounded"] = by_name.pop("8_bits")
    filled = {by_name[key]: text for key, text in cells.items()}
    return tuple(filled.get(name, "") for name in HEADER)


def _accuracy(record: Mapping[str, Any]) -> dict[str, str]:
    """Robust accuracy, with what it is on images of 8 bits where that is another number."""
    cells = {"robust": percent(record["robust_accuracy"]), "interval": interval(record["interval"])}
    rounded = record.get("rounded_robust_accuracy", record["robust_accuracy"])
    return cells | ({} if rounded == record["robust_accuracy"] else {"rounded": percent(rounded)})


def _distances(record: Mapping[str, Any]) -> dict[str, str]:
    """The median of any attack; of attacks for the least distance also how many, and the mean as in Table 2."""
    cells = {}
    if record["distance"] is not None:
        cells["median_distance"] = f"{record['distance']['median']:.4f}"
    if record["radius"] == "least":
        cells["found"] = percent(record["found"] / max(record["attacked"], 1))
        if record["distance"] is not None:
            cells["mean_over_all"] = f"{record['distance']['mean_over_all']:.4f}"
    return cells


def _rows_of(results: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A record's row, and below an ensemble's what was left after each stage."""
    objective = record["objective"] or ""
    cells = {
        "attack": _attack(record),
        "objective": objective + ("" if record["adaptive"] else " (non-adaptive)"),
        "norm": record["norm"] if record["radius"] != "none" else "",
        "epsilon": "" if record["epsilon"] is None else radius(record["epsilon"]),
        "seconds": f"{record['seconds']:.1f}",
        "published": published_text(results, record),
    }
    # At any distance every network can be fooled: 0 % there would look like a finding.
    cells |= (_accuracy(record) if is_bounded(record) else {}) | _distances(record)
    if record["targeted_success"] is not None:
        cells["target_reached"] = percent(record["targeted_success"]["share"])
    if record.get("both_correct"):
        cells["both_correct"] = percent(record["both_correct"]["share"])
    yield _row(**cells)
    for stage in record.get("waterfall", ()):
        label = f"{INDENT}after {stage['label']}"
        yield _row(attack=label, seconds=f"{stage['seconds']:.1f}", **_accuracy(stage))


def make_rows(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table's rows as text: one per attack, those of ensembles with their stages, then the worst case of
    each ball.

    A column that no row fills is still there: `drop_empty_columns` leaves it out.
    """
    rows = [row for record in results["attacks"] for row in _rows_of(results, record)]
    for worst in results["worst_case"]["by_epsilon"]:
        if len(worst["attacks"]) > 1:
            ball = {"norm": worst["norm"], "epsilon": radius(worst["epsilon"])}
            rows.append(_row(attack=ALL, **ball, **_accuracy(worst)))
    return rows


def drop_empty_columns(
    header: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows without the columns that no row fills."""
    kept = [column for column in range(len(header)) if any(row[column] for row in rows)]
    return [header[column] for column in kept], [[row[column] for column in kept] for row in rows]


def _align(cells: Sequence[str], header: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if is_numeric(name) else cell.ljust(width)
        for cell, name, width in zip(cells, header, widths, strict=True)
    ]


def format_terminal(results: Mapping[str, Any]) -> str:
    """The whole outcome as a terminal shows it: clean accuracy, the table, the worst case, the warnings; of a released
    checkpoint also its row in the papers."""
    header, rows = drop_empty_columns(HEADER, make_rows(results))
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    worst = results["worst_case"]["overall"]
    lines = [
        f"clean accuracy {percent(results['clean_accuracy'])} % ({interval(results['clean_interval'])}) "
        f"on {results['examples']} test images",
        "",
        "  ".join(_align(header, header, widths)).rstrip(),
        "  ".join("-" * width for width in widths),
        *("  ".join(_align(row, header, widths)).rstrip() for row in rows),
        *(["", format_worst_case(worst)] if worst else []),
        *(["", detection] if (detection := format_detection(results)) else []),
    ]
    warnings = warning_lines(results["warnings"])
    lines += ["", *warnings] if warnings else []
    comparison = format_comparison(results)
    return "\n".join([*lines, *(["", comparison] if comparison else [])])


def format_worst_case(worst: Mapping[str, Any]) -> str:
    """One sentence on what survives every attack."""
    return (
        f"{percent(worst['robust_accuracy'])} % ({interval(worst['interval'])}) survive every attack; "
        f"the strongest is {worst['strongest']}"
    )


def format_markdown(results: Mapping[str, Any]) -> str:
    """The table in Markdown, clean accuracy above it; below it a released checkpoint's row in the papers."""
    header, rows = drop_empty_columns(HEADER, make_rows(results))
    # Markdown drops spaces at the start of a cell.
    rows = [
        [cell.replace(INDENT, "&emsp;") if cell.startswith(INDENT) else cell for cell in row] for row in rows
    ]
    lines = markdown_lines(header, rows, rule=[RIGHT if is_numeric(name) else LEFT for name in header])
    clean = (
        f"Clean accuracy {percent(results['clean_accuracy'])} % "
        f"({interval(results['clean_interval'])}), {results['examples']} test images."
    )
    comparison = format_comparison(results)
    lines += ["", "```", comparison, "```"] if comparison else []
    detection = format_detection_markdown(results)
    return "\n".join([clean, "", *lines, *(["", detection] if detection else [""])])
