"""Lists all experiments with their source and cost; those with results are marked.

python -m mmc_tf.experiments list
"""

from __future__ import annotations

import argparse

from mmc_tf.experiments.commands.arguments import define_lab

SUMMARY = "all experiments, and what they cost"


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the command's arguments."""
    define_lab(parser)


def run(arguments: argparse.Namespace) -> str:
    """The list."""
    from mmc_tf.experiments.runner import describe_all

    return describe_all(arguments.work_dir / arguments.budget)
