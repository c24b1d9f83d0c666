"""Test error against wall-clock time, of standard and of adversarial training.

paper     Pang et al., ICLR 2020, Figure 3(a); CIFAR-10, ResNet-32
command   python -m mmc_tf.experiments run mmc-figure-3a --budget=short --data_dir=DIR
cost      short: the networks of mmc-table-1, and two hours for the adversarial ones on half a busy core
published curves without numbers; their ends are Table 1's clean errors: SCE 7.1 %, MMC-10 7.3 %, adversarial 16.3
          and 17.0 %
measured  short: error at the end SCE 40.3, MMC-10 33.8 %, with AT 57.9 and 57.4 %
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.evaluation.published import AT_UNTARGETED, PAPER, ROWS, STANDARD
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.networks import METHODS, Method
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.report.colours import series_style
from mmc_tf.report.drawing import add_legend, drawing_style, new_figure
from mmc_tf.report.picture import Picture
from mmc_tf.training import log
from mmc_tf.training.runs import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDE_RANGE = 8
_FEW_POINTS = 25
_LINES = ("-", "--", ":", "-.")


@experiment("mmc-figure-3a", source="MMC paper, Figure 3(a)", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """The curves of the standard networks of Table 1, and of SCE and MMC trained against targeted PGD-10."""
    wanted = tuple(method for method in METHODS if method.training != AT_UNTARGETED)
    # On smoke the networks that Table 1 has there.
    methods = lab.budget.pick(smoke=lab.budget.rows(METHODS), short=wanted, paper=wanted)
    curves = {method: read_curve(lab.train(method.network("cifar10"))) for method in methods}
    base = curves[methods[0]]["seconds_per_image"]
    table = Table(
        name="time",
        caption="Clean test error (%) after the first epoch and at the end; minutes of training; seconds per 1,000 "
        f"training images in the fastest epoch; the same relative to {methods[0].title}",
        header=("Method", "First epoch", "End", "Minutes", "s per 1,000", "Relative"),
        rows=tuple((method.title, _row(method, curves[method], base)) for method in methods),
    )
    notes = [
        "Times are wall-clock, with whatever else the machine did meanwhile; the first epoch includes compilation.",
        *_compare(curves),
    ]
    caption = (
        "Error on the clean test images after each epoch against the wall-clock time of training, evaluation after "
        "the epochs included."
    )
    titled = {method.title: (curve, method.training != STANDARD) for method, curve in curves.items()}
    picture = Picture("figure-3a", "", caption, draw(titled))
    arrays = {
        f"{method.title}_{name}": values
        for method, curve in curves.items()
        for name, values in curve.items()
        if name in ("minutes", "error")
    }
    return Outcome(tables=(table,), pictures=(picture,), notes=tuple(notes), arrays=arrays)


def read_curve(run: pathlib.Path) -> dict[str, np.ndarray | float]:
    """What a run's log says: `minutes` and `error` (E,), in percent, and `seconds_per_image` in the fastest epoch."""
    rows = log.read(RunFolder(run).log_file)

    def column(name: str) -> np.ndarray:
        return np.array([float(row[name]) for row in rows])

    return {
        "minutes": column("seconds") / 60,
        "error": 100 * column("monitored_error"),
        "seconds_per_image": float(1 / column("images_per_second").max()),
    }


def _row(method: Method, curve: Mapping, base: float) -> tuple[Cell, ...]:
    published = next(
        100 - 100 * row.clean_accuracy
        for row in ROWS
        if (row.source, row.loss, row.training) == (PAPER, method.loss, method.training)
    )
    return (
        Cell(measured=float(curve["error"][0])),
        Cell(measured=float(curve["error"][-1]), published=published),
        Cell(measured=float(curve["minutes"][-1])),
        Cell(measured=1000 * curve["seconds_per_image"], digits=2),
        Cell(measured=curve["seconds_per_image"] / base, digits=2),
    )


def _compare(curves: Mapping[Method, Mapping]) -> list[str]:
    """Of SCE and MMC with the same training: which error falls faster."""
    notes = []
    for training, words in ((STANDARD, "standard training"), ("at_tar", "adversarial training")):
        pair = {method.loss: curve for method, curve in curves.items() if method.training == training}
        if {"SCE", "MMC"} <= set(pair):
            for place, when in ((0, "the first epoch"), (-1, "the last epoch")):
                errors = {loss: pair[loss]["error"][place] for loss in ("SCE", "MMC")}
                ahead = "lower with " + min(errors, key=errors.__getitem__)
                if abs(errors["SCE"] - errors["MMC"]) < 1:
                    ahead = "the same to a point"
                notes.append(
                    f"In {words} the error after {when} is {ahead} "
                    f"(SCE {errors['SCE']:.1f} %, MMC {errors['MMC']:.1f} %); the paper has MMC converge faster."
                )
    return notes


def draw(curves: Mapping[str, tuple[Mapping, bool]]) -> Figure:
    """Error against time, by title with whether training was adversarial, which makes the line thinner."""
    with drawing_style():
        figure = new_figure(5.2, 3.5)
        axes = figure.subplots()
        for number, (title, (curve, is_adversarial)) in enumerate(curves.items()):
            style = series_style(number)
            if len(curve["error"]) > _FEW_POINTS:
                style["marker"] = ""
            axes.plot(
                curve["minutes"],
                curve["error"],
                label=title,
                linestyle=_LINES[number % len(_LINES)],
                linewidth=1.0 if is_adversarial else 1.6,
                **style,
            )
        axes.set_xlabel("wall-clock time (minutes)")
        axes.set_ylabel("clean test error (%)")
        minutes = np.concatenate([curve["minutes"] for curve, _ in curves.values()])
        if minutes.max() > _WIDE_RANGE * minutes.min():
            axes.set_xscale("log")
            axes.tick_params(axis="x", which="both", length=3.5, pad=3.5)  # the numbers on one line
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "235" else "")
        axes.set_ylim(bottom=0)
        add_legend(figure, axes)
    return figure
