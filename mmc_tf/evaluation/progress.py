"""What an evaluation says while it works: warnings, and a bar or none."""

from __future__ import annotations

import warnings


class NoProgress:
    """Draws nothing; the grammar of all of them, so that no caller asks whether there is one."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """A stage begins: `total` examples, of which `done` are on disk from an earlier run."""

    def advance(self, count: int) -> None:
        """`count` more examples are done."""

    def finish(self) -> None:
        """The stage is over."""

    def warn(self, line: str) -> None:
        """Says what must be known before the attacks begin: to a program, as a warning of Python's."""
        warnings.warn(line, stacklevel=3)


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

    def warn(self, line: str) -> None:
        """Prints the line."""
        print(line, flush=True)

    def advance(self, count: int) -> None:
        """Moves the bar."""
        self._bar.update(count)

    def finish(self) -> None:
        """Closes the bar."""
        self._bar.close()
