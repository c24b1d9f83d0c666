"""Accuracy under PGD and SPSA, and distances under C&W, on CIFAR-100.

paper     Pang et al., ICLR 2020, Table 4; ResNet-32, five networks
command   python -m mmc_tf.experiments run mmc-table-4 --budget=short --data_dir=DIR
cost      short: not measured, for want of CIFAR-100; paper: five networks of 200 epochs, attacks as in mmc-table-2
published MMC-10: 71.9 % clean, 23.4 % under untargeted PGD-10 (SCE 8.0), 15.8 % under untargeted SPSA (1.9), mean l2
          0.085 under untargeted C&W (0.047)
measured  not yet on short; smoke shows that it runs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmc_tf.evaluation.published import TABLE_4
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.cells import (
    attack_cell,
    distance_cell,
    missed_note,
    order_notes,
    published_row,
    published_rows,
)
from mmc_tf.experiments.mmc.gradient_free import evaluate_cw, evaluate_spsa, spsa_objective
from mmc_tf.experiments.mmc.networks import STANDARD_METHODS, Method
from mmc_tf.experiments.mmc.white_box import as_the_budget_has_it, setting_notes
from mmc_tf.experiments.outcome import Cell, Outcome, Table, clean_cell

MODES = (True, False)
HEADER = ("Method", "Clean", "PGD-10 tar", "PGD-10 un", "SPSA tar", "SPSA un", "C&W tar", "C&W un")


@experiment("mmc-table-4", source="MMC paper, Table 4", datasets=("cifar100",))
def run(lab: Lab) -> Outcome:
    """The table."""
    methods = STANDARD_METHODS[:1] if lab.budget.name == "smoke" else STANDARD_METHODS
    made = [(method.title, *_row(lab, method)) for method in methods]
    table = Table(
        name="cifar100",
        caption="CIFAR-100: accuracy (%), clean and under PGD and SPSA (128 queries) at 8/255; mean l2 distance of "
        "what C&W finds",
        header=HEADER,
        rows=tuple((title, cells) for title, cells, _ in made),
    )
    notes = [*order_notes(table), *setting_notes(lab)]
    missed = missed_note([record for _, _, records in made for record in records], "C&W")
    if lab.budget.name == "short":
        notes.append("C&W is 5 weights of 100 iterations: its distances are upper bounds.")
    return Outcome(tables=(table,), notes=(*notes, *([missed] if missed else [])))


def _row(lab: Lab, method: Method) -> tuple[tuple[Cell, ...], list[Mapping[str, Any]]]:
    """The cells, and the records of C&W."""
    folder = lab.train(method.network("cifar100"))
    rows = published_rows(TABLE_4, method.loss, dataset="cifar100")
    where = {"lab": lab, "run": folder, "dataset": "cifar100"}
    pgd = {
        targeted: lab.evaluate(
            folder,
            "pgd",
            dataset="cifar100",
            epsilon="8/255",
            num_steps=10,
            step_size="2/255",
            targeted=targeted,
            **as_the_budget_has_it(lab),
        )
        for targeted in MODES
    }
    objective = spsa_objective(method.loss)
    spsa = {targeted: evaluate_spsa(**where, targeted=targeted, objective=objective) for targeted in MODES}
    searched = {targeted: evaluate_cw(**where, targeted=targeted) for targeted in MODES}
    cells = [clean_cell(pgd[False], 100 * rows[0].clean_accuracy)]
    for attack, found in (("pgd", pgd), ("spsa", spsa)):
        for targeted, results in found.items():
            row = published_row(rows, attack=attack, targeted=targeted)
            cells.append(attack_cell(results["attacks"][0], row))
    for targeted, record in searched.items():
        row = published_row(rows, attack="cw", targeted=targeted)
        cells.append(distance_cell(record, row, digits=3))
    return tuple(cells), list(searched.values())
