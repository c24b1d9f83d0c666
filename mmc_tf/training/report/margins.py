"""The margins that runs recorded after each epoch, and what is said of them in numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmc_tf import files
from mmc_tf.checks import argument_error, format_number
from mmc_tf.training.report.history import History
from mmc_tf.training.runs import RunFolder

_FILE = re.compile(r"epoch-(\d+)\.npy")
# Ding et al., Section 4.1, on CIFAR-10 in l2. In linf that would be half of the largest margin they train for there.
_SMALL, _SMALL_CIFAR_LINF = 0.05, 1 / 255
HEADER = ("run", "margins by", "points", "epoch", "average", "{small} %", "misclassified %", "none found %")


@dataclass(frozen=True, eq=False)
class TrackedMargins:
    """The margins of the same training points after each epoch of one run.

    Attributes:
        name: of the run.
        run: number of the run, which decides the colour.
        dataset: its name.
        norm: `linf` or `l2`.
        attack: what measured them.
        epochs: (E,) int, ascending.
        values: (E, N) float32; 0 where misclassified, NaN where no boundary was found.
        limit: how far was searched; None where that is not known or there was no limit.
    """

    name: str
    run: int
    dataset: str
    norm: str
    attack: str
    epochs: np.ndarray
    values: np.ndarray
    limit: float | None = None

    def at(self, epoch: int) -> np.ndarray | None:
        """The margins (N,) after an epoch, or None where none were recorded."""
        rows = self.values[self.epochs == epoch]
        return rows[0] if len(rows) else None

    def averages(self) -> np.ndarray:
        """(E,) means, as the log has them. A margin that was not found counts as the limit, the least it can be.

        Without a limit such points are left out; NaN where none are left.
        """
        if self.limit is not None:
            return np.where(np.isnan(self.values), self.limit, self.values).mean(axis=1, dtype=np.float64)
        found = np.isfinite(self.values)
        totals = np.where(found, self.values, 0).sum(axis=1, dtype=np.float64)
        counts = found.sum(axis=1)
        return np.divide(totals, counts, out=np.full(len(counts), np.nan), where=counts > 0)

    def shares_below(self, threshold: float) -> np.ndarray:
        """(E,) shares of all points with a margin < threshold, misclassified ones among them."""
        return (self.values < threshold).mean(
            axis=1
        )  # NaN is not below: those lie far from what was searched

    def misclassified(self) -> np.ndarray:
        """(E,) shares of all points."""
        return (self.values == 0).mean(axis=1)

    def not_found(self) -> np.ndarray:
        """(E,) shares of all points."""
        return np.isnan(self.values).mean(axis=1)


@dataclass(frozen=True)
class MarginGroup:
    """Runs whose margins compare: of one data set, in one norm.

    Attributes:
        dataset: its name.
        norm: of the margins.
        runs: at least one.
    """

    dataset: str
    norm: str
    runs: tuple[TrackedMargins, ...]

    @property
    def key(self) -> str:
        """For files: letters, digits and hyphens."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.norm}-{self.dataset}".lower()).strip("-")

    @property
    def threshold(self) -> float:
        """Below which a margin is called small."""
        return small_margin(self.dataset, self.norm)

    @property
    def small(self) -> str:
        """What small margins are, in words."""
        return f"margin < {format_number(self.threshold)}"


def small_margin(dataset: str, norm: str) -> float:
    """Which margins are small: below 0.05, as the MMA paper counts them; on CIFAR in linf below one grey level.

    Example:
        >>> small_margin("cifar10", "l2"), small_margin("mnist", "linf")
        (0.05, 0.05)
    """
    return _SMALL_CIFAR_LINF if norm == "linf" and dataset.startswith("cifar") else _SMALL


def read_margins(runs: Sequence[str | Path], histories: Sequence[History]) -> list[MarginGroup]:
    """The margins of the runs that recorded some, by data set and norm; none for runs without.

    Args:
        runs: their folders.
        histories: what their logs say, in the same order.

    Raises:
        UserError: for a file that holds no margins.
    """
    groups: dict[tuple[str, str], list[TrackedMargins]] = {}
    for number, (run, history) in enumerate(zip(runs, histories, strict=True)):
        tracked = _read(RunFolder(Path(run)).margins, history, number)
        if tracked is not None:
            groups.setdefault((tracked.dataset, tracked.norm), []).append(tracked)
    return [MarginGroup(*key, tuple(members)) for key, members in groups.items()]


def _read(folder: Path, history: History, number: int) -> TrackedMargins | None:
    found = {int(match[1]): path for path in folder.glob("*.npy") if (match := _FILE.fullmatch(path.name))}
    if not found:
        return None
    epochs = sorted(found)
    rows = [_read_file(found[epoch]) for epoch in epochs]
    for epoch, row in zip(epochs, rows, strict=True):
        if row.shape != rows[0].shape:
            received = f"{found[epoch]}, with {len(row)}"
            raise argument_error("runs", f"the margins of {len(rows[0])} points in every epoch", received)
    flags = history.flags
    return TrackedMargins(
        history.name,
        number,
        str(history.config.get("dataset", {}).get("name") or flags.get("dataset") or ""),
        str(flags.get("margin_norm") or "linf"),
        str(flags.get("margin_attack") or ""),
        np.array(epochs),
        np.stack(rows),
        history.config.get("margin_limit"),
    )


def _read_file(path: Path) -> np.ndarray:
    expected = "margins >= 0 or NaN, of shape (N,), in every file"
    values = files.read_array(path, expected=expected)
    if values.ndim != 1 or not len(values) or values.dtype.kind != "f" or (values < 0).any():
        raise argument_error("runs", expected, f"{path}, {values.dtype} of shape {values.shape}")
    return values


def choose_epochs(epochs: Sequence[int], most: int) -> list[int]:
    """At most so many epochs, evenly spaced, the first and the last among them.

    Example:
        >>> choose_epochs(range(1, 51), 8)
        [1, 8, 15, 22, 29, 36, 43, 50]
    """
    epochs = sorted(set(epochs))
    places = np.linspace(0, len(epochs) - 1, min(most, len(epochs))).round().astype(int)
    return [int(epochs[place]) for place in places]


def last_rows(group: MarginGroup) -> list[tuple[str, ...]]:
    """One row a run, as `HEADER` names its cells: its margins after the last epoch that was recorded."""
    return [
        (
            run.name,
            f"{run.attack} {run.norm}".strip(),
            str(run.values.shape[1]),
            str(run.epochs[-1]),
            f"{run.averages()[-1]:.4g}",
            *(
                f"{100 * shares[-1]:.1f}"
                for shares in (run.shares_below(group.threshold), run.misclassified(), run.not_found())
            ),
        )
        for run in group.runs
    ]


def describe(groups: Sequence[MarginGroup]) -> list[dict[str, Any]]:
    """What the figures show, in numbers: one entry a run, with lists over its epochs (`margins.json`)."""
    entries = []
    for group in groups:
        for run in group.runs:
            found = [row[np.isfinite(row)] for row in run.values]
            quartiles = [np.quantile(row, [0.25, 0.5, 0.75]).tolist() if len(row) else None for row in found]
            averages = [float(value) if np.isfinite(value) else None for value in run.averages()]
            entries.append(
                {
                    "run": run.name,
                    "dataset": run.dataset,
                    "norm": run.norm,
                    "attack": run.attack,
                    "points": run.values.shape[1],
                    "small_margin": group.threshold,
                    "epochs": run.epochs.tolist(),
                    "average": averages,
                    "quartiles": quartiles,
                    "small": run.shares_below(group.threshold).tolist(),
                    "misclassified": run.misclassified().tolist(),
                    "not_found": run.not_found().tolist(),
                }
            )
    return entries
