"""Accuracy under transferred attacks, every network attacked with images crafted on every network, on CIFAR-10.

paper     Pang et al., ICLR 2020, Figure 4; ResNet-32, PGD-10 and MIM-10, untargeted
command   python -m mmc_tf.experiments run mmc-figure-4 --budget=short --data_dir=DIR
cost      short: about 20 minutes on one core beside the networks of mmc-table-1, with 200 images; paper: 7 x 7 pairs
          of networks
published a picture without numbers; MMC-10 is attacked with least success
measured  not yet on short; smoke shows that it runs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc_tf.evaluation.published import AT_TARGETED, RADII, STANDARD
from mmc_tf.evaluation.wording import radius
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.networks import METHODS
from mmc_tf.experiments.outcome import Cell, Outcome, Table, accuracy_cell, clean_cell
from mmc_tf.report.drawing import drawing_style, new_figure
from mmc_tf.report.picture import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# How the images are crafted, and at which radius.
PANELS = tuple((method, epsilon) for epsilon in RADII for method in ("pgd", "mim"))
# Mid-blue, legible under dark text, and lighter or darker when printed grey.
_COLOUR, _DEEPEST = (0.23, 0.53, 0.78), 0.75


@experiment("mmc-figure-4", source="MMC paper, Figure 4", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """The matrices as tables and as a picture; adversarially trained networks on the paper budget alone."""
    methods = [method for method in METHODS if method.training in (STANDARD, AT_TARGETED)]
    if lab.budget.name != "paper":
        methods = [method for method in lab.budget.rows(METHODS[:5])]
    names = [method.title for method in methods]
    runs = [lab.train(method.network("cifar10")) for method in methods]
    results = [
        lab.evaluate(
            target,
            "transfer",
            dataset="cifar10",
            transfer_from=tuple(runs),
            epsilon=("8/255", "16/255"),
            num_steps=10,
            step_size="2/255",
            **lab.budget.pick(smoke={}, short={"test_size": 200}, paper={}),
        )
        for target in runs
    ]
    sources = [source.name for source in runs]
    matrices = {panel: matrix_of(results, sources, *panel) for panel in PANELS}
    tables = [_table(results, sources, names, *panel) for panel in PANELS]
    picture = Picture(
        "transfer",
        "",
        "Accuracy (%) of the network attacked (column) on images crafted on the substitute (row); darker is more. On "
        "the diagonal the attack is white-box, judged at its last iterate.",
        draw_matrices([(_title(*panel), matrices[panel]) for panel in PANELS], names),
        is_wide=True,
    )
    notes = [_ranking(names, matrix, _title(*panel)) for panel, matrix in matrices.items()]
    if lab.budget.name == "short":
        notes.append("The adversarially trained networks are left out.")
    arrays = {f"{method}-{round(255 * epsilon)}": matrices[method, epsilon] for method, epsilon in PANELS}
    return Outcome(tables=tuple(tables), pictures=(picture,), notes=tuple(notes), arrays=arrays)


def matrix_of(
    results: Sequence[Mapping[str, Any]], sources: Sequence[str], method: str, epsilon: float
) -> np.ndarray:
    """Robust accuracies in percent (S, T), a row a substitute.

    Args:
        results: `results.json` of each network attacked.
        sources: the substitutes' names.
        method: `pgd` or `mim`.
        epsilon: the radius.
    """
    return np.array(
        [
            [100 * record_of(each, source, method, epsilon)["robust_accuracy"] for each in results]
            for source in sources
        ]
    )


def record_of(results: Mapping[str, Any], source: str, method: str, epsilon: float) -> Mapping[str, Any]:
    """The record of one transferred attack."""
    return next(
        record
        for record in results["attacks"]
        if np.isclose(record["epsilon"], epsilon)
        and (record["parameters"]["source"], record["parameters"]["method"]) == (source, method)
    )


def draw_matrices(panels: Sequence[tuple[str, np.ndarray]], names: Sequence[str]) -> Figure:
    """Two matrices beside each other, all in one scale from 0 to 100 %.

    Args:
        panels: title and accuracies in percent (S, T), a row a substitute.
        names: of the networks.
    """
    rows = -(-len(panels) // 2)
    side = 0.45 * len(names)
    with drawing_style():
        figure = new_figure(2 * side + 2.4, rows * (side + 0.3) + 1.3)
        grid = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
        for axes, (title, matrix) in zip(grid.flat, panels, strict=True):
            _draw_matrix(axes, matrix, names)
            axes.set_title(title)
        for axes in grid[-1]:
            axes.set_xlabel("network attacked")
        for axes in grid[:, 0]:
            axes.set_ylabel("substitute (crafted on)")
    return figure


def _draw_matrix(axes: Axes, matrix: np.ndarray, names: Sequence[str]) -> None:
    image = np.empty((*matrix.shape, 4))
    image[..., :3] = _COLOUR
    image[..., 3] = _DEEPEST * matrix / 100
    axes.imshow(image, interpolation="none")
    axes.grid(False)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    for (row, column), value in np.ndenumerate(matrix):
        axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=8)


def _table(
    results: Sequence[Mapping[str, Any]],
    sources: Sequence[str],
    names: Sequence[str],
    method: str,
    epsilon: float,
) -> Table:
    rows: list[tuple[str, tuple[Cell, ...]]] = [("clean", tuple(clean_cell(each) for each in results))]
    for name, source in zip(names, sources, strict=True):
        records = [record_of(each, source, method, epsilon) for each in results]
        rows.append((f"from {name}", tuple(accuracy_cell(record) for record in records)))
    return Table(
        name=f"{method}-{round(255 * epsilon)}",
        caption=f"Accuracy (%) of each network under {_title(method, epsilon)} crafted on another",
        header=("Images", *names),
        rows=tuple(rows),
    )


def _title(method: str, epsilon: float) -> str:
    return f"{method.upper()}-10 at {radius(epsilon)}"


def _ranking(names: Sequence[str], matrix: np.ndarray, title: str) -> str:
    """Who withstands most of what others craft, and whose images harm others most."""
    others = np.where(np.eye(len(names), dtype=bool), np.nan, matrix)
    targets, substitutes = np.nanmean(others, axis=0), np.nanmean(others, axis=1)
    best, worst = int(np.argmax(targets)), int(np.argmin(substitutes))
    return (
        f"{title}: {names[best]} withstands the others' images best ({targets[best]:.1f} % on average); those of "
        f"{names[worst]} harm the others most ({substitutes[worst]:.1f} % left)."
    )
