"""The command line of the acceptance matrix, checked before the long work."""

from __future__ import annotations

import argparse
import pathlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from mmc_tf.checks import argument_error, check_choice, check_number
from mmc_tf.files import check_writable

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLUMNS = ("A", "B")


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        attacks: names; none: all.
        seed: of beds and attacks.
        examples: images of each bed and network; None: their own numbers.
        columns: `A`, `B` or both.
        network_seed: of the networks.
        data_dir: where MNIST is looked for; None: $MMC_DATA_DIR.
        output_dir: for the table and the networks.
    """

    attacks: tuple[str, ...]
    seed: int
    examples: int | None
    columns: tuple[str, ...]
    network_seed: int
    data_dir: pathlib.Path | None
    output_dir: pathlib.Path


def parse(argv: Sequence[str] | None = None) -> Options:
    """Reads the command line.

    Raises:
        UserError: for what is not an option, or not a value of one.

    Example:
        >>> parse(["--only=A", "--seed=3", "--attacks=cw,ead"]).attacks
        ('cw', 'ead')
    """
    given = _parser().parse_args(argv)
    examples = None if given.examples is None else _integer("examples", given.examples, minimum=8)
    # So few that a person can type them again.
    seed = secrets.randbelow(10**6) if given.seed is None else _integer("seed", given.seed)
    if given.only is not None:
        check_choice("only", given.only, COLUMNS)
    names = tuple(name.strip() for name in (given.attacks or "").split(",") if name.strip())
    output_dir = pathlib.Path(given.output_dir)
    check_writable("output_dir", output_dir)
    return Options(
        attacks=names,
        seed=seed,
        examples=examples,
        columns=COLUMNS if given.only is None else (given.only,),
        network_seed=_integer("network_seed", given.network_seed),
        data_dir=None if given.data_dir is None else pathlib.Path(given.data_dir),
        output_dir=output_dir,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise argument_error("arguments", "the options that --help lists", message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m mmc_tf.acceptance",
        description="Measures every attack against exact answers (column A) and known orders (column B).",
        allow_abbrev=False,
    )
    # Values are checked by the library's own checks, which say what is expected; argparse only names the type.
    parser.add_argument("--attacks", help="names, comma-separated (default: all)")
    parser.add_argument("--only", help="A: linear beds and closed forms; B: networks (default: both)")
    parser.add_argument("--seed", help="of the beds and the attacks' draws (default: drawn, and printed)")
    parser.add_argument(
        "--examples",
        help="images of each bed and network (default: 128 and 200; 64 at most where a distance is sought)",
    )
    parser.add_argument("--network_seed", default="0", help="of the MNIST networks of column B (default: 0)")
    parser.add_argument("--data_dir", help="where MNIST is (default: $MMC_DATA_DIR)")
    parser.add_argument(
        "--output_dir",
        default=str(ROOT / "results" / "acceptance"),
        help="for the table in Markdown and JSON, and the trained networks (default: results/acceptance)",
    )
    return parser


def _integer(name: str, text: str, *, minimum: int = 0) -> int:
    value = int(text) if text.lstrip("-").isdecimal() else text
    return int(check_number(name, value, minimum=minimum, integer=True))
