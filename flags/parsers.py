"""What a flag's text may be: numbers as fractions, lists, names in any case; each can say what it expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags as absl_flags

from mmc_tf.checks import format_number, parse_number


class Parser(absl_flags.ArgumentParser):
    """Reads one text. `parse` raises ValueError, and the flag says `expected` in its three-part error.

    Attributes:
        expected: what a text must be, as the error and the documentation write it.
    """

    expected = "a text"

    def parse(self, argument: Any) -> Any:
        """The text as it is; an empty one is a mistake."""
        if not str(argument).strip():
            raise ValueError(argument)
        return str(argument)

    def show(self, value: Any) -> str:
        """Writes a value as a user would type it."""
        return str(value)


class Boolean(Parser):
    """`true` or `false`, in any case; `--flag` and `--noflag` also work."""

    expected = "true or false"

    def parse(self, argument: Any) -> bool:
        """Reads the words that absl takes for true and false."""
        return absl_flags.BooleanParser().parse(argument)

    def show(self, value: bool) -> str:
        """Writes it in lower case, as absl's own help does."""
        return str(value).lower()


class Number(Parser):
    """A finite number within bounds (`above`, `below`: exclusive), also written as a fraction: `8/255`."""

    kind = "a number"

    def __init__(
        self,
        *,
        above: float | None = None,
        below: float | None = None,
        minimum: float | None = None,
        maximum: float | None = None,
    ):
        self.bounds = ((">", above), (">=", minimum), ("<", below), ("<=", maximum))
        shown = " and ".join(f"{sign} {bound:g}" for sign, bound in self.bounds if bound is not None)
        self.expected = f"{self.kind} {shown}".strip()

    def read(self, argument: Any) -> float:
        """The value before its bounds are checked."""
        return parse_number("value", argument)

    def parse(self, argument: Any) -> float:
        """Reads the number and checks its bounds."""
        value = self.read(argument)
        (_, above), (_, minimum), (_, below), (_, maximum) = self.bounds
        if (
            (above is not None and value <= above)
            or (minimum is not None and value < minimum)
            or (below is not None and value >= below)
            or (maximum is not None and value > maximum)
        ):
            raise ValueError(argument)
        return value

    def show(self, value: float) -> str:
        """Writes grey levels as fractions, everything else as `%g`."""
        return f"{value:g}" if f"{value:g}" == str(value) else format_number(value)


class Integer(Number):
    """A whole number within bounds."""

    kind = "an integer"

    def read(self, argument: Any) -> int:
        """Refuses `50.0` and `5e1`: a count that is written with a point is more likely a mistake."""
        return int(str(argument))

    def show(self, value: int) -> str:
        """Writes all its digits."""
        return str(value)


class Epoch(Integer):
    """The number of an epoch; `[epoch]`, which the original's README leaves for the reader to fill in, is `last`."""

    def __init__(self):
        super().__init__(minimum=1)
        self.expected += ", or last"

    def parse(self, argument: Any) -> int | str:
        """The number, or `last`."""
        typed = str(argument).strip().lower()
        return "last" if typed in ("last", "[epoch]") else super().parse(argument)


class Even(Integer):
    """An even number within bounds."""

    kind = "an even integer"

    def read(self, argument: Any) -> int:
        """Refuses odd numbers too."""
        value = super().read(argument)
        if value % 2:
            raise ValueError(argument)
        return value


class Name(Parser):
    """A name, in any case or under another name that people know it by.

    Args:
        spellings: from other spellings, in lower case, to the canonical name.
        choices: the canonical names; None if the library that owns them checks them.
        keep_case: leave an unknown name as it was typed instead of lowering its case.
    """

    expected = "a name"

    def __init__(
        self,
        spellings: Mapping[str, str] | None = None,
        *,
        choices: Sequence[str] | None = None,
        keep_case: bool = False,
    ):
        self.choices = None if choices is None else tuple(choices)
        self.spellings = {name.lower(): name for name in self.choices or ()} | dict(spellings or {})
        self.keep_case = keep_case
        if self.choices is not None:
            self.expected = "one of " + ", ".join(self.choices)

    def parse(self, argument: Any) -> str:
        """The canonical name."""
        typed = str(argument).strip()
        known = self.spellings.get(typed.lower())
        if not typed or (known is None and self.choices is not None):
            raise ValueError(argument)
        return known or (typed if self.keep_case else typed.lower())


class Centers(Name):
    """A kind of centers, or a file that holds them."""

    def __init__(self):
        super().__init__(choices=("simplex", "random", "hierarchical", "spread"))
        self.expected += ", or a .mat or .npy file"

    def parse(self, argument: Any) -> str:
        """The kind's name, or the file's path as it is."""
        path = str(argument).strip()
        return path if path.lower().endswith((".mat", ".npy")) else super().parse(path)


class ListOf(Parser):
    """Items separated by commas, each read by one parser: `8/255,16/255`."""

    def __init__(self, item: Parser):
        self.item = item
        self.expected = f"{item.expected}, or several separated by commas"

    def parse(self, argument: Any) -> list[Any]:
        """All items; an empty one between two commas is a mistake."""
        items = argument if isinstance(argument, list | tuple) else str(argument).split(",")
        return [self.item.parse(item) for item in items]

    def show(self, value: Sequence[Any]) -> str:
        """Writes the items with commas between."""
        return ",".join(self.item.show(item) for item in value)
