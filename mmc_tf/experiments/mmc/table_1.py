"""Accuracy under PGD, targeted and untargeted, on CIFAR-10.

paper     Pang et al., ICLR 2020, Table 1; ResNet-32, nine networks
command   python -m mmc_tf.experiments run mmc-table-1 --budget=short --data_dir=DIR
cost      short: an hour on one core; paper: nine networks of 200 epochs, four of them adversarial
published MMC-10 36.0 % under untargeted PGD-10 at 8/255, 24.8 % under PGD-50; SCE 3.7 and 3.6 %
measured  short: untargeted PGD-50 at 8/255 leaves SCE 0.0, MMC-10 12.8 %, and along the margin 0.0 %
"""

from __future__ import annotations

from mmc_tf.evaluation.published import PAPER
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.cells import order_notes, published_rows
from mmc_tf.experiments.mmc.networks import Method, chosen_methods
from mmc_tf.experiments.mmc.white_box import HEADER, MARGIN_NOTE, pgd_lines, setting_notes
from mmc_tf.experiments.outcome import Cell, Outcome, Table


@experiment("mmc-table-1", source="MMC paper, Table 1", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """The table, with a second row for each MMC network; on the short budget without adversarial training."""
    table = Table(
        name="accuracy",
        caption="Accuracy (%) on CIFAR-10, clean and under adaptive PGD with steps of 2/255",
        header=("Method", *HEADER),
        rows=tuple(line for method in chosen_methods(lab) for line in _lines(lab, method)),
    )
    return Outcome(tables=(table,), notes=(*order_notes(table), MARGIN_NOTE, *setting_notes(lab)))


def _lines(lab: Lab, method: Method) -> list[tuple[str, tuple[Cell, ...]]]:
    return pgd_lines(
        lab,
        method.title,
        lab.train(method.network("cifar10")),
        loss=method.loss,
        dataset="cifar10",
        published=published_rows(PAPER, method.loss, method.training),
    )
