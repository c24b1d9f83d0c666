"""From a command line to a plain object of settings, and from an exception to one line.

Example:
    sys.exit(run_script(TRAIN_STD.definitions, main, positionals=TRAIN_STD.positionals, summary=__doc__))
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from absl import flags as absl_flags

from flags.flag import Flag, aliases_of, own_flags
from flags.help import format_help
from flags.startup import prepare_environment
from mmc_tf.checks import UserError, shorten
from mmc_tf.program import run_program

Definition = Callable[[absl_flags.FlagValues], None]
_HELP = ("--help", "-help", "-h", "--helpfull", "--helpshort")


class Flags(SimpleNamespace):
    """Every flag's value under its canonical name.

    Attributes:
        given: the names of the flags that the user set.
        command: the command line.
    """

    given: frozenset[str]
    command: str

    def as_dict(self) -> dict[str, Any]:
        """The flags alone, for `config.json`."""
        return {name: value for name, value in vars(self).items() if name not in ("given", "command")}


def define_all(definitions: Iterable[Definition]) -> absl_flags.FlagValues:
    """Fresh flags from the functions that define them."""
    flag_values = absl_flags.FlagValues()
    flag_values.set_gnu_getopt(True)  # flags may follow positionals
    for define in definitions:
        define(flag_values)
    return flag_values


def parse(
    argv: Sequence[str], definitions: Iterable[Definition], *, positionals: Sequence[str] = ()
) -> Flags:
    """Reads a command line.

    Args:
        argv: the script's name and its arguments.
        definitions: functions that define the flags.
        positionals: the flags that leading words without a name stand for, in this order.

    Raises:
        UserError: for an unknown flag, a bad value, a word too many, or one thing said twice in two ways.

    Example:
        >>> from flags import common
        >>> flags = parse(["script", "mnist", "-b=10"], [common.define], positionals=("dataset",))
        >>> flags.dataset, flags.batch_size, sorted(flags.given)
        ('mnist', 10, ['batch_size', 'dataset'])
    """
    flag_values = define_all(definitions)
    try:
        words = flag_values(list(argv))[1:]
    except RecursionError:  # absl looks for a name like it, one sign of it a call
        longest = max((word for word in argv if word.startswith("-")), key=len)
        raise UserError(f"Unknown command line flag '{shorten(longest.lstrip('-'))}'.") from None
    except (absl_flags.Error, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(_with_owner(error)) from None
    for position, word in enumerate(words):
        if position >= len(positionals) or word.lower() in ("true", "false"):
            raise UserError(_unexpected_word(word, positionals))
    named = {
        name: (name.upper(), flag_values[name], word) for name, word in zip(positionals, words, strict=False)
    }
    values, given = {}, set()
    for flag in own_flags(flag_values):
        spellings = (flag, *aliases_of(flag_values, flag.name))
        said = [(f"--{spelling.name}", spelling.value) for spelling in spellings if spelling.present]
        if flag.name in named:
            shown, owner, word = named[flag.name]
            said.insert(0, (shown, owner._parse(word)))
        values[flag.name] = _only_value(flag, said) if said else flag.value
        given |= {flag.name} if said else set()
    return Flags(**values, given=frozenset(given), command=shlex.join(argv))


def run_script(
    definitions: Iterable[Definition],
    main: Callable[[Flags], Any],
    *,
    positionals: Sequence[str] = (),
    argv: Sequence[str] | None = None,
    summary: str | None = None,
) -> int:
    """Parses, calls `main`, prints the text it returns, and turns what the user can mend into one line.

    Args:
        definitions: functions that define the flags.
        main: takes the `Flags`; imports TensorFlow inside, so that help and mistakes are answered at once.
        positionals: as in `parse`.
        argv: the command line; the program's own if None.
        summary: what `--help` says first.

    Returns:
        The exit status, as `mmc_tf.program.run_program` gives it.
    """
    argv = list(sys.argv if argv is None else argv)
    definitions = tuple(definitions)
    prepare_environment()

    def work() -> Any:
        if any(word in _HELP for word in argv[1:]):
            return format_help(define_all(definitions), argv[0], summary=summary, positionals=positionals)
        return main(parse(argv, definitions, positionals=positionals))

    return run_program(work, verbose=bool({"--verbose", "-verbose"} & set(argv[1:])))


def _only_value(flag: Flag, said: list[tuple[str, Any]]) -> Any:
    """The value that all names agree on."""
    first = said[0][1]
    if any(value != first for _, value in said):
        received = " and ".join(f"{name}={shorten(flag.parser.show(value))}" for name, value in said)
        raise UserError(f"Invalid value for argument `{flag.name}`. Expected one value. Received: {received}")
    return first


def _unexpected_word(word: str, positionals: Sequence[str]) -> str:
    names = " ".join(f"[{name.upper()}]" for name in positionals)
    expected = f"{names} and flags" if names else "flags only"
    if word.lower() in ("true", "false"):
        expected += "; a boolean flag takes its value with =, as in --use_BN=False"
    return f"Invalid value for argument `positionals`. Expected {expected}. Received: {shorten(word)}"


def _with_owner(error: Exception) -> str:
    """absl's message, with the script that has an unknown flag if another one does."""
    if not isinstance(error, absl_flags.UnrecognizedFlagError):
        return shorten(str(error))
    from flags.scripts import SCRIPTS

    owners = [script.name for script in SCRIPTS if error.flagname in define_all(script.definitions)]
    said = shorten(str(error))
    return f"{said} It is a flag of {', '.join(owners)}." if owners else said
