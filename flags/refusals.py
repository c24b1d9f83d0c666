"""Errors that all scripts raise for flags that do not go together."""

from __future__ import annotations

from flags.names import ATTACK_NORMS
from mmc_tf.checks import UserError, argument_error, shorten


def contradiction(name: str, *said: str, expected: str = "flags that agree") -> UserError:
    """The error for flags that cannot all be meant."""
    return UserError(
        f"Invalid value for argument `{name}`. Expected {expected}. Received: {' and '.join(map(shorten, said))}"
    )


def check_norm(attack: str, norm: str) -> None:
    """Raises a UserError unless the attack has the norm."""
    known = ATTACK_NORMS[attack]
    if norm not in known:
        raise argument_error("norm", f"one of {', '.join(known)} for the attack {attack}", norm)


def check_default_epsilon(norm: str) -> None:
    """Raises a UserError for norms in which the sources agree on no radius."""
    if norm != "linf":
        raise argument_error("epsilon", f"a number > 0, because norm {norm} has no default", "none")
