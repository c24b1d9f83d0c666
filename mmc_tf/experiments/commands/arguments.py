"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import pathlib

# The registry of budgets owns these; it is imported only when there is something to run.
BUDGETS = ("smoke", "short", "paper")


def define_lab(parser: argparse.ArgumentParser) -> None:
    """Enters the arguments that say in which lab."""
    parser.add_argument(
        "--budget",
        choices=BUDGETS,
        default="short",
        help="smoke: tiny, to see that it runs; short: about an hour on two cores (default); paper: the full setting",
    )
    parser.add_argument(
        "--work_dir",
        type=pathlib.Path,
        default=pathlib.Path("experiments"),
        help="folder of networks, evaluations and results (default: experiments)",
    )
