"""The loss from clean images to perturbations that failed: flat and tilted landscapes.

paper     Ding et al., ICLR 2020, Figure 3; OMMA-32, PGD-8 and MMA-32 on CIFAR-10, linf 8/255, 50 training and 50 test
          images
command   python -m mmc_tf.experiments run mma-figure-3 --budget=short --data_dir=DIR
cost      short: a minute beside the networks of mma-table-4; paper: minutes beside those of mma-table-5
published no numbers: OMMA-32's losses are flatter than PGD-8's, MMA-32's as tilted
measured  not yet on short; smoke shows that it runs

The short budget has the networks of MNIST at 0.3 in their place: OMMA-0.45, PGD-0.3 and MMA-0.45.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc_tf import files
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mma import cifar10_linf, mnist_linf
from mmc_tf.experiments.outcome import NOTHING, Cell, Outcome, Table
from mmc_tf.report.picture import Picture

if TYPE_CHECKING:
    from mmc_tf.evaluation.segments.walk import Segments

SPLITS = ("train", "test")
CIFAR = ("OMMA-32-sd0", "PGD-8", "MMA-32-sd0")
MNIST = ("OMMA-0.45-sd0", "PGD-0.3", "MMA-0.45-sd0")


@experiment("mma-figure-3", source="MMA paper, Figure 3", datasets=("mnist",))
def run(lab: Lab) -> Outcome:
    """The picture, and how steep the losses are."""
    networks, names, epsilon = lab.budget.pick(
        smoke=(cifar10_linf.NETWORKS, cifar10_linf.NETWORKS.smoke, "8/255"),
        short=(mnist_linf.NETWORKS, MNIST, "0.3"),
        paper=(cifar10_linf.NETWORKS, CIFAR, "8/255"),
    )
    rows = {row.name: row for row in networks.rows}
    folder = lab.module(
        "segments",
        [networks.train(lab, rows[name]) for name in names],
        name=f"{networks.dataset}-{networks.norm}",
        epsilon=epsilon,
        norm=networks.norm,
        num_steps=lab.budget.steps(100),
        examples=lab.budget.pick(smoke=10, short=50, paper=50),
    )
    results = files.read_record(folder / "segments.json")
    arrays = files.read_arrays(folder / "segments.npz")
    table = Table(
        name="segments",
        caption=f"Mean logit margin loss of the images whose perturbation failed, {networks.title} {epsilon}",
        header=("Network", "images", "kept (failed)", "mean at 0", "mean at 1", "rise, % of the mean at 0"),
        rows=tuple(
            row
            for name, entry in zip(names, results["runs"], strict=True)
            for row in _rows(name, entry["splits"])
        ),
    )
    return Outcome(
        tables=(table,),
        pictures=(_picture(names, results["runs"], arrays),),
        notes=(_compare(dict(zip(names, results["runs"], strict=True))),),
        arrays=arrays,
    )


def _rows(name: str, splits: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, tuple[Cell | str, ...]]]:
    return [
        (
            name,
            (
                {"train": "training", "test": "test"}[split],
                f"{splits[split]['kept']} of {splits[split]['examples'] - splits[split]['misclassified']}",
                Cell(measured=splits[split]["mean_clean"], digits=2),
                Cell(measured=splits[split]["mean_perturbed"], digits=2),
                Cell(measured=_percent(splits[split]["relative_rise"])),
            ),
        )
        for split in SPLITS
    ]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _picture(names: Sequence[str], runs: Sequence[Mapping[str, Any]], arrays: Mapping[str, Any]) -> Picture:
    from mmc_tf.evaluation.segments.figure import (
        draw_segments,
    )  # needs TensorFlow, which listing does without

    panels = [
        (name, _subtitle(entry), [_segments(arrays, number, split) for split in SPLITS])
        for number, (name, entry) in enumerate(zip(names, runs, strict=True))
    ]
    return Picture(
        name="segments",
        title="",
        caption="Logit margin loss from clean images (0) to perturbations that failed (1): each image, and the mean of "
        "training and of test images. Every panel has a scale of its own.",
        figure=draw_segments(panels),
        is_wide=True,
    )


def _subtitle(entry: Mapping[str, Any]) -> str:
    kept = " and ".join(f"{entry['splits'][split]['kept']} {split}" for split in SPLITS)
    return f"failed on {kept.replace('train', 'training')} images"


def _segments(arrays: Mapping[str, np.ndarray], number: int, split: str) -> Segments:
    from mmc_tf.evaluation.segments.walk import Segments

    chosen = (arrays["run"] == number) & (arrays["split"] == split)
    return Segments(split, *(arrays[name][chosen] for name in ("index", "label", "loss", "state")))


def _compare(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """Which landscape is the flattest, by test images."""
    rises = {name: entry["splits"]["test"]["relative_rise"] for name, entry in runs.items()}
    known = {name: rise for name, rise in rises.items() if rise is not None}
    order = sorted(known, key=known.get)
    shown = ", ".join(f"{name} {100 * known[name]:.0f} %" for name in order) or NOTHING
    return (
        f"From flat to tilted, by the rise of the mean on test images: {shown}. In the paper's picture OMMA's is "
        "flatter than PGD's, and MMA's as tilted."
    )
