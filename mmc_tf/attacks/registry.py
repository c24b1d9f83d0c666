"""The attacks by name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from mmc_tf.attacks.base import Attack
from mmc_tf.checks import argument_error
from mmc_tf.registry import Registry

attacks: Registry[type[Attack]] = Registry("attack")

# One command line sets these for a list of attacks; an attack that has no such setting goes without.
SHARED_SETTINGS = (
    "step_size",
    "num_steps",
    "num_restarts",
    "random_start",
    "decay",
)


def get(name: str) -> type[Attack]:
    """The class of an attack.

    Raises:
        UserError: if there is none, with the names there are.
    """
    return attacks.get(name)


def names() -> list[str]:
    """All attacks."""
    return attacks.names()


def make(name: str, *, epsilon: float | None = None, **settings: Any) -> Attack:
    """Builds an attack from plain values.

    Args:
        name: one of `names()`.
        epsilon: radius >= 0 in units of the pixels. Attacks with a fixed radius need one; those for the least
            distance are judged by it; None: any distance counts.
        settings: fields of the attack's class. None stands for the default of its source. Settings that only
            some attacks have (`step_size`, `num_steps`, `num_restarts`, `random_start`, `decay`) are left out
            where the attack has none, so that one set of values serves a list of attacks.

    Returns:
        The attack.

    Raises:
        UserError: for unknown names and values out of range.

    Example:
        >>> make("pgd", epsilon=8 / 255, num_steps=50).settings()["num_steps"]
        50
    """
    attack = get(name)
    known = [field.name for field in fields(attack)]
    for key in settings:
        if key not in known and key not in SHARED_SETTINGS:
            raise argument_error("settings", f"settings of {name}: {', '.join(known)}", key)
    given = {key: value for key, value in settings.items() if key in known and value is not None}
    if attack.radius == "fixed" or (attack.radius == "least" and epsilon is not None):
        given["epsilon"] = epsilon
    return attack(**given)


def describe() -> str:
    """A listing for help texts: each attack's name, norms and one line about it."""
    kinds = [attacks.get(name) for name in names()]
    norms = ["-" if kind.radius == "none" else ", ".join(kind.norms) for kind in kinds]
    rows = [(kind.name, shown, kind.summary) for kind, shown in zip(kinds, norms, strict=True)]
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{name:<{wide[0]}}  {norms:<{wide[1]}}  {summary}" for name, norms, summary in rows)
