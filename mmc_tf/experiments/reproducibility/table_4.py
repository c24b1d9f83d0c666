"""The constant C_MM, the norm of the centers.

paper     Reproducibility report on Pang et al., Table 4; five networks on CIFAR-10
command   python -m mmc_tf.experiments run report-table-4 --budget=short --data_dir=DIR
cost      short: ten networks on MNIST, 28 minutes on a shared core; paper: ten on CIFAR-10, 200 epochs each
published 92.16 % at 1, 92.57 % at 10, 68.92 % at 50, 10 % at 100 (none at 5)
measured  short, MNIST: 98.14 to 99.17 % with warm-up and clipping; the bare recipe collapses or diverges

The papers' recipe has neither warm-up nor clipping of the gradient's norm, which are defaults here: both recipes have
a column, since it is the recipe that decides whether large centers can be trained. The short budget has MNIST in
place of CIFAR-10.
"""

from __future__ import annotations

from mmc_tf.experiments.attempts import attempt, trained_cell
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.experiments.reproducibility.networks import standard

# C_MM: the report's accuracy in percent.
PUBLISHED = {1: 92.16, 5: None, 10: 92.57, 50: 68.92, 100: 10.0}
BARE = {"warmup_steps": 0, "clip_norm": 0}
# The network of all other tables.
DEFAULT = 10


@experiment("report-table-4", source="Reproducibility report, Table 4", datasets=("mnist",))
def run(lab: Lab) -> Outcome:
    """The table; a training that fails says so in its cell."""
    dataset = lab.budget.pick(smoke="mnist", short="mnist", paper="cifar10")
    scales = lab.budget.pick(smoke=(DEFAULT,), short=tuple(PUBLISHED), paper=tuple(PUBLISHED))
    images = len(lab.dataset(dataset).test)

    def cell(scale: int, recipe: dict[str, object], published: float | None) -> Cell | str:
        own = {} if scale == DEFAULT else {"scale": scale}
        tried = attempt(lab, standard("MMC", dataset, **own, **recipe))
        return trained_cell(tried, test_images=images, published=published)

    table = Table(
        name="scales",
        caption=f"Test accuracy (%) of MMC on {lab.plan(dataset).dataset} by C_MM; in brackets the report's, on "
        "CIFAR-10",
        header=("C_MM", "warm-up and clipping (default)", "bare recipe (the papers')"),
        rows=tuple(
            (str(scale), (cell(scale, {}, None), cell(scale, BARE, PUBLISHED[scale]))) for scale in scales
        ),
    )
    notes = [describe_column(title, column) for title, column in columns_of(table)]
    if dataset != "cifar10":
        notes.append("The published accuracies are of CIFAR-10: only where training fails can be compared.")
    return Outcome(tables=(table,), notes=tuple(notes))


def columns_of(table: Table) -> list[tuple[str, list[Cell | str]]]:
    """The titles of the recipes, each with its cells."""
    return [
        (title, [cells[place] for _, cells in table.rows]) for place, title in enumerate(table.header[1:])
    ]


def describe_column(title: str, column: list[Cell | str]) -> str:
    """How far a recipe reaches.

    Example:
        >>> describe_column("bare recipe", [Cell(measured=98.14), "diverged at step 3 (10.00)"])
        'bare recipe: 1 of 2 trainings fail; the others reach 98.14 to 98.14 %.'
    """
    reached = [cell.measured for cell in column if isinstance(cell, Cell)]
    if not reached:
        return f"{title}: all {len(column)} trainings fail."
    span = f"{min(reached):.2f} to {max(reached):.2f} %"
    failed = len(column) - len(reached)
    if not failed:
        return f"{title}: no training fails; accuracies are {span}."
    return f"{title}: {failed} of {len(column)} trainings fail; the others reach {span}."
