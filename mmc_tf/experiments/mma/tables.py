"""The MMA paper's tables of a set of networks: three views of one protocol, the distances, and a short list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from mmc_tf.evaluation.mma.tables import describe_protocol
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mma.published.reading import Accuracies, Distances
from mmc_tf.experiments.mma.sets import NetworkSet
from mmc_tf.experiments.outcome import NOTHING, Cell, Outcome, Table

# The keys of a network's figures in `results.json`, and what the tables of the paper call them.
VIEWS = {
    "combined": "combined (white-box and transfer) attacks",
    "white_box": "white-box attacks alone",
    "transfer_gap": "TransferGap, the accuracy that transferred images take beyond a network's own",
}
STAND_INS = ("PGD-Madry et al.", "TRADES", "DDN-Rony et al.")


@dataclass(frozen=True, kw_only=True)
class View:
    """A table of accuracies.

    Args:
        number: of the paper's table.
        kind: a key of `VIEWS`.
        published: its rows.
        names: the table's own name of a network: the set's, in its order; None: all, by their names.
    """

    number: int
    kind: str
    published: Mapping[str, Accuracies]
    names: Mapping[str, str] | None = None

    def title(self, networks: NetworkSet) -> str:
        """What it shows, in a line."""
        kind = VIEWS[self.kind]
        shown = kind if self.kind == "transfer_gap" else f"accuracy under {kind}"
        return f"{networks.title}: {shown}" + (", representative networks" if self.names else "")

    def make(self, lab: Lab, networks: NetworkSet) -> Outcome:
        """The table on the lab's budget."""
        results, names = networks.run(lab)
        found = dict(zip(names, results["models"], strict=True))
        shown = self.names or {name: name for name in self.published}
        count = len(networks.radii_on(lab))
        rows = tuple(
            (title, accuracy_cells(found[name], self.kind, self.published[name], count))
            for title, name in shown.items()
            if name in found
        )
        table = Table(
            name="accuracy",
            caption=self.title(networks) + (" (points)" if self.kind == "transfer_gap" else " (%)"),
            header=(_model(networks), "Cln Acc", "AvgAcc", "AvgRobAcc", *networks.radii_on(lab)),
            rows=rows,
        )
        averages = {
            name: (found[name][self.kind]["average_accuracy"], self.published[name].average)
            for name in shown.values()
            if name in found
        }
        notes = [describe_protocol(results), *_left_out(lab, networks), compare_order("AvgAcc", averages)]
        return Outcome(tables=(table,), notes=tuple(filter(None, notes)))


@dataclass(frozen=True, kw_only=True)
class DistanceView:
    """A table of C&W's distances.

    Args:
        number: of the paper's table.
        published: its rows; `MMA-2.0` is the set's `MMA-2.0-sd0`.
    """

    number: int
    published: Mapping[str, Distances]

    def title(self, networks: NetworkSet) -> str:
        """What it shows, in a line."""
        return f"{networks.title}: least distances that C&W finds"

    def make(self, lab: Lab, networks: NetworkSet) -> Outcome:
        """The table on the lab's budget."""
        results, names = networks.run(lab)
        found = {
            name.removesuffix("-sd0"): model["cw"]
            for name, model in zip(names, results["models"], strict=True)
            if model["cw"] is not None
        }
        shown = [name for name in self.published if name in found]
        table = Table(
            name="distances",
            caption=f"{self.title(networks)}, first {min(results['cw']['examples'], results['examples'])} test images",
            header=(
                _model(networks),
                "Cln Acc",
                "Avg Norm",
                "25% Norm",
                "Median Norm",
                "75% Norm",
                "Not Found",
            ),
            rows=tuple((name, distance_cells(found[name], self.published[name])) for name in shown),
        )
        means = {name: (found[name]["mean"], self.published[name].mean) for name in shown}
        notes = [
            f"9 searches of {results['cw']['num_steps']} steps an image; images for which nothing was found are not "
            "among the distances. Misclassified images have distance 0.",
            *_left_out(lab, networks),
            compare_order("Avg Norm", {name: pair for name, pair in means.items() if pair[0] is not None}),
        ]
        return Outcome(tables=(table,), notes=tuple(filter(None, notes)))


def enter_views(module: str, networks: NetworkSet, views: Sequence[View | DistanceView]) -> None:
    """Enters one experiment a table.

    Args:
        module: the name of the file whose header holds for all of them.
        networks: the set.
        views: its tables.
    """
    for view in views:

        def run(lab: Lab, view: View | DistanceView = view) -> Outcome:
            return view.make(lab, networks)

        run.__module__ = module
        experiment(
            f"mma-table-{view.number}",
            source=f"MMA paper, Table {view.number}",
            datasets=(networks.dataset,),
            title=view.title(networks),
        )(run)


def accuracy_cells(
    figures: Mapping[str, Any], kind: str, published: Accuracies, count: int
) -> tuple[Cell | str, ...]:
    """A network's row: clean accuracy, the two averages, and each radius.

    Args:
        figures: of the network, from `results.json`.
        kind: a key of `VIEWS`.
        published: the paper's row.
        count: of radii.
    """
    seen = figures[kind]
    intervals = seen.get("intervals", [None] * count)
    clean = (
        NOTHING
        if kind == "transfer_gap"
        else _percent(figures["clean_accuracy"], published.clean, figures["clean_interval"])
    )
    radii = zip(seen["robust_accuracy"], published.robust[:count], intervals, strict=True)
    return (
        clean,
        _percent(seen["average_accuracy"], published.average),
        _percent(seen["average_robust_accuracy"], published.average_robust),
        *(_percent(*each) for each in radii),
    )


def _percent(share: float, published: float | None, interval: Sequence[float] | None = None) -> Cell:
    bounds = None if interval is None else (100 * interval[0], 100 * interval[1])
    return Cell(measured=100 * share, published=published, interval=bounds, digits=2)


def distance_cells(found: Mapping[str, Any], published: Distances) -> tuple[Cell | str, ...]:
    """A network's row: clean accuracy, mean and quartiles, and how many images nothing was found for."""
    names = ("mean", "lower_quartile", "median", "upper_quartile")
    return (
        Cell(measured=100 * found["clean_accuracy"], published=published.clean),
        *(Cell(measured=found[name], published=getattr(published, name), digits=2) for name in names),
        str(found["not_found"]),
    )


def compare_order(what: str, pairs: Mapping[str, tuple[float, float]]) -> str:
    """Of how many pairs of networks the order is the paper's; empty for fewer than two networks.

    Args:
        what: is compared.
        pairs: (measured, published) of each network.

    Example:
        >>> compare_order("AvgAcc", {"STD": (27.0, 35.0), "MMA": (64.0, 94.0), "PGD": (65.0, 77.0)})
        'AvgAcc: 2 of 3 pairs of networks have the order of the paper; highest here PGD, there MMA.'
    """
    if len(pairs) < 2:
        return ""
    compared = list(combinations(pairs.values(), 2))
    alike = sum((one[0] - two[0]) * (one[1] - two[1]) > 0 for one, two in compared)
    here, there = (max(pairs, key=lambda name: pairs[name][place]) for place in (0, 1))
    return (
        f"{what}: {alike} of {len(compared)} pairs of networks have the order of the paper; "
        f"highest here {here}, there {there}."
    )


def _model(networks: NetworkSet) -> str:
    return f"{networks.dataset.upper()} Model"


def _left_out(lab: Lab, networks: NetworkSet) -> list[str]:
    """What has to be known of the rows."""
    chosen = [row.name for row in networks.chosen(lab)]
    notes = []
    if len(chosen) < len(networks.rows):
        notes.append(
            f"{len(chosen)} of the paper's {len(networks.rows)} networks: fewer to transfer images from, so that "
            "combined accuracy is higher than with all."
        )
    stand_ins = [name for name in chosen if name in STAND_INS]
    if stand_ins:
        notes.append(
            f"{', '.join(stand_ins)}: the paper took released networks; here one is trained by that method, of the "
            "same architecture as the others."
        )
    if lab.budget.name == "short" and networks.dataset == "cifar10":
        notes.append(
            "ResNet-32 in place of WRN-28-4; STD is the SCE network of the MMC paper's tables, trained on more images "
            "than the others."
        )
    return notes
