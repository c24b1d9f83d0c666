"""What is done with the original's weight files: `python -m mmc_tf.compat COMMAND …`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mmc_tf.command_line import make_parser, run_command
from mmc_tf.compat.commands import convert, inspect


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status (`command_line.run_command`)."""
    return run_command(make_parser("python -m mmc_tf.compat", __doc__, (inspect, convert)), argv)


if __name__ == "__main__":
    sys.exit(main())
