"""Prints what an experiment found, from its results, without running anything.

python -m mmc_tf.experiments table mmc-table-1 --budget=short
"""

from __future__ import annotations

import argparse

from mmc_tf.experiments.commands.arguments import define_lab

SUMMARY = "print what an experiment found"


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the command's arguments."""
    parser.add_argument("name", metavar="NAME", help="the experiment")
    define_lab(parser)


def run(arguments: argparse.Namespace) -> str:
    """Its page."""
    from mmc_tf.experiments.runner import show

    return show(arguments.name, budget=arguments.budget, work_dir=arguments.work_dir)
