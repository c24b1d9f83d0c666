"""The papers' tables and figures, published beside measured: `python -m mmc_tf.experiments COMMAND …`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType

from mmc_tf import command_line
from mmc_tf.experiments.commands import list as list_command
from mmc_tf.experiments.commands import run, table

# In the order in which --help lists them.
COMMANDS: tuple[ModuleType, ...] = (list_command, run, table)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status, as `mmc_tf.command_line.run_command` gives it."""
    parser = command_line.make_parser("python -m mmc_tf.experiments", __doc__, COMMANDS)
    return command_line.run_command(parser, argv)


if __name__ == "__main__":
    sys.exit(main())
