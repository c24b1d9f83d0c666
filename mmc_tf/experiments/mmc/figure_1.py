"""How features move in a plane during training with SCE and with MMC, beside the contours of the losses.

paper     Pang et al., ICLR 2020, Figure 1 (drawn by hand there); MNIST, networks with two features
command   python -m mmc_tf.experiments run mmc-figure-1 --budget=short --data_dir=DIR
cost      short: half an hour on a third of a busy core, six networks of up to 2,040 steps
published a sketch without numbers: features spread between SCE's straight contours, and gather within MMC's circles
measured  short: neighbours at the end at 8.8 (SCE) and 4.1 % (MMC) of the distance of the classes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from mmc_tf.evaluation.neighbours import class_neighbour_distances, least_class_distance
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.demo_networks import demo_network, scatter_classes
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.experiments.outputs import Outputs, network_outputs
from mmc_tf.report.colours import MUTED
from mmc_tf.report.drawing import drawing_style, new_figure
from mmc_tf.report.picture import Picture
from mmc_tf.training import log
from mmc_tf.training.runs import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSSES = ("SCE", "MMC")
IMAGES = 2000
RANK = 5
# Contours of SCE in nats, and of MMC at distances 1, 2 and 3 from the centers, which are 6.2 apart.
LEVELS = {"SCE": (0.01, 0.1, 0.5), "MMC": (0.5, 2.0, 4.5)}
_GRID = 240


@experiment("mmc-figure-1", source="MMC paper, Figure 1", datasets=("mnist",))
def run(lab: Lab) -> Outcome:
    """The networks at several moments of their training, and how crowded their features are."""
    moments = lab.budget.pick(smoke=(0,), short=(100, 400, 0), paper=(200, 1200, 12_000, 0))
    runs = {loss: [lab.train(demo_network(lab, loss, steps=steps)) for steps in moments] for loss in LOSSES}
    steps = [log.last(RunFolder(each).log_file)["step"] for each in runs[LOSSES[0]]]
    found = {
        loss: [network_outputs(lab, each, dataset="mnist", split="train", size=IMAGES) for each in runs[loss]]
        for loss in LOSSES
    }
    header = ("Loss", *(f"{number:,} steps" for number in steps))
    crowding = Table(
        name="crowding",
        caption=f"Median distance to the {RANK}th-nearest feature of the same class, in % of the least distance "
        f"between the means of two classes; {len(found['SCE'][0].labels):,} training images",
        header=header,
        rows=tuple((loss, tuple(Cell(measured=_crowding(each)) for each in found[loss])) for loss in LOSSES),
    )
    accuracy = Table(
        name="accuracy",
        caption="Accuracy (%) on the same training images",
        header=header,
        rows=tuple((loss, tuple(Cell(measured=_accuracy(each)) for each in found[loss])) for loss in LOSSES),
    )
    caption = (
        "Features of training images, each panel on a scale of its own. Dashed: contours of the loss with the "
        "class that is predicted there as label, for SCE at "
        f"{_listed(LEVELS['SCE'])}, for MMC at {_listed(LEVELS['MMC'])}; crosses: MMC's centers."
    )
    arrays = {
        f"{loss}_{number}_{name}": values
        for loss in LOSSES
        for number, each in zip(steps, found[loss], strict=True)
        for name, values in (("features", each.features), ("labels", each.labels))
    }
    names = lab.dataset("mnist").class_names
    picture = Picture("figure-1", "", caption, draw(found, steps=steps, names=names), is_wide=True)
    return Outcome(tables=(crowding, accuracy), pictures=(picture,), arrays=arrays)


def _listed(levels: tuple[float, ...]) -> str:
    return ", ".join(f"{level:g}" for level in levels)


def _crowding(outputs: Outputs) -> float:
    near = class_neighbour_distances(outputs.features, outputs.labels, rank=RANK)
    apart, _ = least_class_distance(outputs.features, outputs.labels)
    return float(100 * np.nanmedian(near) / apart)


def _accuracy(outputs: Outputs) -> float:
    return float(100 * np.mean(outputs.logits.argmax(axis=1) == outputs.labels))


def loss_of_prediction(points: np.ndarray, outputs: Outputs, loss: str) -> np.ndarray:
    """The loss at points (N, 2) with the class that is predicted there as label: the least over labels.

    SCE: logsumexp(h) − max h. MMC: min_l ½‖z − μ_l‖² (Eq. 8).
    """
    if loss == "SCE":
        logits = points @ outputs.head["kernel"] + outputs.head["bias"]
        return logsumexp(logits, axis=1) - logits.max(axis=1)
    return 0.5 * ((points[:, None] - outputs.head["centers"]) ** 2).sum(axis=-1).min(axis=1)


def draw(found: dict[str, list[Outputs]], *, steps: list[int], names: tuple[str, ...]) -> Figure:
    """A row of panels a loss, a column a moment."""
    with drawing_style():
        figure = new_figure(0.4 + 2.9 * len(steps), 0.3 + 2.9 * len(LOSSES))
        grid = figure.subplots(len(LOSSES), len(steps), squeeze=False)
        for row, loss in zip(grid, LOSSES, strict=True):
            for axes, outputs, number in zip(row, found[loss], steps, strict=True):
                centers = outputs.head.get("centers")
                scatter_classes(axes, outputs.features, outputs.labels, names=names, centers=centers)
                _draw_contours(axes, outputs, loss)
                axes.set_title(f"{loss}, {number:,} steps")
                axes.grid(visible=False)
            row[0].set_ylabel("second feature")
        for axes in grid[-1]:
            axes.set_xlabel("first feature")
    return figure


def _draw_contours(axes: Axes, outputs: Outputs, loss: str) -> None:
    if loss == "MMC":
        axes.scatter(*outputs.head["centers"].T, s=28, marker="x", color="black", linewidths=1.1, zorder=4)
    axes.set_aspect("equal", adjustable="datalim")
    axes.figure.draw_without_rendering()  # the equal aspect widens the limits only now
    x, y = (np.linspace(*limits, _GRID) for limits in (axes.get_xlim(), axes.get_ylim()))
    points = np.stack(np.meshgrid(x, y), axis=-1)
    values = loss_of_prediction(points.reshape(-1, 2), outputs, loss).reshape(_GRID, _GRID)
    levels = [level for level in LEVELS[loss] if values.min() < level < values.max()]
    if levels:  # matplotlib warns of contours that are nowhere in the panel
        axes.contour(x, y, values, levels=levels, colors=MUTED, linewidths=0.8, linestyles="--", zorder=3)
