"""What is done with runs: `python -m mmc_tf.training report RUN …`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mmc_tf.command_line import make_parser, run_command
from mmc_tf.training.commands import report


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status (`command_line.run_command`)."""
    return run_command(make_parser("python -m mmc_tf.training", __doc__, (report,)), argv)


if __name__ == "__main__":
    sys.exit(main())
