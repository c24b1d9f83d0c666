"""What is done with runs: `python -m mmc_tf.training report RUN …`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from mmc_tf.checks import UserError, argument_error

USER_ERROR = 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise argument_error("arguments", f"those that `{self.prog} --help` lists", message)


def make_parser() -> argparse.ArgumentParser:
    """The parser with its one command."""
    parser = _Parser(prog="python -m mmc_tf.training", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    report = commands.add_parser(
        "report",
        help="draw loss, accuracy, learning rate and speed of runs into one page",
        description="Draws loss, clean and adversarial accuracy, learning rate and speed of runs, finished or not, "
        "against steps and wall-clock time, and margins where they were tracked: report.html and figures/*.png.",
        allow_abbrev=False,
    )
    report.add_argument("runs", metavar="RUN", nargs="+", help="a run's folder")
    report.add_argument(
        "--output_dir",
        help="where the report goes (default: the run's folder; of several runs results/training/<names>)",
    )
    report.set_defaults(run=_report)
    return parser


def _report(arguments: argparse.Namespace) -> str:
    from mmc_tf.training.report.build import write_report

    return f"report in {write_report(arguments.runs, arguments.output_dir)}"


def main(argv: Sequence[str] | None = None) -> int:
    """0, or 2 for a mistake or a file that cannot be read or written."""
    try:
        arguments = make_parser().parse_args(argv)
        print(arguments.run(arguments), flush=True)
        return 0
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.strerror or error}: {error.filename}", file=sys.stderr)
    return USER_ERROR


if __name__ == "__main__":
    sys.exit(main())
