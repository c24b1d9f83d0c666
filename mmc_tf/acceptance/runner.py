"""Measures the criteria one by one and writes the table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from mmc_tf.acceptance.column_a import COLUMN_A
from mmc_tf.acceptance.column_b import COLUMN_B
from mmc_tf.acceptance.criterion import Criterion, Row, judge
from mmc_tf.acceptance.lab import Lab
from mmc_tf.acceptance.networks import TRAINING_IMAGES
from mmc_tf.acceptance.options import Options
from mmc_tf.acceptance.table import as_record, count_failures, format_table
from mmc_tf.attacks import attacks
from mmc_tf.checks import UserError
from mmc_tf.data import Dataset, load
from mmc_tf.files import write_json, write_text

CRITERIA: dict[str, tuple[Criterion, ...]] = {"A": COLUMN_A, "B": COLUMN_B}


def run_matrix(options: Options) -> int:
    """Prints the table, writes it to the output folder, and gives the number of criteria that do not hold.

    Raises:
        UserError: for an unknown attack, or if all that was asked for is column B and there is no MNIST.
    """
    for name in options.attacks:
        attacks.get(name)
    columns, skipped, data = options.columns, None, None
    if "B" in columns:
        try:
            data = load_mnist(options)
        except UserError as error:
            if columns == ("B",):
                raise
            columns, skipped = ("A",), f"column B skipped, without MNIST: {error}"
    lab = Lab(
        seed=options.seed,
        examples=options.examples,
        data=data,
        network_dir=options.output_dir / "networks",
        network_seed=options.network_seed,
    )
    began = time.monotonic()
    rows = measure(select(columns, options.attacks), lab, report=_show_progress)
    table = format_table(rows)
    failures = count_failures(rows)
    title = f"Acceptance matrix, seed {options.seed}, networks' seed {options.network_seed}"
    summary = f"{len(rows)} criteria, {failures} failed, {time.monotonic() - began:.0f} s"
    text = "\n\n".join([title, table, *([skipped] if skipped else []), summary])
    print(text)
    write_text(options.output_dir / "table.md", text + "\n")
    about = {"seed": options.seed, "network_seed": options.network_seed, "skipped": skipped}
    write_json(options.output_dir / "table.json", as_record(rows, **about))
    return failures


def select(columns: Sequence[str], names: Sequence[str] = ()) -> list[tuple[str, Criterion]]:
    """The criteria of these columns and attacks (none: all), with their column."""
    return [
        (column, criterion)
        for column in columns
        for criterion in CRITERIA[column]
        if not names or criterion.attack in names
    ]


def measure(
    criteria: Sequence[tuple[str, Criterion]], lab: Lab, *, report: Callable[[str], None] = lambda line: None
) -> list[Row]:
    """Judges the criteria in order; `report` gets a line after each."""
    rows = []
    for number, (column, criterion) in enumerate(criteria, start=1):
        rows.append(judge(criterion, lab, column=column))
        verdict = "pass" if rows[-1].passed else "FAIL"
        report(
            f"[{number}/{len(criteria)}] {column} {criterion.attack} {criterion.norm}, {criterion.where}: {verdict}"
        )
    return rows


def load_mnist(options: Options) -> Dataset:
    """The part of MNIST that the networks are trained and attacked on.

    Raises:
        UserError: if its files are not found.
    """
    return load(
        "mnist", data_dir=options.data_dir, train_size=TRAINING_IMAGES, test_size=options.examples or 200
    )


def _show_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
