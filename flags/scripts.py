"""Which flags each script has."""

from __future__ import annotations

from dataclasses import dataclass

from flags import (
    adversarial,
    attack_parameters,
    common,
    evaluation,
    original,
    original_evaluation,
    released,
    training,
)
from flags.cli import Definition


@dataclass(frozen=True)
class Script:
    """A script's name, the functions that define its flags, and the flags it takes as plain words."""

    name: str
    definitions: tuple[Definition, ...]
    positionals: tuple[str, ...] = ()


TRAIN_STD = Script(
    "train_std.py", (common.define, training.define, original.define), positionals=("model", "dataset")
)
TRAIN_AT = Script(
    "train_at.py",
    (common.define, training.define, adversarial.define, original.define),
    positionals=("model", "dataset"),
)
EVAL_ATTACKS = Script(
    "eval_attacks.py",
    (
        common.define,
        evaluation.define,
        released.define,
        attack_parameters.define,
        original_evaluation.define,
    ),
)
SCRIPTS = (TRAIN_STD, TRAIN_AT, EVAL_ATTACKS)
