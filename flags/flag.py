"""One flag: absl's, plus the room it belongs to, the words for its default, and its other names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from absl import flags as absl_flags

from flags.parsers import Boolean, Parser
from mmc_tf.checks import UserError, argument_error, shorten


class Flag(absl_flags.Flag):
    """A flag that raises our three-part error and can describe itself.

    Args:
        parser: reads the text.
        name: the name on the command line.
        default: the value when it is not given; None if it depends on other flags.
        help_text: what it means, with its unit.
        room: the group it is listed under.
        default_text: says what a default of None comes to.
        alias_of: the canonical name, if this is another name of that flag.
    """

    def __init__(
        self,
        parser: Parser,
        name: str,
        default: Any,
        help_text: str,
        *,
        room: str,
        default_text: str | None = None,
        alias_of: str | None = None,
    ):
        self.room, self.alias_of = room, alias_of
        self._default_text = default_text
        super().__init__(parser, None, name, default, help_text, boolean=isinstance(parser, Boolean))

    def parse(self, argument: Any) -> None:
        """Sets the value, once: a second one that differs is refused, where absl would take the last."""
        before, said = self.value, bool(self.present)
        super().parse(argument)
        if said and self.value != before:
            received = " and ".join(
                f"--{self.name}={shorten(self.parser.show(value))}" for value in (before, self.value)
            )
            raise UserError(
                f"Invalid value for argument `{self.name}`. Expected one value. Received: {received}"
            )

    def _parse(self, argument: Any) -> Any:
        try:
            return self.parser.parse(argument)
        except (TypeError, ValueError):
            raise argument_error(self.name, self.parser.expected, argument) from None

    @property
    def default_text(self) -> str:
        """The default as the help and the documentation write it."""
        if self._default_text is not None:
            return self._default_text
        return "none" if self.default is None else self.parser.show(self.default)


Define = Callable[..., None]


def definer(flag_values: absl_flags.FlagValues, room: str) -> Define:
    """A function that enters one flag, with its aliases, into `flag_values` under the heading `room`.

    Example:
        >>> values = absl_flags.FlagValues()
        >>> define = definer(values, "Training")
        >>> define("scale", Parser(), "10", "Norm of the centers.", aliases=("mean_var",))
        >>> sorted(values)
        ['mean_var', 'scale']
    """

    def define(
        name: str,
        parser: Parser,
        default: Any,
        help_text: str,
        *,
        default_text: str | None = None,
        aliases: tuple[str, ...] = (),
    ) -> None:
        flag = Flag(parser, name, default, help_text, room=room, default_text=default_text)
        absl_flags.DEFINE_flag(flag, flag_values, module_name=room)
        for alias in aliases:
            define_alias(flag_values, alias, alias_of=name)

    return define


def define_alias(flag_values: absl_flags.FlagValues, name: str, *, alias_of: str) -> None:
    """Enters another name of a flag. It stays a flag of its own until all values are collected, so that
    two names with two values are noticed instead of the last one winning."""
    flag = flag_values[alias_of]
    alias = Flag(flag.parser, name, None, f"Another name of --{alias_of}.", room=flag.room, alias_of=alias_of)
    absl_flags.DEFINE_flag(alias, flag_values, module_name=flag.room)


def own_flags(flag_values: absl_flags.FlagValues) -> list[Flag]:
    """The canonical flags, in the order of their definition (aliases and absl's own are left out)."""
    flags = (flag_values[name] for name in flag_values)
    return [flag for flag in flags if isinstance(flag, Flag) and flag.alias_of is None]


def aliases_of(flag_values: absl_flags.FlagValues, name: str) -> list[Flag]:
    """The other names of the flag `name`."""
    flags = (flag_values[other] for other in flag_values)
    return [flag for flag in flags if isinstance(flag, Flag) and flag.alias_of == name]
