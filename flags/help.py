"""The help of a script: our flags, by room, with what each takes and what it is when not given."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Sequence
from itertools import groupby

from absl import flags as absl_flags

from flags.flag import Flag, aliases_of, own_flags
from flags.parsers import Boolean


def format_help(
    flag_values: absl_flags.FlagValues,
    program: str,
    *,
    summary: str | None = None,
    positionals: Sequence[str] = (),
    width: int | None = None,
) -> str:
    """The text that `--help` prints.

    Args:
        flag_values: the script's flags.
        program: the script's path.
        summary: what the script does.
        positionals: flags that may be given as words.
        width: columns; the terminal's if None.
    """
    width = min(width or shutil.get_terminal_size().columns, 110)
    words = "".join(f" [{name.upper()}" for name in positionals) + "]" * len(positionals)
    lines = [f"Usage: python {os.path.basename(program)}{words} [flags]", ""]
    if summary:
        lines += [summary.strip(), ""]
    for room, flags in groupby(own_flags(flag_values), key=lambda flag: flag.room):
        lines += [f"{room}:"]
        for flag in flags:
            lines += _entry(flag, [alias.name for alias in aliases_of(flag_values, flag.name)], width)
        lines += [""]
    lines += [
        "Numbers may be fractions (8/255). A table of all flags, the original scripts' too: docs/flags.md"
    ]
    return "\n".join(lines)


def _entry(flag: Flag, aliases: Sequence[str], width: int) -> list[str]:
    dashed = [f"--[no]{flag.name}" if isinstance(flag.parser, Boolean) else f"--{flag.name}"]
    dashed += [f"-{alias}" if len(alias) <= 3 else f"--{alias}" for alias in aliases]
    takes = "" if isinstance(flag.parser, Boolean) else f"{flag.parser.expected}; "
    body = f"{flag.help} ({takes}default: {flag.default_text})"
    indent = " " * 6
    return [
        f"  {', '.join(dashed)}",
        *textwrap.wrap(body, width, initial_indent=indent, subsequent_indent=indent),
    ]
