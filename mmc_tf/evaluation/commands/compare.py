"""Prints two results side by side, with paired differences where both are of the same images.

For clean images and each attack that both ran with the same parameters: both accuracies, their difference in
points with its 95 % interval (Tango's score interval for paired proportions), the p-value of McNemar's exact
test, and how many examples break in A alone and in B alone. Results of different images are compared as
independent (Newcombe's interval).

python -m mmc_tf.evaluation compare results/NAME/A results/OTHER/B --markdown
"""

from __future__ import annotations

import argparse

from mmc_tf.evaluation.comparison import Comparison, Difference, compare
from mmc_tf.evaluation.folders import Finished, read_finished
from mmc_tf.evaluation.text_tables import markdown_lines, terminal_lines
from mmc_tf.evaluation.wording import percent

SUMMARY = "print two results side by side, with paired differences"
_PAIRED = ("", "A %", "B %", "A - B", "95 % interval", "p", "breaks in A only", "in B only", "examples")
_UNPAIRED = ("", "A %", "B %", "A - B", "95 % interval", "examples A", "examples B")


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the command's arguments."""
    parser.add_argument("a", metavar="A", help="a finished results folder")
    parser.add_argument("b", metavar="B", help="another one")
    parser.add_argument("--markdown", action="store_true", help="write the table in Markdown")


def run(arguments: argparse.Namespace) -> str:
    """Compares and returns the table."""
    comparison = compare(read_finished(arguments.a), read_finished(arguments.b))
    return format_comparison(comparison, markdown=arguments.markdown)


def format_comparison(comparison: Comparison, *, markdown: bool = False) -> str:
    """The comparison as text: what A and B are, the table, what is not compared, the notes."""
    paired = comparison.rows[0].p_value is not None
    table = [_PAIRED if paired else _UNPAIRED, *(_cells(row) for row in comparison.rows)]
    apart = [f"not compared: {label} ({which}: {why})" for which, label, why in comparison.alone]
    notes = [f"note: {note}" for note in comparison.notes]
    blocks = [
        [f"A  {_name(comparison.a)}", f"B  {_name(comparison.b)}"],
        (markdown_lines if markdown else terminal_lines)(table[0], table[1:]),
        apart,
        notes,
    ]
    if markdown:  # which would join the lines of a paragraph
        blocks = [["  \n".join(block)] if block is not blocks[1] else block for block in blocks if block]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _name(finished: Finished) -> str:
    model, dataset = finished.results["model"], finished.results["dataset"]
    words = (model.get("name"), model.get("model"), model.get("loss"), dataset.get("name"))
    about = ", ".join(str(word) for word in words if word)
    return finished.path.as_posix() + (f" ({about})" if about else "")


def _cells(row: Difference) -> tuple[str, ...]:
    shared = (
        row.label,
        percent(row.accuracy_a),
        percent(row.accuracy_b),
        _signed(row.difference),
        f"{_signed(row.interval[0])} to {_signed(row.interval[1])}",
    )
    if row.p_value is None:
        return (*shared, str(row.examples_a), str(row.examples_b))
    p_value = "< 0.0001" if row.p_value < 1e-4 else f"{row.p_value:.4f}"
    return (*shared, p_value, str(row.only_a_wrong), str(row.only_b_wrong), str(row.examples_a))


def _signed(share: float) -> str:
    """A difference in points, its sign always there unless it is 0.0."""
    text = f"{100 * share:+.1f}"
    return "0.0" if float(text) == 0 else text
