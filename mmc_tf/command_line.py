"""`python -m mmc_tf.<something> COMMAND …`: choosing a command, and mistakes in one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from mmc_tf.checks import UserError, argument_error

USER_ERROR, INTERRUPTED, PIPE_CLOSED = 2, 130, 141


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise argument_error("arguments", f"those that `{self.prog} --help` lists", message)


def make_parser(
    prog: str, description: str | None, commands: Sequence[ModuleType]
) -> argparse.ArgumentParser:
    """A parser with one subparser a command.

    Args:
        prog: how the program is called.
        description: what `--help` says first.
        commands: modules with `SUMMARY`, `define(parser)` and `run(arguments)`, in the order in which `--help` lists
            them under their own names.
    """
    parser = _Parser(prog=prog, description=description, allow_abbrev=False)
    choices = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in commands:
        name = command.__name__.rpartition(".")[2]
        own = choices.add_parser(
            name,
            help=command.SUMMARY,
            description=command.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.define(own)
        own.set_defaults(run=command.run)
    return parser


def run_command(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Runs the command that `argv` names and prints the text it returns.

    Args:
        parser: of `make_parser`.
        argv: the words after the program's name; the program's own if None.

    Returns:
        The exit status: 0, or 2 for a mistake or a file that cannot be read or written, 130 when interrupted, 141 when
        nobody reads the output any more. Any other exception is a bug and keeps its traceback.
    """
    # TensorFlow and Keras read these at their import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        arguments = parser.parse_args(argv)
        print(arguments.run(arguments), flush=True)
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (UserError, OSError) as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return USER_ERROR


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}"
    return " ".join(str(error).split())
