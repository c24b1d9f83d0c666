"""A set of networks that attack each other: trained once, put to the protocol once, seen in several tables."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mma.networks import Row
from mmc_tf.files import read_record

# How the protocol is cut down: of `python -m mmc_tf.evaluation mma`, by budget and data set.
_TINY = {
    "examples": 20,
    "batch_size": 20,
    "num_steps": 2,
    "runs_per_model": 1,
    "attack_precision": "float32",
}
PROTOCOLS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "smoke": {"mnist": _TINY, "cifar10": _TINY},
    "short": {
        "mnist": {"examples": 500, "runs_per_model": 2, "attack_precision": "auto"},
        "cifar10": {"examples": 200, "runs_per_model": 2, "num_steps": 20, "attack_precision": "auto"},
    },
    "paper": {"mnist": {}, "cifar10": {}},
}
# Tables 2 and 3, of the networks in l2.
DISTANCES: Mapping[str, Mapping[str, int]] = {
    "smoke": {"cw_examples": 4, "cw_steps": 2},
    "short": {"cw_examples": 100, "cw_steps": 200},
    "paper": {},
}
SMOKE_RADII = 2


@dataclass(frozen=True, kw_only=True)
class NetworkSet:
    """The networks of a data set and norm.

    Args:
        dataset: `mnist` or `cifar10`.
        norm: `linf` or `l2`.
        radii: at which they are attacked, as flags.
        rows: in the paper's order.
        short: names of those that the short budget has time for.
        smoke: names of those on the smoke budget, where networks of one method and norm are one.
        smoke_vote: the ensemble that is the vote of these there; empty for none.
    """

    dataset: str
    norm: str
    radii: tuple[str, ...]
    rows: tuple[Row, ...]
    short: tuple[str, ...]
    smoke: tuple[str, ...]
    smoke_vote: str = ""

    @property
    def title(self) -> str:
        """The data set and the norm."""
        return f"{ {'mnist': 'MNIST', 'cifar10': 'CIFAR-10'}[self.dataset] }, {self.norm}"

    def chosen(self, lab: Lab) -> tuple[Row, ...]:
        """The rows on the lab's budget, votes last."""
        names = {"smoke": self.smoke, "short": self.short, "paper": tuple(row.name for row in self.rows)}
        wanted = names[lab.budget.name]
        return tuple(row for row in self.rows if row.name in wanted)

    def radii_on(self, lab: Lab) -> tuple[str, ...]:
        """The radii on the lab's budget."""
        return self.radii[:SMOKE_RADII] if lab.budget.name == "smoke" else self.radii

    def train(self, lab: Lab, row: Row) -> pathlib.Path:
        """The run of a row."""
        return lab.train(row.network(lab.budget, dataset=self.dataset, norm=self.norm))

    def run(self, lab: Lab) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What the protocol found (`results.json`), and the rows' names in the order of its models."""
        chosen = self.chosen(lab)
        runs = {row.name: self.train(lab, row) for row in chosen if not row.members}
        votes = vote_members(chosen, runs)
        if lab.budget.name == "smoke" and self.smoke_vote:
            votes = {self.smoke_vote: tuple(runs)}
        flags = dict(PROTOCOLS[lab.budget.name][self.dataset])
        if self.norm != "linf":
            flags |= {"norm": self.norm, "cw": True, **DISTANCES[lab.budget.name]}
        folder = lab.module(
            "mma",
            tuple(runs.values()),
            name=f"{self.dataset}-{self.norm}",
            more=[f"--ensemble={name}={','.join(runs[each].name for each in votes[name])}" for name in votes],
            epsilon=self.radii_on(lab),
            resume=True,
            **flags,
        )
        results = read_record(folder / "results.json")
        return results, (*runs, *votes)


def vote_members(rows: tuple[Row, ...], trained: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The members of each vote that were trained; votes with fewer than two of them are left out.

    Args:
        rows: of any kind.
        trained: names of networks that can vote.
    """
    found = {row.name: tuple(name for name in row.members if name in trained) for row in rows if row.members}
    return {name: members for name, members in found.items() if len(members) > 1}
