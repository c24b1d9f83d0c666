"""The paths of adaptive and non-adaptive PGD through a plane of features.

paper     Pang et al., ICLR 2020, Figure 3(b); MNIST, a network with two features, linf 0.3, 50 steps of 0.01
command   python -m mmc_tf.experiments run mmc-figure-3b --budget=short --data_dir=DIR
cost      short: a network of mmc-figure-1, and five minutes of attacks on a busy core
published a picture without numbers: "the adaptive attacks are indeed much more efficient than the non-adaptive one"
measured  short: untargeted, 37.2 % survive the adaptive objective, 63.0 % cross-entropy, 0.0 % the margin

The paper shows two test images and does not say from where its attacks start. These start at the clean image, so that
both paths begin at the same feature.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

    import keras
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmc_tf.attacks.gradient_attack import GradientAttack

EPSILON, STEP_SIZE = 0.3, 0.01
SHOWN = 2
_BATCH = 500


@dataclass(frozen=True)
class Kind:
    """An attack of the figure: what it climbs.

    Args:
        words: for the tables.
        targeted: whether it aims at a class.
        objective: a name of the library's objectives.
        is_drawn: whether it is the paper's.
    """

    words: str
    targeted: bool
    objective: str
    is_drawn: bool = True

    @property
    def title(self) -> str:
        """Both words."""
        return f"{'targeted' if self.targeted else 'untargeted'}, {self.words}"


# The paper's, and what Appendix B.4 has for C&W: un1 and tar1 only measure a distance to one center.
ATTACKS = tuple(
    Kind(words, targeted, objective, is_drawn)
    for targeted in (False, True)
    for words, objective, is_drawn in (
        ("adaptive", "mmc", True),
        ("non-adaptive", "ce", True),
        ("by the margin", "mmc_margin", False),
    )
)


@experiment("mmc-figure-3b", source="MMC paper, Figure 3(b)", datasets=("mnist",))
def run(lab: Lab) -> Outcome:
    """The paths of two images, and the accuracy of many along the way."""
    iterations = lab.budget.pick(smoke=(0, 1, 2), short=range(0, 51, 10), paper=range(0, 51, 10))
    folder = lab.train(demo_network(lab, "MMC"))
    outputs = network_outputs(lab, folder, dataset="mnist")
    count = lab.plan("mnist").examples or len(outputs.labels)
    labels = outputs.labels[:count]
    targets = draw_targets(labels, outputs.logits.shape[1], seed=lab.seed)
    key = {"run": folder.name, "iterations": list(iterations), "count": count, "seed": lab.seed}
    key["attacks"] = [kind.title for kind in ATTACKS]
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
            (kind.title, _shares(predicted == labels))
            for kind, predicted in zip(ATTACKS, predictions, strict=True)
        ),
    )
    hits = Table(
        name="targets",
        caption="Images (%) that are classified as the target",
        header=header,
        rows=tuple(
            (kind.title, _shares(predicted == targets))
            for kind, predicted in zip(ATTACKS, predictions, strict=True)
            if kind.targeted
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


def _shares(flags: np.ndarray) -> tuple[Cell, ...]:
    return tuple(Cell(measured=float(100 * each.mean())) for each in flags)


def _compare(accuracy: Table, hits: Table) -> list[str]:
    ends = {name: cells[-1].measured for name, cells in accuracy.rows}
    reached = {name: cells[-1].measured for name, cells in hits.rows}
    return [
        f"After the last iteration {ends['untargeted, adaptive']:.1f} % survive the adaptive untargeted attack and "
        f"{ends['untargeted, non-adaptive']:.1f} % the non-adaptive one; {reached['targeted, adaptive']:.1f} % and "
        f"{reached['targeted, non-adaptive']:.1f} % are moved to the target.",
        f"The untargeted adaptive objective -L_MMC(z, y) drives features away from their center, outwards too, where "
        f"they stay in their class; the margin leaves {ends['untargeted, by the margin']:.1f} %.",
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
    from mmc_tf.attacks.pgd import PGD
    from mmc_tf.evaluation.features import compute_features

    model = lab.load(folder)
    images = lab.dataset("mnist").test.part(0, len(labels)).as_float()
    found = np.zeros((len(ATTACKS), len(iterations), len(labels), 2), np.float32)
    for number, kind in enumerate(ATTACKS):
        attack = PGD(
            epsilon=EPSILON,
            step_size=STEP_SIZE,
            targeted=kind.targeted,
            objective=kind.objective,
            random_start=False,
            iterate="last",
        )
        walked = walk(attack, model, images, labels, targets, iterations=iterations)
        for place, moved in enumerate(walked):
            found[number, place] = compute_features(model, moved)
    return {"features": found}


def walk(
    attack: GradientAttack,
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    targets: np.ndarray,
    *,
    iterations: Sequence[int],
) -> Iterator[np.ndarray]:
    """The iterates (N, H, W, C) of an attack without random start, after each of some ascending numbers of steps."""
    import tensorflow as tf

    from mmc_tf.attacks.base import as_tensors

    tunables = as_tensors(attack.tunables())

    @tf.function
    def advance(point, images, labels, targets, num_steps):
        oracle = attack.oracle(model, labels, targets if attack.targeted else None, packing=False)

        def step(k, point):
            gradient = oracle.evaluate(point).gradient
            return k + 1, attack.advance(point, images, gradient, attack.initial_memory(images), tunables)[0]

        return tf.while_loop(
            lambda k, _: k < num_steps, step, (tf.constant(0), point), parallel_iterations=1
        )[1]

    point, labels, targets = images, labels.astype(np.int32), targets.astype(np.int32)
    for before, after in itertools.pairwise((0, *iterations)):
        parts = [slice(start, start + _BATCH) for start in range(0, len(labels), _BATCH)]
        given = [tuple(map(tf.constant, (point[p], images[p], labels[p], targets[p]))) for p in parts]
        point = np.concatenate([advance(*each, tf.constant(after - before)).numpy() for each in given])
        yield point


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
        figure = new_figure(7.6, 0.4 + 3.6 * len(chosen))
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
                    if kind.is_drawn and kind.targeted == targeted:
                        _draw_path(axes, paths[number, :, index], is_adaptive=kind.objective != "ce")
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
