"""Accuracy under PGD, targeted and untargeted, on CIFAR-10.

paper     Pang et al., ICLR 2020, Table 1; ResNet-32, nine networks
command   python -m mmc_tf.experiments run mmc-table-1 --budget=short --data_dir=DIR
cost      short: not yet measured; paper: nine networks of 200 epochs, four of them adversarial
published MMC-10 36.0 % under untargeted PGD-10 at 8/255, 24.8 % under PGD-50; SCE 3.7 and 3.6 %
measured  see docs/RESULTS.md
"""

from __future__ import annotations

from mmc_tf.evaluation.published import PAPER, RADII, ROWS, STANDARD
from mmc_tf.evaluation.wording import radius
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.networks import METHODS, Method
from mmc_tf.experiments.outcome import (
    Cell,
    Outcome,
    Table,
    accuracy_cell,
    clean_cell,
    find,
    published_accuracy,
)

COLUMNS = tuple(
    (epsilon, targeted, num_steps)
    for epsilon in RADII
    for num_steps in (10, 50)
    for targeted in (True, False)
)


@experiment("mmc-table-1", source="MMC paper, Table 1", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """The table; on the short budget without the adversarially trained networks."""
    methods = lab.budget.rows(METHODS)
    if lab.budget.name == "short":
        methods = tuple(method for method in methods if method.training == STANDARD)
    table = Table(
        name="accuracy",
        caption="Accuracy (%) on CIFAR-10, clean and under adaptive PGD with steps of 2/255",
        header=("Method", "Clean", *map(_title, COLUMNS)),
        rows=tuple((method.title, _row(lab, method)) for method in methods),
    )
    return Outcome(tables=(table,))


def _title(column: tuple[float, bool, int]) -> str:
    epsilon, targeted, num_steps = column
    return f"PGD-{num_steps} {'tar' if targeted else 'un'} {radius(epsilon)}"


def _row(lab: Lab, method: Method) -> tuple[Cell, ...]:
    run_folder = lab.train(method.network("cifar10"))
    published = [
        row for row in ROWS if (row.source, row.loss, row.training) == (PAPER, method.loss, method.training)
    ]
    found = {
        targeted: lab.evaluate(
            run_folder,
            "pgd",
            dataset="cifar10",
            epsilon=("8/255", "16/255"),
            num_steps=(10, 50),
            step_size="2/255",
            targeted=targeted,
        )
        for targeted in (False, True)
    }
    cells = [clean_cell(found[False], 100 * published[0].clean_accuracy)]
    for epsilon, targeted, num_steps in COLUMNS:
        record = find(found[targeted]["attacks"], epsilon=epsilon, num_steps=lab.budget.steps(num_steps))
        row = next(
            row
            for row in published
            if (row.epsilon, row.targeted, row.num_steps) == (epsilon, targeted, num_steps)
        )
        cells.append(accuracy_cell(record, published_accuracy(row)))
    return tuple(cells)
