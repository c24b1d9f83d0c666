"""The table of all flags in `docs/flags.md`, written from their definitions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from absl import flags as absl_flags

from flags.cli import define_all
from flags.flag import Flag, aliases_of, own_flags
from flags.scripts import EVAL_ATTACKS, TRAIN_AT

PAGE = Path(__file__).resolve().parents[1] / "docs" / "flags.md"
BEGIN, END = "<!-- flags: written by `python -m flags` -->", "<!-- end of flags -->"
# `train_at.py` has every flag of `train_std.py`, and every script the common ones.
TITLES = {
    "All scripts": "All scripts",
    "Network": "Training: network",
    "Loss and centers": "Training: loss and centers",
    "Recipe": "Training: recipe",
    "Training images": "Training: images",
    "Margins": "Training: margins",
    "Run": "Training: run",
    "Adversarial training": "Adversarial training (`train_at.py` alone)",
    "Single methods": "Adversarial training: single methods (`train_at.py` alone)",
    "Switches of the original scripts": "Training: switches of the original scripts",
    "Evaluation": "Evaluation (`eval_attacks.py`)",
    "Released checkpoints": "Evaluation: released checkpoints of the original code",
    "Attack parameters": "Evaluation: parameters of single attacks",
    "Which run, by how it was trained": "Evaluation: which run, by how it was trained",
    "Attacks as the original's scripts name them": "Evaluation: attacks as the original's scripts name them",
}
_EVALUATION = (
    "Evaluation",
    "Released checkpoints",
    "Attack parameters",
    "Which run, by how it was trained",
    "Attacks as the original's scripts name them",
)


def reference() -> str:
    """All tables, one for each room, in Markdown."""
    training = define_all(TRAIN_AT.definitions)
    evaluation = define_all(EVAL_ATTACKS.definitions)
    others = [room for room in TITLES if room not in _EVALUATION]
    return "\n".join([*_tables(training, others), *_tables(evaluation, _EVALUATION)])


def updated(page: str) -> str:
    """`page` with the tables between its two marks replaced.

    Raises:
        ValueError: if a mark is missing.
    """
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def _tables(flag_values: absl_flags.FlagValues, rooms: Sequence[str]) -> list[str]:
    lines = []
    for room, flags in groupby(own_flags(flag_values), key=lambda flag: flag.room):
        if room in rooms:
            lines += [
                f"### {TITLES[room]}",
                "",
                "| flag | also | default | takes | meaning |",
                "|---|---|---|---|---|",
            ]
            lines += [_row(flag, aliases_of(flag_values, flag.name)) for flag in flags] + [""]
    return lines


def _row(flag: Flag, aliases: list[Flag]) -> str:
    others = ", ".join(
        f"`-{alias.name}`" if len(alias.name) <= 3 else f"`--{alias.name}`" for alias in aliases
    )
    cells = [f"`--{flag.name}`", others, flag.default_text, flag.parser.expected, flag.help]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
