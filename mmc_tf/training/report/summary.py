"""The tables of a training report: what came of each run, and how their settings differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmc_tf.training.report.curves import time_unit
from mmc_tf.training.report.history import History

HEADER = (
    "run",
    "model",
    "loss",
    "epochs",
    "steps",
    "time",
    "images/s",
    "final loss",
    "training accuracy %",
    "adversarial training accuracy %",
    "validation accuracy %",
    "test accuracy %",
    "state",
)
_TEXT = frozenset({"run", "model", "loss", "state"})
NUMBERS = tuple(number for number, name in enumerate(HEADER) if name not in _TEXT)
# What says where a run is and how it was called, not what was trained.
_NOT_SETTINGS = frozenset(
    {"run_name", "runs_dir", "data_dir", "resume", "overwrite", "dry_run", "verbose", "tensorboard"}
)


def make_rows(histories: Sequence[History]) -> list[tuple[str, ...]]:
    """One row a run, as `HEADER` names its cells; what a run does not have is empty."""
    return [_row(history) for history in histories]


def _row(history: History) -> tuple[str, ...]:
    columns, config = history.columns, history.config
    unit, length = time_unit(columns["seconds"][-1])
    speeds = history.column("images_per_second")
    trained = _percent(columns["accuracy"][-1])
    return (
        history.name,
        str(history.flags.get("model") or ""),
        str(history.flags.get("loss") or ""),
        f"{columns['epoch'][-1]:.0f}",
        f"{columns['step'][-1]:,.0f}",
        f"{columns['seconds'][-1] / length:.3g} {unit}",
        "" if speeds is None else f"{np.nanmedian(speeds):,.0f}",
        f"{columns['loss'][-1]:.4g}",
        "" if history.attack else trained,
        trained if history.attack else "",
        _validation(history),
        _test(history),
        "finished" if config.get("finished") else "not finished",
    )


def _validation(history: History) -> str:
    values = history.column("monitored_accuracy")
    return "" if values is None or history.monitored == "test" else _percent(values[-1])


def _test(history: History) -> str:
    """Of the finished network; while a run goes on, the last that was logged."""
    if history.config.get("clean_accuracy") is not None:
        return _percent(history.config["clean_accuracy"])
    values = history.column("monitored_accuracy")
    return "" if values is None or history.monitored != "test" else _percent(values[-1])


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def differences(histories: Sequence[History]) -> list[tuple[str, ...]]:
    """The flags in which runs differ, one row each: its name, then each run's value; a dash where it has none."""
    names = dict.fromkeys(flag for history in histories for flag in history.flags)
    rows = [
        (flag, *(_shown(history, flag) for history in histories))
        for flag in names
        if flag not in _NOT_SETTINGS
    ]
    return [row for row in rows if len(set(row[1:])) > 1]


def _shown(history: History, flag: str) -> str:
    if flag not in history.flags:
        return "–"
    value: Any = history.flags[flag]
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
