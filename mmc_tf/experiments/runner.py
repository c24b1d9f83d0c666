"""Runs experiments one after the other; each leaves its folder before the next begins."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from mmc_tf import files
from mmc_tf.checks import argument_error, check_number
from mmc_tf.experiments import writing
from mmc_tf.experiments.budgets import BUDGETS
from mmc_tf.experiments.experiment import Experiment, load_all, names_in_order
from mmc_tf.experiments.lab import Lab

ALL = "all"


def run_experiments(
    names: Sequence[str], *, budget: str, work_dir: pathlib.Path, data_dir: str | None = None, seed: int = 0
) -> str:
    """Runs experiments and says where their results are.

    Args:
        names: of experiments; `all` stands for every one.
        budget: a name of `BUDGETS`.
        work_dir: the folder of all budgets.
        data_dir: the folder of the data sets' files; None: `$MMC_DATA_DIR`.
        seed: of training and attacks, >= 0.

    Returns:
        The tables, and the folders of the results.

    Raises:
        UserError: for an unknown name, a data set that is not there, or a command that fails.
    """
    check_number("seed", seed, minimum=0, integer=True)
    chosen = _choose(names)
    files.check_writable("work_dir", work_dir)
    lab = Lab(BUDGETS.get(budget), work_dir=work_dir, data_dir=data_dir, seed=seed)
    # Before the first hour of work: what the last experiment lacks.
    for dataset in dict.fromkeys(dataset for each in chosen for dataset in each.datasets):
        lab.dataset(dataset)
    shown = []
    for number, each in enumerate(chosen, start=1):
        print(f"[{number}/{len(chosen)}] {each.name}: {each.source}, budget {budget}", flush=True)
        lab.begin()
        outcome = each.run(lab)
        folder = folder_of(each.name, lab.folder)
        writing.write(folder, each, outcome, budget=lab.budget, seconds=lab.seconds)
        shown.append((folder / writing.MARKDOWN).read_text(encoding="utf-8") + f"\nresults in {folder}")
    return "\n\n".join(shown)


def show(name: str, *, budget: str, work_dir: pathlib.Path) -> str:
    """The page of an experiment that was run.

    Raises:
        UserError: for an unknown name, or if it was not run.
    """
    load_all().get(name)
    folder = folder_of(name, work_dir / BUDGETS.get(budget).name)
    return writing.format_markdown(writing.read(folder, name, budget)).rstrip()


def describe_all(lab_folder: pathlib.Path) -> str:
    """Every experiment with its source and cost, marked where the folder of a budget has its results."""
    registry = load_all()
    lines = []
    for name in names_in_order(registry):
        each = registry.get(name)
        done = (folder_of(name, lab_folder) / writing.RESULTS).exists()
        lines.append(f"{'*' if done else ' '} {name:24} {each.source}: {each.title}")
        lines.append(f"{'':27}{each.header['cost']}")
    return "\n".join([*lines, "", f"* has results in {lab_folder}"])


def folder_of(name: str, lab_folder: pathlib.Path) -> pathlib.Path:
    """Where an experiment's results are."""
    return lab_folder / "results" / name


def _choose(names: Sequence[str]) -> list[Experiment]:
    registry = load_all()
    if ALL in names:
        if len(names) > 1:
            raise argument_error("names", f"{ALL} alone, or names without it", ", ".join(names))
        names = names_in_order(registry)
    return [registry.get(name) for name in dict.fromkeys(names)]
