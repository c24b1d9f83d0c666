"""What an evaluation says while it works: a bar, or nothing."""

from __future__ import annotations


class NoProgress:
    """Says nothing; the grammar of all of them, so that no caller asks whether there is one."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """A stage begins: `total` examples, of which `done` are on disk from an earlier run."""

    def advance(self, count: int) -> None:
        """`count` more examples are done."""

    def finish(self) -> None:
        """The stage is over."""


class ProgressBar(NoProgress):
    """One tqdm bar per stage, on standard error; silent where that is not a terminal."""

    def __init__(self):
        self._bar = None

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Opens the stage's bar."""
        from tqdm import tqdm

        self._bar = tqdm(
            total=total, initial=done, desc=label, unit="image", dynamic_ncols=True, disable=None
        )

    def advance(self, count: int) -> None:
        """Moves the bar."""
        self._bar.update(count)

    def finish(self) -> None:
        """Closes the bar."""
        self._bar.close()
