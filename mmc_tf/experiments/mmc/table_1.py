"""Accuracy under PGD, targeted and untargeted, on CIFAR-10.

paper     Pang et al., ICLR 2020, Table 1; ResNet-32, nine networks
command   python -m mmc_tf.experiments run mmc-table-1 --budget=short --data_dir=DIR
cost      short: not yet measured; paper: nine networks of 200 epochs, four of them adversarial
published MMC-10 36.0 % under untargeted PGD-10 at 8/255, 24.8 % under PGD-50; SCE 3.7 and 3.6 %
measured  see docs/RESULTS.md
"""

from __future__ import annotations

from mmc_tf.evaluation.published import PAPER
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.cells import published_rows
from mmc_tf.experiments.mmc.networks import Method, chosen_methods
from mmc_tf.experiments.mmc.white_box import HEADER, evaluate_pgd, pgd_cells
from mmc_tf.experiments.outcome import Cell, Outcome, Table


@experiment("mmc-table-1", source="MMC paper, Table 1", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """The table; on the short budget without the adversarially trained networks."""
    table = Table(
        name="accuracy",
        caption="Accuracy (%) on CIFAR-10, clean and under adaptive PGD with steps of 2/255",
        header=("Method", *HEADER),
        rows=tuple((method.title, _row(lab, method)) for method in chosen_methods(lab)),
    )
    return Outcome(tables=(table,))


def _row(lab: Lab, method: Method) -> tuple[Cell, ...]:
    found = evaluate_pgd(lab, lab.train(method.network("cifar10")), dataset="cifar10")
    return pgd_cells(lab, found, published_rows(PAPER, method.loss, method.training))
