"""Draws the report of a finished evaluation: report.html, figures/*.png, table.md, table.tex.

`eval_attacks.py` does so at its end; this draws it anew, also of folders that an older version left.
"""

from __future__ import annotations

import argparse

SUMMARY = "draw report.html of a results folder"


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the folder."""
    parser.add_argument("folder", metavar="DIR", help="a results folder of eval_attacks.py")


def run(arguments: argparse.Namespace) -> str:
    """Draws it."""
    from mmc_tf.evaluation.report.build import write_report

    return f"report in {write_report(arguments.folder)}"
