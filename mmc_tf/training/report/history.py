"""What a run's folder says of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmc_tf.checks import argument_error, format_number
from mmc_tf.training import log
from mmc_tf.training.runs import RunFolder

_OWN_ATTACK = ("ddn", "free", "fast")  # methods that craft by no attack of a list
_NEEDED = ("epoch", "step", "seconds", "loss", "accuracy")


@dataclass(frozen=True)
class History:
    """One run's configuration and log.

    Attributes:
        name: tells it apart from the other runs of a report.
        config: `config.json`.
        columns: of `log.csv`, the numeric ones, each (E,) float64 with NaN where a cell is empty.
        monitored: the split that was evaluated after every epoch.
    """

    name: str
    config: Mapping[str, Any]
    columns: Mapping[str, np.ndarray]
    monitored: str

    @property
    def flags(self) -> Mapping[str, Any]:
        """The flags it was trained with."""
        return self.config.get("flags", {})

    @property
    def attack(self) -> str | None:
        """The attack whose images `loss` and `accuracy` are of, `pgd-10 linf 8/255`; None where they are clean."""
        flags = self.flags
        clean = self.config.get("accuracy_on") == "clean" or flags.get("adv_ratio") == 0
        if clean or not flags.get("attack_method"):
            return None
        steps, epsilon = flags.get("num_steps"), flags.get("epsilon")
        method = flags.get("method", "pgd")
        words = (
            (method if method in _OWN_ATTACK else flags["attack_method"]) + (f"-{steps}" if steps else ""),
            flags.get("norm") or "",
            "" if epsilon is None else _radius(epsilon),
            "targeted" if flags.get("targeted") else "",
        )
        return " ".join(word for word in words if word)

    def column(self, name: str) -> np.ndarray | None:
        """A column of the log, or None where it is not there or empty."""
        values = self.columns.get(name)
        return None if values is None or not np.isfinite(values).any() else values


def _radius(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else format_number(value)


def read_histories(paths: Sequence[str | Path]) -> list[History]:
    """Reads runs, named as their folders; by the whole path where two share a name.

    Raises:
        UserError: for a folder that is no run, a run given twice, and a log that is missing, empty or damaged.
    """
    folders = [Path(path) for path in paths]
    resolved = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, resolved, strict=True):
        if resolved.count(place) > 1:
            raise argument_error("runs", "each run once", folder.as_posix())
    names = [place.name for place in resolved]
    return [
        _read(folder, name if names.count(name) == 1 else folder.as_posix())
        for folder, name in zip(folders, names, strict=True)
    ]


def _read(path: Path, name: str) -> History:
    folder = RunFolder(path)
    config = folder.read_config()
    if not folder.log_file.exists():
        raise argument_error("runs", "a run with a log", f"{path}, without {folder.log_file.name}")
    rows = log.read(folder.log_file)
    if not rows:
        raise argument_error("runs", "a run that has finished an epoch", f"{folder.log_file}, which is empty")
    missing = [column for column in _NEEDED if column not in rows[0]]
    if missing:
        raise argument_error("runs", f"a log with columns {', '.join(missing)}", f"{folder.log_file} without")
    return History(name, config, _numbers(folder.log_file, rows), rows[-1].get("monitored") or "monitored")


def _numbers(path: Path, rows: Sequence[Mapping[str, str | None]]) -> dict[str, np.ndarray]:
    columns = {}
    for column in rows[0]:
        if column in (None, "monitored"):
            continue
        try:
            columns[column] = np.array([float(row[column] or "nan") for row in rows])
        except (ValueError, TypeError):
            raise argument_error("runs", f"numbers in column {column}", str(path)) from None
    for column in _NEEDED[:3]:
        if not np.isfinite(columns[column]).all():
            raise argument_error("runs", f"a number in every row of column {column}", str(path))
    return columns
