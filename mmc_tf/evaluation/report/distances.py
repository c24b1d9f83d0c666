"""How far the adversarial images are from the clean ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc_tf.evaluation.report.series import name_of
from mmc_tf.report.colours import SERIES, series_style
from mmc_tf.report.drawing import add_legend, drawing_style, legend_label, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Enough for an eye; ten thousand corners a curve would make the page slow.
MAX_POINTS = 200
# Attacks within a radius whose images all lie on its edge say nothing by their distances.
_SPREAD = 0.05


@dataclass(frozen=True)
class Curve:
    """What is left of an accuracy within a distance: falling steps.

    Attributes:
        name: of the attack.
        distance: where it falls, ascending, from 0.
        accuracy: from there on, in percent of all examples.
    """

    name: str
    distance: np.ndarray
    accuracy: np.ndarray


def accuracy_within(distances: np.ndarray, *, correct: int, total: int) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy, in percent, that is left when images may be changed by so much.

    Args:
        distances: of the examples that were broken, (M,).
        correct: how many are classified correctly without an attack.
        total: number of examples.

    Returns:
        Distances (P,) from 0 on, and the accuracy (P,) from each on; at most `MAX_POINTS` of them.

    Example:
        >>> accuracy_within(np.array([0.2, 0.1]), correct=3, total=4)
        (array([0. , 0.1, 0.2]), array([75., 50., 25.]))
    """
    ordered = np.concatenate([[0.0], np.sort(np.asarray(distances, np.float64))])
    accuracy = 100 * (correct - np.arange(len(ordered))) / total
    if len(ordered) > MAX_POINTS:
        kept = np.unique(np.linspace(0, len(ordered) - 1, MAX_POINTS).round().astype(int))
        ordered, accuracy = ordered[kept], accuracy[kept]
    return ordered, accuracy


def curves_of(
    records: Sequence[Mapping[str, Any]], examples: Mapping[str, np.ndarray], norm: str
) -> list[Curve]:
    """The curves of the attacks in one norm whose adversarial images lie at different distances.

    Of an attack that was run with several radii or numbers of steps, the largest; of too many, the strongest.

    Args:
        records: of `results.json`.
        examples: of `examples.npz`.
        norm: of the distances.
    """
    chosen: dict[str, int] = {}
    for number, record in enumerate(records):
        if record["norm"] != norm or record["radius"] == "none":
            continue
        name = name_of(record)
        if name not in chosen or _size(record) > _size(records[chosen[name]]):
            chosen[name] = number
    kept = sorted(chosen.values(), key=lambda number: records[number]["robust"])[: len(SERIES)]
    correct = int((examples["clean_prediction"] == examples["label"]).sum())
    curves = []
    for number in sorted(kept):
        record = records[number]
        reached = examples["found" if record["radius"] == "least" else "misclassified"][number]
        distances = examples["distance"][number][examples["attacked"][number] & reached]
        if len(distances) and (record["radius"] == "least" or _spread(distances) > _SPREAD):
            points = accuracy_within(distances, correct=correct, total=len(examples["label"]))
            curves.append(Curve(record["label"], *points))
    return curves


def _spread(distances: np.ndarray) -> float:
    return float(np.ptp(distances)) / max(float(distances.max()), 1e-30)


def _size(record: Mapping[str, Any]) -> tuple[float, int]:
    return record["epsilon"] or 0.0, record["num_steps"]


def draw_distances(curves: Sequence[Curve], *, norm: str) -> Figure:
    """Accuracy left within a distance, one falling curve an attack.

    Args:
        curves: at least one.
        norm: of the distances.
    """
    end = 1.05 * max(curve.distance[-1] for curve in curves)
    with drawing_style():
        figure = new_figure()
        axes = figure.subplots()
        for number, curve in enumerate(curves):
            style = series_style(number) | {"marker": ""}
            axes.step(
                [*curve.distance, end],
                [*curve.accuracy, curve.accuracy[-1]],
                where="post",
                label=legend_label(curve.name),
                **style,
            )
        axes.set_xlim(0, end or 1)
        axes.set_ylim(-3, 103)
        axes.set_yticks(range(0, 101, 20))
        axes.set_xlabel(f"distance, {norm} (pixels of [0, 1])")
        axes.set_ylabel("accuracy left within the distance (%)")
        axes.locator_params(axis="x", nbins=7)
        add_legend(figure, axes, minimum=1)
    return figure
