"""What an experiment leaves: `table.md`, `table.tex`, `results.json`, `data.npz`, and its figures as PNG."""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
from collections.abc import Mapping
from typing import Any

from mmc_tf import __version__, files
from mmc_tf.checks import UserError
from mmc_tf.evaluation.latex import format_float
from mmc_tf.evaluation.text_tables import markdown_lines
from mmc_tf.experiments.budgets import Budget
from mmc_tf.experiments.experiment import Experiment
from mmc_tf.experiments.outcome import Outcome, Table, table_from_json, table_to_json
from mmc_tf.report.picture import write_pngs

RESULTS, MARKDOWN, LATEX, DATA = "results.json", "table.md", "table.tex", "data.npz"
SCHEMA_VERSION = 1


def write(
    folder: pathlib.Path, experiment: Experiment, outcome: Outcome, *, budget: Budget, seconds: float
) -> None:
    """Writes everything that was found.

    Args:
        folder: of the experiment; what an earlier run left there is replaced.
        experiment: the experiment.
        outcome: what it found.
        budget: on which.
        seconds: that the commands took.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_pngs(folder, outcome.pictures)
    if outcome.arrays:
        files.write_arrays(folder / DATA, outcome.arrays, compressed=True)
    results = {
        "schema_version": SCHEMA_VERSION,
        "experiment": experiment.name,
        "source": experiment.source,
        "title": experiment.title,
        **experiment.header,
        "budget": budget.name,
        "remark": budget.remark,
        "seconds": round(seconds, 1),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "version": __version__,
        "tables": [table_to_json(table) for table in outcome.tables],
        "pictures": [{"file": f"{each.name}.png", "caption": each.caption} for each in outcome.pictures],
        "notes": list(outcome.notes),
    }
    for name, text in ((MARKDOWN, format_markdown(results)), (LATEX, format_latex(results))):
        files.write_text(folder / name, text)
    files.write_record(folder / RESULTS, results)


def read(folder: pathlib.Path, name: str, budget: str) -> dict[str, Any]:
    """`results.json` of an experiment.

    Raises:
        UserError: if it has not been run, or what it wrote is damaged.
    """
    if not (folder / RESULTS).exists():
        command = f"python -m mmc_tf.experiments run {name} --budget={budget}"
        raise UserError(f"{name} has no results in {folder}. Make them by: {command}")
    return files.read_record(folder / RESULTS, expected="the results of an experiment")


def format_markdown(results: Mapping[str, Any]) -> str:
    """Everything as a page of Markdown: what was run, tables, figures, notes."""
    blocks = [
        f"# {results['title']}",
        f"{results['source']}. `python -m mmc_tf.experiments run {results['experiment']} "
        f"--budget={results['budget']}`; its commands took {results['seconds'] / 60:.1f} minutes on "
        f"{results['machine']}. {results['remark']}",
    ]
    for table in map(table_from_json, results["tables"]):
        blocks.append(f"{table.caption}.{_legend(table)}")
        blocks.append("\n".join(markdown_lines(table.header, table.lines())))
    blocks += [f"![{each['caption']}]({each['file']})\n\n{each['caption']}" for each in results["pictures"]]
    if results["notes"]:
        blocks.append("\n".join(f"- {note}" for note in results["notes"]))
    return "\n\n".join(blocks) + "\n"


def _legend(table: Table) -> str:
    published = any(
        not isinstance(cell, str) and cell.published is not None for _, cells in table.rows for cell in cells
    )
    return " Measured (published)." if published else ""


def format_latex(results: Mapping[str, Any]) -> str:
    """The tables in LaTeX, each a `table` with its caption; needs `\\\\usepackage{booktabs}`."""
    blocks = [f"% {results['source']}, budget {results['budget']}"]
    for table in map(table_from_json, results["tables"]):
        blocks.append(format_float(table.caption + "." + _legend(table), table.header, table.lines()))
    return "\n\n".join(blocks) + "\n"
