"""The squared, absolute and Huber forms of the MMC loss, on CIFAR-10.

paper     Pang et al., ICLR 2020, Appendix B.2, which argues for the squared form without an experiment
command   python -m mmc_tf.experiments run mmc-appendix-b2 --budget=short --data_dir=DIR
cost      short: two networks beside the one of mmc-table-1, 20 minutes on one core; paper: six networks, three of
          them adversarial
published no numbers: the squared form is to converge faster, and to work better with adversarial training
measured  not yet on short; smoke shows that it runs
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.evaluation.published import AT_UNTARGETED, STANDARD
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.networks import Method
from mmc_tf.experiments.mmc.white_box import evaluate_pgd
from mmc_tf.experiments.outcome import Cell, Outcome, Table, accuracy_cell, clean_cell, find
from mmc_tf.report.colours import LINES, series_style
from mmc_tf.report.drawing import add_legend, drawing_style, new_figure
from mmc_tf.report.picture import Picture
from mmc_tf.training import log, runs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMS = ("squared", "absolute", "huber")
TITLES = {"squared": "squared, r²", "absolute": "absolute, r", "huber": "Huber, δ = 1"}
# Test errors whose first epoch is looked for, in percent.
ERRORS = (70, 60, 50, 40, 30, 20, 10)


@experiment("mmc-appendix-b2", source="MMC paper, Appendix B.2", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """Accuracy, and how fast the test error falls; with adversarial training on the paper budget alone."""
    trainings = (STANDARD, AT_UNTARGETED) if lab.budget.name == "paper" else (STANDARD,)
    made = [
        (_title(form, training), _train(lab, form, training))
        for training in trainings
        for form in lab.budget.rows(FORMS)
    ]
    curves = [(title, error_curve(folder)) for title, folder in made]
    accuracy = Table(
        name="accuracy",
        caption="Accuracy (%) on CIFAR-10, clean and under PGD at 8/255 with steps of 2/255; the last two columns "
        "climb the margin of the logits instead of the paper's objective",
        header=("Form", "Clean", "PGD-10 tar", "PGD-10 un", "PGD-50 un", "margin-10 un", "margin-50 un"),
        rows=tuple((title, _accuracies(lab, folder)) for title, folder in made),
    )
    convergence = Table(
        name="convergence",
        caption="Test error (%) after the last epoch, and the first epoch with a test error of at most so much",
        header=("Form", "Last", *(f"{error} %" for error in ERRORS)),
        rows=tuple((title, _convergence(curve)) for title, curve in curves),
    )
    picture = Picture(
        "convergence",
        "",
        "Test error after each epoch, by the form of the loss in the distance r of the features to their center.",
        draw_curves(curves),
    )
    notes = [
        "The three forms have the same learning rate; their gradients in the features are 2r, 1 and min(2r, 2δ) long, "
        "so that a form's speed is also that of its step.",
    ]
    if lab.budget.name == "short":
        notes.append("Adversarial training with each form is left out.")
    arrays = {f"curve-{number}": curve for number, (_, curve) in enumerate(curves)}
    return Outcome(
        tables=(accuracy, convergence),
        pictures=(picture,),
        notes=(*_findings(accuracy, curves), *notes),
        arrays=arrays,
    )


def _title(form: str, training: str) -> str:
    return TITLES[form] + (", AT-10 un" if training == AT_UNTARGETED else "")


def _train(lab: Lab, form: str, training: str) -> pathlib.Path:
    # The squared form is the default, and so is the network of mmc-table-1.
    flags = {} if form == "squared" else {"mmc_form": form}
    return lab.train(Method(form, "MMC", training).network("cifar10", **flags))


def error_curve(folder: pathlib.Path) -> np.ndarray:
    """(epoch, test error in percent) of a run after each epoch, float64 (E, 2)."""
    rows = log.read(runs.RunFolder(folder).log_file)
    return np.array([[float(row["epoch"]), 100 * float(row["monitored_error"])] for row in rows])


def first_epoch(curve: np.ndarray, error: float) -> float | None:
    """The first epoch with at most that error in percent; None if there is none.

    Example:
        >>> first_epoch(np.array([[1, 60.0], [2, 45.0], [3, 48.0]]), 50)
        2.0
    """
    reached = curve[curve[:, 1] <= error]
    return float(reached[0, 0]) if len(reached) else None


def _convergence(curve: np.ndarray) -> tuple[Cell, ...]:
    epochs = tuple(Cell(measured=first_epoch(curve, error), digits=0) for error in ERRORS)
    return (Cell(measured=float(curve[-1, 1])), *epochs)


def _accuracies(lab: Lab, folder: pathlib.Path) -> tuple[Cell, ...]:
    found = evaluate_pgd(lab, folder, dataset="cifar10")
    margin = lab.evaluate(
        folder,
        "pgd",
        dataset="cifar10",
        epsilon="8/255",
        num_steps=(10, 50),
        step_size="2/255",
        objective="margin",
    )
    wanted = (
        (found[True], 10),
        (found[False], 10),
        (found[False], 50),
        (margin, 10),
        (margin, 50),
    )
    cells = [
        accuracy_cell(find(results["attacks"], epsilon=8 / 255, num_steps=lab.budget.steps(num_steps)))
        for results, num_steps in wanted
    ]
    return (clean_cell(found[False]), *cells)


def _findings(accuracy: Table, curves: Sequence[tuple[str, np.ndarray]]) -> list[str]:
    """Which form is best at what, by the numbers."""
    notes = []
    for place in (0, len(accuracy.header) - 2):
        best = max(accuracy.rows, key=lambda row: row[1][place].measured)
        notes.append(f"{accuracy.header[place + 1]}: best is {best[0]} with {best[1][place].measured:.1f} %.")
    first = min(curves, key=lambda each: each[1][0, 1])
    notes.append(f"Lowest test error after the first epoch: {first[0]} with {first[1][0, 1]:.1f} %.")
    return notes


def draw_curves(curves: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """Test error against epochs, a line a form."""
    with drawing_style():
        figure = new_figure()
        axes = figure.subplots()
        for number, (title, curve) in enumerate(curves):
            every = max(1, len(curve) // 10)
            axes.plot(
                *curve.T,
                label=title,
                linestyle=LINES[number % len(LINES)],
                markevery=every,
                **series_style(number),
            )
        axes.set_xlabel("epoch")
        axes.set_ylabel("test error (%)")
        axes.set_ylim(bottom=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        add_legend(figure, axes)
    return figure
