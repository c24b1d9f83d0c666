"""The paths of adaptive and non-adaptive PGD through a plane of features.

paper     Pang et al., ICLR 2020, Figure 3(b); MNIST, a network with two features, linf 0.3, 50 steps of 0.01
command   python -m mmc_tf.experiments run mmc-figure-3b --budget=short --data_dir=DIR
cost      short: not yet measured
published a picture without numbers: "the adaptive attacks are indeed much more efficient than the non-adaptive one"
measured  see docs/RESULTS.md

The paper shows two test images and does not say from where its attacks start. These start at the clean image, so that
both paths begin at the same feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.demo_networks import demo_network, scatter_classes
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.experiments.outputs import Outputs, network_outputs
from mmc_tf.report.colours import INK, SERIES
from mmc_tf.report.drawing import add_legend, drawing_style, new_figure
from mmc_tf.report.picture import Picture

if TYPE_CHECKING:
    import pathlib

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EPSILON, STEP_SIZE = 0.3, 0.01
# Whether they aim at a class, and whether they are adapted to the head.
ATTACKS = tuple((targeted, adaptive) for targeted in (False, True) for adaptive in (True, False))
SHOWN = 2
_BATCH = 500


@experiment("mmc-figure-3b", source="MMC paper, Figure 3(b)", datasets=("mnist",))
def run(lab: Lab) -> Outcome:
    """The paths of two images, and the accuracy of many along the way."""
    iterations = lab.budget.pick(smoke=(0, 1, 2), short=range(0, 51, 10), paper=range(0, 51, 10))
    folder = lab.train(demo_network(lab, "MMC"))
    outputs = network_outputs(lab, folder, dataset="mnist")
    count = lab.plan("mnist").examples or len(outputs.labels)
    labels = outputs.labels[:count]
    targets = draw_targets(labels, outputs.logits.shape[1], seed=lab.seed)
    key = {"run": folder.name, "iterations": list(iterations), "count": count, "seed": lab.seed, "version": 1}
    paths = lab.compute(
        f"paths-{folder.name}",
        key,
        lambda: follow(lab, folder, labels, targets, iterations=tuple(iterations)),
    )["features"]
    predictions = nearest(paths, outputs.head["centers"])
    header = ("Attack", *(f"Iter-{number}" for number in iterations))
    accuracy = Table(
        name="accuracy",
        caption=f"Accuracy (%) on {count:,} test images at iterates of PGD, linf {EPSILON}, steps of {STEP_SIZE}",
        header=header,
        rows=tuple(
            (_title(*kind), _shares(predicted == labels))
            for kind, predicted in zip(ATTACKS, predictions, strict=True)
        ),
    )
    hits = Table(
        name="targets",
        caption="Images (%) that are classified as the target",
        header=header,
        rows=tuple(
            (_title(*kind), _shares(predicted == targets))
            for kind, predicted in zip(ATTACKS, predictions, strict=True)
            if kind[0]
        ),
    )
    chosen = choose_images(labels, predictions, seed=lab.seed)
    caption = (
        f"Features of all {len(outputs.labels):,} test images, with their classes, and where PGD takes two of them "
        f"(star: the clean image), with a marker every {iterations[1]} iterations up to {iterations[-1]}: circles for "
        "adaptive attacks, squares for softmax cross-entropy."
    )
    names = lab.dataset("mnist").class_names
    figure = draw(outputs, paths, labels, targets, chosen=chosen, names=names)
    arrays = {
        "features": outputs.features,
        "labels": outputs.labels,
        "centers": outputs.head["centers"],
        "paths": paths[:, :, chosen],
        "chosen": chosen,
        "targets": targets[chosen],
    }
    return Outcome(
        tables=(accuracy, hits),
        pictures=(Picture("figure-3b", "", caption, figure, is_wide=True),),
        notes=tuple(_compare(accuracy, hits)),
        arrays=arrays,
    )


def _title(targeted: bool, adaptive: bool) -> str:
    return f"{'targeted' if targeted else 'untargeted'}, {'adaptive' if adaptive else 'non-adaptive'}"


def _shares(flags: np.ndarray) -> tuple[Cell, ...]:
    return tuple(Cell(measured=float(100 * each.mean())) for each in flags)


def _compare(accuracy: Table, hits: Table) -> list[str]:
    ends = {name: cells[-1].measured for name, cells in accuracy.rows}
    reached = {name: cells[-1].measured for name, cells in hits.rows}
    return [
        f"After the last iteration {ends[_title(False, True)]:.1f} % survive the adaptive untargeted attack and "
        f"{ends[_title(False, False)]:.1f} % the non-adaptive one; {reached[_title(True, True)]:.1f} % and "
        f"{reached[_title(True, False)]:.1f} % are moved to the target.",
    ]


def draw_targets(labels: np.ndarray, num_classes: int, *, seed: int) -> np.ndarray:
    """A wrong class for each image, uniformly."""
    return (labels + 1 + np.random.default_rng(seed).integers(0, num_classes - 1, len(labels))) % num_classes


def choose_images(labels: np.ndarray, predictions: np.ndarray, *, seed: int) -> np.ndarray:
    """Indices of images of different classes, drawn from those that are classified correctly."""
    order = np.random.default_rng(seed).permutation(len(labels))
    right = [index for index in order if predictions[0, 0, index] == labels[index]] or list(order)
    chosen: list[int] = []
    for index in right:
        if len(chosen) < SHOWN and labels[index] not in labels[chosen]:
            chosen.append(int(index))
    return np.array(chosen)


def nearest(features: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The predicted classes (…,) of features (…, d)."""
    return ((features[..., None, :] - centers) ** 2).sum(axis=-1).argmin(axis=-1)


def follow(
    lab: Lab, folder: pathlib.Path, labels: np.ndarray, targets: np.ndarray, *, iterations: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """`features` (A, K, N, 2) of the iterates of each of `ATTACKS`."""
    import tensorflow as tf

    from mmc_tf.attacks.pgd import PGD
    from mmc_tf.evaluation.features import compute_features

    model = lab.load(folder)
    images = lab.dataset("mnist").test.part(0, len(labels)).as_float()
    found = np.zeros((len(ATTACKS), len(iterations), len(labels), 2), np.float32)
    for number, (targeted, adaptive) in enumerate(ATTACKS):
        attack = PGD(
            epsilon=EPSILON,
            step_size=STEP_SIZE,
            targeted=targeted,
            adaptive=adaptive,
            random_start=False,
            iterate="last",
        )

        # Nothing in it is random, so n iterations from the start are the n-th iterate of any longer run.
        @tf.function
        def iterate(images, labels, targets, indices, num_steps, attack=attack):
            aims = targets if attack.targeted else None
            return attack.perturb(model, images, labels, aims, indices=indices, num_steps=num_steps)

        for start in range(0, len(labels), _BATCH):
            part = slice(start, start + _BATCH)
            batch = (images[part], labels[part], targets[part].astype(np.int32), np.arange(len(labels))[part])
            batch = tuple(map(tf.constant, batch))
            for place, steps in enumerate(iterations):
                moved = iterate(*batch, tf.constant(steps))
                found[number, place, part] = compute_features(model, moved.numpy())
    return {"features": found}


def draw(
    outputs: Outputs,
    paths: np.ndarray,
    labels: np.ndarray,
    targets: np.ndarray,
    *,
    chosen: np.ndarray,
    names: Sequence[str],
) -> Figure:
    """A row of panels an image: untargeted attacks to the left, targeted ones to the right."""
    with drawing_style():
        figure = new_figure(7.6, 0.4 + 3.7 * len(chosen))
        grid = figure.subplots(len(chosen), 2, squeeze=False, sharex=True, sharey=True)
        for row, index in zip(grid, chosen, strict=True):
            for axes, targeted in zip(row, (False, True), strict=True):
                scatter_classes(
                    axes,
                    outputs.features,
                    outputs.labels,
                    names=names,
                    centers=outputs.head["centers"],
                    size=3,
                )
                for number, kind in enumerate(ATTACKS):
                    if kind[0] == targeted:
                        _draw_path(axes, paths[number, :, index], is_adaptive=kind[1])
                axes.scatter(*paths[0, 0, index], s=130, marker="*", color=INK, edgecolors="white", zorder=8)
                aim = f", targeted at {names[targets[index]]}" if targeted else ", untargeted"
                axes.set_title(f"an image of class {names[labels[index]]}{aim}")
                axes.set_aspect("equal")
                axes.grid(visible=False)
            row[0].set_ylabel("second feature")
        for axes in grid[-1]:
            axes.set_xlabel("first feature")
        add_legend(figure, grid[0, 0])
    return figure


def _draw_path(axes: Axes, path: np.ndarray, *, is_adaptive: bool) -> None:
    axes.plot(
        *path.T,
        color=INK if is_adaptive else SERIES[1],
        linestyle="-" if is_adaptive else "--",
        marker="o" if is_adaptive else "s",
        markersize=4.5 if is_adaptive else 4,
        markeredgecolor="white",
        markeredgewidth=0.6,
        linewidth=1.4,
        zorder=7 if is_adaptive else 6,
        label="adaptive" if is_adaptive else "non-adaptive (softmax cross-entropy)",
    )
