"""Elastic centers: EMC with several variances α of the prior, beside MMC.

paper     Pang et al., ICLR 2020, Appendix B.3, Eq. 21, whose experiments are left as future work
command   python -m mmc_tf.experiments run mmc-appendix-b3-emc --budget=short --data_dir=DIR
cost      short: five networks on MNIST, 15 minutes on one core; paper: five networks of 200 epochs on CIFAR-10
published no numbers: EMC is to become MMC as α goes to 0, and to ask less of the network as it grows
measured  short: margin-50 leaves MMC 62.8, EMC 59.6 to 63.0 %
"""

from __future__ import annotations

import pathlib
from itertools import pairwise
from typing import Any

import numpy as np

from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab, Network
from mmc_tf.experiments.outcome import Cell, Outcome, Table, accuracy_cell, clean_cell, find

ALPHAS = (0.01, 0.1, 1.0, 10.0)
# PGD where standard training leaves something to compare.
PGD: dict[str, dict[str, Any]] = {
    "cifar10": {"epsilon": "8/255", "step_size": "2/255"},
    "mnist": {"epsilon": 0.1, "step_size": 0.01},
}
HEADER = ("Loss", "Clean", "PGD-10", "PGD-50", "margin-50", "‖μ − μ*‖", "least ‖μ_i − μ_j‖", "‖z − μ_y‖")


@experiment("mmc-appendix-b3-emc", source="MMC paper, Appendix B.3", datasets=())
def run(lab: Lab) -> Outcome:
    """The table: accuracy, how far the centers went, and how far features are from them."""
    # No data set is asked for beforehand: which one it is depends on the budget.
    dataset = lab.budget.pick(smoke="mnist", short="mnist", paper="cifar10")
    rows = [_row(lab, dataset, alpha) for alpha in lab.budget.rows((None, *ALPHAS))]
    attack = PGD[dataset]
    table = Table(
        name="alpha",
        caption=f"EMC on {lab.plan(dataset).dataset}: accuracy (%), clean and under untargeted PGD at "
        f"{attack['epsilon']} with 10 and 50 steps of {attack['step_size']}, adaptive and climbing the margin; mean "
        "distance of the centers from the MM centers, least distance of two centers, and mean distance of the test "
        "images' features from theirs",
        header=HEADER,
        rows=tuple(rows),
    )
    return Outcome(tables=(table,), notes=tuple(_findings(table)))


def _network(dataset: str, alpha: float | None) -> Network:
    model = "resnet32" if dataset == "cifar10" else None
    if alpha is None:
        return Network(dataset=dataset, loss="MMC", model=model)
    return Network(dataset=dataset, loss="EMC", model=model, flags=(("emc_alpha", alpha),))


def _row(lab: Lab, dataset: str, alpha: float | None) -> tuple[str, tuple[Cell, ...]]:
    folder = lab.train(_network(dataset, alpha))
    found = lab.evaluate(folder, "pgd", dataset=dataset, num_steps=(10, 50), **PGD[dataset])
    margin = lab.evaluate(folder, "pgd", dataset=dataset, num_steps=50, objective="margin", **PGD[dataset])
    values = lab.compute("centers", {"run": folder.name}, lambda: geometry(lab, folder, dataset))
    steps = lab.budget.steps
    cells = (
        clean_cell(found),
        accuracy_cell(find(found["attacks"], num_steps=steps(10))),
        accuracy_cell(find(found["attacks"], num_steps=steps(50))),
        accuracy_cell(margin["attacks"][0]),
        *(Cell(measured=float(values[name]), digits=2) for name in ("drift", "separation", "spread")),
    )
    return "MMC (α → 0)" if alpha is None else f"EMC, α = {alpha:g}", cells


def geometry(lab: Lab, folder: pathlib.Path, dataset: str) -> dict[str, np.ndarray]:
    """Where a network's centers and features are.

    Returns:
        `drift`, the mean of ‖μ_l − μ*_l‖; `separation`, the least ‖μ_i − μ_j‖; `spread`, the mean of ‖z − μ_y‖ over the
        test images.
    """
    from mmc_tf.evaluation.features import compute_features  # here, since it imports TensorFlow

    model, test = lab.load(folder), lab.dataset(dataset).test
    head = model.layers[-1]
    centers = np.asarray(head.centers, np.float64)
    prior = np.asarray(getattr(head, "prior_centers", centers), np.float64)
    features = compute_features(model, test.as_float())
    return {
        "drift": np.linalg.norm(centers - prior, axis=1).mean(),
        "separation": least_distance(centers),
        "spread": np.linalg.norm(features - centers[test.labels], axis=1).mean(),
    }


def least_distance(centers: np.ndarray) -> float:
    """The least distance of two of the centers (L, d).

    Example:
        >>> least_distance(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 9.0]]))
        5.0
    """
    distances = np.linalg.norm(centers[:, None] - centers, axis=-1)
    return float(distances[~np.eye(len(centers), dtype=bool)].min())


def _findings(table: Table) -> list[str]:
    """What happens from row to row, by the numbers."""
    drift = [cells[4].measured for _, cells in table.rows]
    grows = all(earlier <= later for earlier, later in pairwise(drift))
    notes = [f"The centers {'drift farther' if grows else 'do not always drift farther'} as α grows."]
    for place in (0, 3):
        best = max(table.rows, key=lambda row: row[1][place].measured)
        notes.append(f"{table.header[place + 1]}: best is {best[0]} with {best[1][place].measured:.1f} %.")
    return notes
