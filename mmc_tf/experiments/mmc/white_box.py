"""PGD as Tables 1 and 5 have it: 10 and 50 steps of 2/255, targeted and not, at 8/255 and 16/255."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from mmc_tf.evaluation.published import RADII, PublishedRow
from mmc_tf.evaluation.wording import radius
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.cells import attack_cell, published_row
from mmc_tf.experiments.outcome import Cell, clean_cell, find

COLUMNS = tuple(
    (epsilon, targeted, num_steps)
    for epsilon in RADII
    for num_steps in (10, 50)
    for targeted in (True, False)
)
HEADER = (
    "Clean",
    *(
        f"PGD-{num_steps} {'tar' if targeted else 'un'} {radius(epsilon)}"
        for epsilon, targeted, num_steps in COLUMNS
    ),
)

# How the paper judges its attacks: the last iterate, and of several runs, which are five here.
AS_THE_PAPER = {"iterate": "last", "num_restarts": 5}
SHORT_NOTE = (
    "On this budget PGD is one run and counts any iterate that is misclassified; the paper's numbers are of the last "
    "iterates of several runs."
)
MARGIN_NOTE = (
    "The rows with the margin are the same PGD on the same network, climbing the difference of two logits: what it "
    "breaks beyond the paper's objective was not robust."
)


def pgd_lines(
    lab: Lab,
    title: str,
    run: pathlib.Path,
    *,
    loss: str,
    dataset: str,
    published: Sequence[PublishedRow],
) -> list[tuple[str, tuple[Cell, ...]]]:
    """A network's row of the table, and for MMC a second one of the same attacks climbing the margin.

    Args:
        lab: where the evaluations are; on the smoke budget the second row is left out.
        title: of the row.
        run: the network's.
        loss: it was trained with.
        dataset: as the experiment calls it.
        published: the network's rows of the source's table.
    """
    lines = [(title, pgd_cells(lab, evaluate_pgd(lab, run, dataset=dataset), published))]
    if loss == "MMC" and lab.budget.name != "smoke":
        found = evaluate_pgd(lab, run, dataset=dataset, objective="margin")
        lines.append((f"{title}, margin", pgd_cells(lab, found)))
    return lines


def evaluate_pgd(lab: Lab, run: pathlib.Path, *, dataset: str, **flags: Any) -> dict[bool, Mapping[str, Any]]:
    """`results.json` of the untargeted (False) and of the targeted attacks (True).

    Args:
        lab: where they are.
        run: the network's.
        dataset: as the experiment calls it.
        flags: beside these.
    """
    return {
        targeted: lab.evaluate(
            run,
            "pgd",
            dataset=dataset,
            epsilon=("8/255", "16/255"),
            num_steps=(10, 50),
            step_size="2/255",
            targeted=targeted,
            **as_the_budget_has_it(lab),
            **flags,
        )
        for targeted in (False, True)
    }


def as_the_budget_has_it(lab: Lab) -> dict[str, Any]:
    """The flags by which PGD is judged: the paper's on its budget alone, five runs being five times the time."""
    return dict(lab.budget.pick(smoke={}, short={}, paper=AS_THE_PAPER))


def setting_notes(lab: Lab) -> list[str]:
    """What is to be said of PGD beside the paper's numbers."""
    return [SHORT_NOTE] if lab.budget.name == "short" else []


def pgd_cells(
    lab: Lab, found: Mapping[bool, Mapping[str, Any]], published: Sequence[PublishedRow] = ()
) -> tuple[Cell, ...]:
    """The cells under `HEADER`.

    Args:
        lab: whose budget limits the steps.
        found: as `evaluate_pgd` gives it.
        published: the network's rows of the table; none for what the paper did not measure.
    """
    clean = 100 * published[0].clean_accuracy if published else None
    cells = [clean_cell(found[False], clean)]
    for epsilon, targeted, num_steps in COLUMNS:
        record = find(found[targeted]["attacks"], epsilon=epsilon, num_steps=lab.budget.steps(num_steps))
        row = published_row(published, epsilon=epsilon, targeted=targeted, num_steps=num_steps)
        cells.append(attack_cell(record, row))
    return tuple(cells)
