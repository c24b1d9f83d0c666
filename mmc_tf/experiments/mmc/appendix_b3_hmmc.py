"""Hierarchical centers with different norms of the two levels, C1 and C2.

paper     Pang et al., ICLR 2020, Appendix B.3, whose experiments are left as future work; C1 in 5 to 20 and C2 in
          0.1 to 2 on CIFAR-100
command   python -m mmc_tf.experiments run mmc-appendix-b3-hmmc --budget=short --data_dir=DIR
cost      short: six networks on CIFAR-10 beside one of mmc-table-1, 45 minutes on one core; paper: 13 networks of 200
          epochs on CIFAR-100
published no numbers: hierarchical centers are to suit classes that are related, with C2 far below C1
measured  not yet on short; smoke shows that it runs
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc_tf.data.classes import CIFAR10
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab, Network
from mmc_tf.experiments.outcome import Cell, Outcome, Table, accuracy_cell, clean_cell, find
from mmc_tf.files import read_arrays

FIRST, SECOND = (5.0, 10.0, 20.0), (0.1, 0.5, 1.0, 2.0)
GRID = tuple((first, second) for first in FIRST for second in SECOND)
# As short as it goes: each norm varied with the other at the library's default.
CROSS = tuple(pair for pair in GRID if 10.0 in pair[:1] or 1.0 in pair[1:])
# The two kinds of CIFAR-10's classes, which its files do not name.
VEHICLES = ("airplane", "automobile", "ship", "truck")
TREE = {
    "animals": [label for label, name in enumerate(CIFAR10) if name not in VEHICLES],
    "vehicles": [label for label, name in enumerate(CIFAR10) if name in VEHICLES],
}
HEADER = ("Centers", "Clean", "Clean, kind", "PGD-10", "margin-50", "margin-50, kind")


@experiment("mmc-appendix-b3-hmmc", source="MMC paper, Appendix B.3", datasets=())
def run(lab: Lab) -> Outcome:
    """The table: accuracy in classes, and in their kinds, the superclasses."""
    # No data set is asked for beforehand: which one it is depends on the budget and on what is there.
    is_paper = lab.budget.name == "paper" or lab.has("cifar100")
    dataset = "cifar100" if is_paper else "cifar10"
    pairs = lab.budget.pick(smoke=GRID[-1:], short=CROSS, paper=GRID)
    kinds = _kinds(lab, dataset)
    rows = [_row(lab, dataset, None, kinds)]
    rows += [_row(lab, dataset, pair, kinds) for pair in pairs]
    table = Table(
        name="norms",
        caption=f"Accuracy (%) on {lab.plan(dataset).dataset}, clean and under untargeted PGD at 8/255, adaptive "
        "with 10 steps and climbing the margin with 50; in classes, and in their kinds, where the attack was on the "
        "class",
        header=HEADER,
        rows=tuple(rows),
    )
    return Outcome(tables=(table,), notes=tuple(_findings(lab, dataset, table)))


def _kinds(lab: Lab, dataset: str) -> np.ndarray:
    """The superclass (L,) of each class."""
    data = lab.dataset(dataset)
    if data.superclasses is not None:
        return np.asarray(data.superclasses)
    return kinds_of(TREE.values())


def kinds_of(groups: Any) -> np.ndarray:
    """The number of its group (L,) for each class of a tree of two levels.

    Example:
        >>> kinds_of([[0, 2], [1, 3]]).tolist()
        [0, 1, 0, 1]
    """
    numbered = [(label, number) for number, group in enumerate(groups) for label in group]
    return np.array([number for _, number in sorted(numbered)])


def _row(
    lab: Lab, dataset: str, pair: tuple[float, float] | None, kinds: np.ndarray
) -> tuple[str, tuple[Cell, ...]]:
    folder = lab.train(hierarchical_network(lab, dataset, pair))
    attack = {"dataset": dataset, "epsilon": "8/255", "step_size": "2/255"}
    found = lab.evaluate(folder, "pgd", num_steps=10, **attack)
    margin = {"num_steps": 50, "objective": "margin", **attack}
    strong = lab.evaluate(folder, "pgd", **margin)
    arrays = read_arrays(lab.evaluation_folder(folder, "pgd", **margin) / "examples.npz")
    labels, clean, attacked = arrays["label"], arrays["clean_prediction"], arrays["prediction"][0]
    cells = (
        clean_cell(found),
        Cell(measured=kind_accuracy(labels, clean, kinds)),
        accuracy_cell(find(found["attacks"], attack="pgd")),
        accuracy_cell(strong["attacks"][0]),
        Cell(measured=kind_accuracy(labels, attacked, kinds)),
    )
    return "MMC, C = 10" if pair is None else f"C1 = {pair[0]:g}, C2 = {pair[1]:g}", cells


def kind_accuracy(labels: np.ndarray, predictions: np.ndarray, kinds: np.ndarray) -> float:
    """Share in percent of predictions (N,) that are of the label's kind.

    Example:
        >>> kind_accuracy(np.array([0, 1, 2, 3]), np.array([2, 1, 1, 3]), np.array([0, 1, 0, 1]))
        75.0
    """
    return float(100 * np.mean(kinds[labels] == kinds[predictions]))


def hierarchical_network(lab: Lab, dataset: str, pair: tuple[float, float] | None) -> Network:
    """The network of two norms, C1 and C2; MMC's with its own centers for None."""
    if pair is None:
        return Network(dataset=dataset, loss="MMC", model="resnet32")
    flags: dict[str, Any] = {"scale": pair[0], "sub_scale": pair[1]}
    if dataset == "cifar10":
        flags["hierarchy"] = lab.tree("cifar10", TREE)
    return Network(dataset=dataset, loss="HMMC", model="resnet32", flags=tuple(flags.items()))


def _findings(lab: Lab, dataset: str, table: Table) -> list[str]:
    notes = []
    for place in (0, 3, 4):
        best = max(table.rows, key=lambda row: row[1][place].measured)
        notes.append(f"{table.header[place + 1]}: best is {best[0]} with {best[1][place].measured:.1f} %.")
    if lab.budget.name == "short":
        notes.append("Each norm is varied with the other fixed, not the whole grid.")
    if dataset == "cifar10":
        notes.append("CIFAR-100 is not there: the tree is that of CIFAR-10's animals and vehicles.")
    return notes
