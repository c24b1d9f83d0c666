"""Draws the report of a finished evaluation: report.html, figures/*.png, table.md, table.tex.

`eval_attacks.py` and `mma` do so at their end; this draws it anew, also of folders that an older version left.
"""

from __future__ import annotations

import argparse

SUMMARY = "draw report.html of a results folder"


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the folder."""
    parser.add_argument("folder", metavar="DIR", help="a results folder of eval_attacks.py or of mma")


def run(arguments: argparse.Namespace) -> str:
    """Draws it."""
    from mmc_tf.evaluation.mma.report import redraw
    from mmc_tf.evaluation.report.build import write_report

    path = redraw(arguments.folder) or write_report(arguments.folder)
    return f"report in {path}"
