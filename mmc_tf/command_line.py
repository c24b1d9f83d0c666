"""`python -m mmc_tf.<something> COMMAND …`: choosing a command, and mistakes in one line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from mmc_tf.checks import argument_error
from mmc_tf.program import run_program


class _Once(argparse.Action):
    """Stores a value, and refuses another one for the same argument."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Called by argparse for each time that the argument is given."""
        seen = vars(namespace).setdefault("_seen", {})
        if self.dest in seen and seen[self.dest] != values:
            received = f"{seen[self.dest]} and {values}"
            raise argument_error(self.dest, "one value", received)
        seen[self.dest] = values
        setattr(namespace, self.dest, values)


class _Parser(argparse.ArgumentParser):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in (None, "store"):
            self.register("action", name, _Once)

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
        The exit status, as `mmc_tf.program.run_program` gives it.
    """
    # TensorFlow and Keras read these at their import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")

    def work() -> str:
        arguments = parser.parse_args(argv)
        return arguments.run(arguments)

    return run_program(work)
