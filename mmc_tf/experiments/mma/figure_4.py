"""How the margins of training points are distributed, epoch by epoch, under MMA and under PGD training.

paper     Ding et al., ICLR 2020, Figure 4 and Section 4.1; MMA-3.0 and PGD-2.5 on CIFAR-10, l2, 500 training points by
          DDN with 1,000 steps
command   python -m mmc_tf.experiments run mma-figure-4 --budget=short --data_dir=DIR
cost      short: the networks of mma-table-7, 40 minutes on two cores; paper: two networks of 50,000 steps, whose
          margins take longer than their training
published 37.8 % of the points have a margin below 0.05 at the end under PGD-2.5, 20.4 % under MMA-3.0
measured  not yet on short; smoke shows that it runs

The short budget measures margins by AN-PGD with 10 steps.
"""

from __future__ import annotations

import dataclasses

from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mma.cifar10_l2 import NETWORKS, TRACKED
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.training.report.history import read_histories
from mmc_tf.training.report.margin_figures import margin_pictures
from mmc_tf.training.report.margins import TrackedMargins, read_margins

# Shares in percent of margins below 0.05 after the last epoch.
SMALL = {"PGD-2.5": 37.8, "MMA-3.0-sd0": 20.4}


@experiment("mma-figure-4", source="MMA paper, Figure 4", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """The distributions and their curves, and the share of small margins at the end."""
    rows = {row.name: row for row in NETWORKS.rows}
    folders = [NETWORKS.train(lab, rows[name]) for name in TRACKED]
    (group,) = read_margins(folders, read_histories(folders))
    named = [dataclasses.replace(each, name=name) for name, each in zip(TRACKED, group.runs, strict=True)]
    group = dataclasses.replace(group, runs=tuple(named))
    distributions, curves = margin_pictures(group)
    table = Table(
        name="small",
        caption=f"Margins in {group.norm} of {named[0].values.shape[1]} training points of {group.dataset} after the "
        "last epoch",
        header=("Network", "margin < 0.05 (%)", "misclassified (%)", "average margin", "none found (%)"),
        rows=tuple((each.name, _cells(each)) for each in named),
    )
    return Outcome(
        tables=(table,),
        pictures=(distributions, *curves),
        notes=(_compare(named),),
        arrays={f"margins_{each.name}": each.values for each in named},
    )


def _cells(run: TrackedMargins) -> tuple[Cell, ...]:
    return (
        Cell(measured=_small(run), published=SMALL[run.name]),
        Cell(measured=100 * float(run.misclassified()[-1])),
        Cell(measured=float(run.averages()[-1]), digits=2),
        Cell(measured=100 * float(run.not_found()[-1])),
    )


def _small(run: TrackedMargins) -> float:
    return 100 * float(run.shares_below(0.05)[-1])


def _compare(runs: list[TrackedMargins]) -> str:
    here = min(runs, key=_small).name
    there = min(SMALL, key=SMALL.get)
    return f"Fewer points with a small margin at the end: {here} here, {there} in the paper."
