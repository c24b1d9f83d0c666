"""Draws loss, clean and adversarial accuracy, learning rate and speed of runs, finished or not, against steps and
wall-clock time, and margins where they were tracked: report.html and figures/*.png.

python -m mmc_tf.training report runs/A runs/B
"""

from __future__ import annotations

import argparse

SUMMARY = "draw loss, accuracy, learning rate and speed of runs into one page"


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the command's arguments."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a run's folder")
    parser.add_argument(
        "--output_dir",
        help="where the report goes (default: the run's folder; of several runs results/training/<names>)",
    )


def run(arguments: argparse.Namespace) -> str:
    """Draws the report, and says where it is."""
    from mmc_tf.training.report.build import write_report

    return f"report in {write_report(arguments.runs, arguments.output_dir)}"
