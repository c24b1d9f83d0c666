"""Says what network a weight file of the original code belongs to, by the order and the shapes of what is in it.

python -m mmc_tf.compat inspect model.200.h5
"""

from __future__ import annotations

import argparse

from mmc_tf.compat import read_findings

SUMMARY = "say what network a weight file belongs to"


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the file."""
    parser.add_argument("weights", metavar="FILE", help="a weight file of the original code (model.200.h5)")


def run(arguments: argparse.Namespace) -> str:
    """The findings."""
    return read_findings(arguments.weights).describe()
