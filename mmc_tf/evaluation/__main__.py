"""What is done with finished evaluations: `python -m mmc_tf.evaluation COMMAND …`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType

from mmc_tf import command_line
from mmc_tf.evaluation.commands import compare, merge, mma, report, segments

# In the order in which --help lists them.
COMMANDS: tuple[ModuleType, ...] = (merge, compare, mma, segments, report)


def make_parser(commands: Sequence[ModuleType] = COMMANDS) -> argparse.ArgumentParser:
    """The parser with one subparser a command."""
    return command_line.make_parser("python -m mmc_tf.evaluation", __doc__, commands)


def main(argv: Sequence[str] | None = None, *, commands: Sequence[ModuleType] = COMMANDS) -> int:
    """Runs one command; the exit status (`command_line.run_command`)."""
    return command_line.run_command(make_parser(commands), argv)


if __name__ == "__main__":
    sys.exit(main())
