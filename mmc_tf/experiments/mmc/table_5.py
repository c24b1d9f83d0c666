"""Accuracy under PGD of a deeper network, on CIFAR-10 and CIFAR-100.

paper     Pang et al., ICLR 2020, Table 5; ResNet-32 and ResNet-110, SCE and MMC-10
command   python -m mmc_tf.experiments run mmc-table-5 --budget=short --data_dir=DIR
cost      short: two minutes on one core beside the networks and attacks of mmc-table-1, and none on CIFAR-100 unless it
          is there; paper: eight networks of 200 epochs
published untargeted PGD-10 at 8/255: MMC-10 36.0 % with ResNet-32 and 46.0 % with ResNet-110, SCE 3.7 and 3.0 %
measured  short: ResNet-32 alone, SCE 0.0 and MMC 12.8 % under untargeted PGD-10 at 8/255, along the margin 0.0 %
"""

from __future__ import annotations

from dataclasses import dataclass

from mmc_tf.evaluation.published import RESNET_32, RESNET_110, TABLE_5
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.cells import order_notes, published_rows
from mmc_tf.experiments.mmc.networks import Method
from mmc_tf.experiments.mmc.white_box import HEADER, MARGIN_NOTE, pgd_lines, setting_notes
from mmc_tf.experiments.outcome import Cell, Outcome, Table

MODELS = {RESNET_32: "resnet32", RESNET_110: "resnet110"}
TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}


@dataclass(frozen=True)
class Row:
    """A network of the table.

    Args:
        dataset: the paper's.
        network: as `mmc_tf.evaluation.published` names it.
        loss: SCE or MMC.
    """

    dataset: str
    network: str
    loss: str

    @property
    def title(self) -> str:
        """As the table has it."""
        return f"{self.loss} ({self.network})"


ROWS = tuple(
    Row(dataset, network, loss) for dataset in TITLES for network in MODELS for loss in ("SCE", "MMC")
)


@experiment("mmc-table-5", source="MMC paper, Table 5", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """A table a data set; beside each MMC network the same attacks climbing the margin."""
    rows, notes = _choose(lab)
    tables = []
    for dataset in dict.fromkeys(row.dataset for row in rows):
        table = Table(
            name=dataset,
            caption=f"Accuracy (%) on {TITLES[dataset]}, clean and under adaptive PGD with steps of 2/255",
            header=("Method", *HEADER),
            rows=tuple(line for row in rows if row.dataset == dataset for line in _lines(lab, row)),
        )
        tables.append(table)
        notes += [f"{TITLES[dataset]}, {note}" for note in order_notes(table)]
    return Outcome(tables=tuple(tables), notes=(*notes, MARGIN_NOTE, *setting_notes(lab)))


def _choose(lab: Lab) -> tuple[tuple[Row, ...], list[str]]:
    if lab.budget.name != "short":
        return lab.budget.rows(ROWS), []
    notes = ["ResNet-110 is left out, which trains at a quarter of ResNet-32's speed."]
    rows = [row for row in ROWS if row.network == RESNET_32]
    if not lab.has("cifar100"):
        notes.append("CIFAR-100 is left out, whose files are not there.")
        rows = [row for row in rows if row.dataset != "cifar100"]
    return tuple(rows), notes


def _lines(lab: Lab, row: Row) -> list[tuple[str, tuple[Cell, ...]]]:
    folder = lab.train(Method(row.title, row.loss).network(row.dataset, model=MODELS[row.network]))
    published = published_rows(TABLE_5, row.loss, dataset=row.dataset, network=row.network)
    return pgd_lines(lab, row.title, folder, loss=row.loss, dataset=row.dataset, published=published)
