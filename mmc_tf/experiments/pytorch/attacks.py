"""The attacks of the readme's tables, from the preset that has their settings, as flags of `eval_attacks.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmc_tf.evaluation.presets import Subject, find_entries
from mmc_tf.evaluation.published import README, ROWS, PublishedRow
from mmc_tf.evaluation.wording import radius
from mmc_tf.experiments.budgets import Budget
from mmc_tf.experiments.lab import Lab, Network
from mmc_tf.experiments.mmc.networks import Method
from mmc_tf.experiments.outcome import Cell, Outcome, Table, accuracy_cell, clean_cell, published_accuracy

PRESET = "pytorch_readme"
# Flags that every attack has; an entry's other settings are the attack's own, whose flags carry its name.
_COMMON = ("epsilon", "norm", "step_size", "num_steps", "adaptive", "iterate")
# As the tables have them.
TITLES = {
    "fgsm": "FGSM",
    "deepfool": "DeepFool",
    "cw": "C&W",
    "autoattack": "AA",
    "slide": "SLIDE",
}
# How many test images, and what else is cut down, by attack; all others have the budget's.
SHORTER: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "smoke": {
        "autoattack": {"autoattack_num_iterations": 2, "autoattack_num_queries": 10},
        "cw": {"cw_binary_search_steps": 2},
    },
    "short": {
        "autoattack": {"test_size": 100},
        "cw": {"test_size": 100, "num_steps": 200, "cw_binary_search_steps": 5},
    },
    "paper": {},
}
EXAMPLES = 200
# What the readme's attacks along cross-entropy are called, and in each norm the one whose steps the margin gets too.
ALONG_CE = ("FGSM", "PGD-", "SLIDE")
ADAPTIVE = {"linf": "PGD-50", "l2": "PGD-50", "l1": "SLIDE-50"}


@dataclass(frozen=True)
class _Options:
    """What chooses among the preset's attacks."""

    norm: str
    preset: str = PRESET
    attack: tuple[str, ...] = ()
    epsilon: tuple[float, ...] = ()


def entries_of(norm: str) -> list[dict[str, Any]]:
    """The preset's attacks in a norm, in the tables' order."""
    return find_entries(_Options(norm), Subject("cifar10"))


def title_of(entry: Mapping[str, Any]) -> str:
    """The column of an attack."""
    return TITLES.get(entry["attack"]) or f"PGD-{entry['num_steps']}"


def flags_of(entry: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """An attack's settings as flags, cut down as the budget has it.

    Example:
        >>> from mmc_tf.experiments.budgets import BUDGETS
        >>> flags_of({"attack": "deepfool", "epsilon": 0.5, "clip_to_epsilon": True}, BUDGETS.get("paper"))
        {'epsilon': 0.5, 'deepfool_clip_to_epsilon': True}
    """
    name = entry["attack"]
    flags = {
        key if key in _COMMON else f"{name}_{key}": value for key, value in entry.items() if key != "attack"
    }
    if budget.name == "short":
        flags["test_size"] = EXAMPLES
    if budget.name == "smoke" and name in ("deepfool", "cw"):
        # Whose steps the preset leaves to the attack.
        flags["num_steps"] = 1
    return flags | SHORTER[budget.name].get(name, {})


def network() -> Network:
    """MMC-C, ResNet-32: the MMC network of the MMC paper's tables."""
    return Method("MMC-10", "MMC").network("cifar10")


def published_of(entry: Mapping[str, Any]) -> PublishedRow:
    """The readme's number for one of the preset's attacks."""
    wanted = (README, "MMC", entry["attack"], entry.get("norm", "linf"), entry["epsilon"])
    return next(
        row
        for row in ROWS
        if (row.source, row.loss, row.attack, row.norm, row.epsilon) == wanted
        and entry.get("num_steps", row.num_steps) == row.num_steps
    )


def make(lab: Lab, norm: str) -> Outcome:
    """The readme's table in a norm, and what an adaptive attack leaves.

    Args:
        lab: where the network is.
        norm: `linf`, `l2` or `l1`.
    """
    run = lab.train(network())
    entries = entries_of(norm)
    titles = tuple(dict.fromkeys(map(title_of, entries)))
    epsilons = tuple(dict.fromkeys(entry["epsilon"] for entry in entries))
    rows = []
    for epsilon in epsilons[-1:] if lab.budget.name == "smoke" else epsilons:
        within = {title_of(entry): entry for entry in entries if entry["epsilon"] == epsilon}
        found = {
            title: lab.evaluate(
                run, within[title]["attack"], dataset="cifar10", **flags_of(within[title], lab.budget)
            )
            for title in lab.budget.rows(titles)
        }
        adaptive = lab.evaluate(run, dataset="cifar10", **_adaptive(norm, epsilon, lab.budget))
        cells = [clean_cell(adaptive, 100 * published_of(within[titles[0]]).clean_accuracy)]
        cells += [
            accuracy_cell(
                found[title]["attacks"][0] if title in found else None,
                published_accuracy(published_of(within[title])),
            )
            for title in titles
        ]
        rows.append((radius(epsilon), (*cells, accuracy_cell(adaptive["attacks"][0]))))
    table = Table(
        name=norm,
        caption=f"Accuracy (%) of MMC-C on CIFAR-10 under the readme's attacks in {norm}, and under one on the margin",
        header=("radius", "Nat", *titles, f"{ADAPTIVE[norm]} margin"),
        rows=tuple(rows),
    )
    return Outcome(tables=(table,), notes=tuple(_notes(lab, table)))


def _adaptive(norm: str, epsilon: float, budget: Budget) -> dict[str, Any]:
    """The steps of the readme's strongest attack along cross-entropy in a norm, 50 of them, on the margin instead."""
    attack = "slide" if norm == "l1" else "pgd"
    steps = {"linf": 4, "l2": 10, "l1": 20}[norm]  # to the radius
    flags = {"norm": norm, "epsilon": epsilon, "step_size": epsilon / steps, "num_steps": 50}
    if budget.name == "short":
        flags["test_size"] = EXAMPLES
    return {"attack": attack, "objective": "margin"} | flags


def _notes(lab: Lab, table: Table) -> list[str]:
    """What attacks find that are not blind, and what was cut down."""
    notes = [
        *filter(None, (compare_blind(title, table.header[2:], cells[1:]) for title, cells in table.rows))
    ]
    if lab.budget.name == "short":
        cut = "AutoAttack and C&W on 100, C&W with 5 searches of 200 steps instead of 9 of 1,000"
        notes.append(f"The first {EXAMPLES} test images; {cut}.")
    return notes


def compare_blind(radius_text: str, titles: Sequence[str], cells: Sequence[Cell]) -> str:
    """The least that attacks along cross-entropy leave, beside what the margin and AutoAttack do; empty without one.

    Args:
        radius_text: of the row.
        titles: of its attacks, the adaptive one last.
        cells: likewise.

    Example:
        >>> numbers = [Cell(measured=number) for number in (68.3, 67.0, 0.0, 3.2)]
        >>> compare_blind("8/255", ["FGSM", "PGD-10", "AA", "PGD-50 margin"], numbers)
        'At 8/255 attacks along cross-entropy leave 67.0 %, PGD-50 margin 3.2 %, AA 0.0 %.'
    """
    found = dict(zip(titles, cells, strict=True))
    blind = [
        cell.measured
        for title, cell in list(found.items())[:-1]
        if title.startswith(ALONG_CE) and cell.measured is not None
    ]
    if not blind:
        return ""
    others = [titles[-1], *(title for title in ("AA",) if title in found)]
    shown = [
        f"{title} {found[title].measured:.1f} %" for title in others if found[title].measured is not None
    ]
    return f"At {radius_text} attacks along cross-entropy leave {', '.join([f'{min(blind):.1f} %', *shown])}."
