"""Named things: each is registered once under its name, and an unknown name lists the choices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from mmc_tf.checks import argument_error

Item = TypeVar("Item")


class Registry(Generic[Item]):
    """A table from names to things of one kind.

    Args:
        kind: the argument name that errors speak of, such as `"attack"`.

    Example:
        >>> attacks = Registry("attack")
        >>> @attacks.register("fgsm")
        ... def fgsm(): ...
        >>> attacks.get("fgsm") is fgsm
        True
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._items: dict[str, Item] = {}

    def register(self, name: str) -> Callable[[Item], Item]:
        """A decorator that enters the decorated thing under `name`.

        Raises:
            ValueError: if the name is taken (a programming error, not the user's).
        """

        def enter(item: Item) -> Item:
            if name in self._items:
                raise ValueError(f"{self.kind} {name!r} is registered already, as {self._items[name]!r}")
            self._items[name] = item
            return item

        return enter

    def get(self, name: str) -> Item:
        """The thing under `name`.

        Raises:
            UserError: if there is none, with the names there are.
        """
        if name not in self._items:
            raise argument_error(self.kind, "one of " + ", ".join(self.names()), name)
        return self._items[name]

    def names(self) -> list[str]:
        """All names, in the order of registration."""
        return list(self._items)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __contains__(self, name: str) -> bool:
        return name in self._items
