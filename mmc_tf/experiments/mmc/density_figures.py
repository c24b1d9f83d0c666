"""The pictures of sample density, and what the numbers beside them say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.experiments.outcome import Table
from mmc_tf.report.colours import SERIES, series_style
from mmc_tf.report.drawing import add_legend, drawing_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 3
_WIDE_RANGE = 30
_GROUPS = {"LGM": "class, then runner-up", "MMC": "class"}


@dataclass(frozen=True, kw_only=True)
class Group:
    """One class, or one class with its runner-up, in K shells of the loss.

    Attributes:
        name: `3`, or `3-5` for class 3 with runner-up 5.
        size: images.
        beyond: the share of them whose loss none of the theorem's contours has.
        loss: (K,) in the middle of each shell, ascending.
        measured: (K,) log10 of the density.
        predicted: (K,) log10, by the theorem.
        corrected: (K,) log10, by the theorem with shells of the right thickness.
    """

    name: str
    size: int
    beyond: float
    loss: np.ndarray
    measured: np.ndarray
    predicted: np.ndarray
    corrected: np.ndarray

    def finite(self) -> Group:
        """Without the shells that have no volume."""
        kept = np.isfinite(self.measured) & np.isfinite(self.predicted)
        return replace(self, **{name: values[kept] for name, values in self.arrays().items()})

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in ("loss", "measured", "predicted", "corrected")}


def draw_theorems(
    groups: Mapping[str, Sequence[Group]], *, titles: Mapping[str, str], names: Sequence[str]
) -> Figure:
    """A panel a theorem: log density against the loss, of the largest groups.

    Args:
        groups: by loss, the largest first.
        titles: by loss.
        names: of the classes.
    """
    shown = {loss: each for loss, each in groups.items() if each}
    with drawing_style():
        figure = new_figure(0.4 + 4.0 * len(shown), 4.0)
        panels = figure.subplots(1, len(shown), squeeze=False)[0]
        for axes, (loss, each) in zip(panels, shown.items(), strict=True):
            largest = [group.finite() for group in each[:_SHOWN]]
            for number, group in enumerate(largest):
                label = ", then ".join(names[int(place)] for place in group.name.split("-"))
                axes.plot(group.loss, group.measured, **series_style(number), linestyle="", label=label)
            for kind, width in (("predicted", 1.6), ("corrected", 0.8)):
                for number, group in enumerate(largest):
                    style = {"color": SERIES[number], "linestyle": ("-", "--", ":")[number]}
                    word = "theorem" if kind == "predicted" else "corrected"
                    axes.plot(group.loss, getattr(group, kind), linewidth=width, label=word, **style)
            values = np.concatenate([group.loss for group in largest])
            if len(values) and values.max() > _WIDE_RANGE * values.min():
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")  # not as mathematics
            axes.set_title(titles[loss])
            axes.set_xlabel("loss C")
            axes.legend(
                title=f"{_GROUPS[loss]}: measured, by the theorem, by the corrected one",
                fontsize=7.5,
                title_fontsize=7.5,
                ncols=3,
                handlelength=2.6,
                loc="upper center",
                bbox_to_anchor=(0.5, -0.2),
            )
        panels[0].set_ylabel("log10 of the sample density")
    return figure


def draw_neighbours(curves: Mapping[str, np.ndarray]) -> Figure:
    """A line a loss: how far neighbours are, from the examples of the least loss to those of the largest."""
    with drawing_style():
        figure = new_figure()
        axes = figure.subplots()
        for number, (title, curve) in enumerate(curves.items()):
            places = (np.arange(len(curve)) + 0.5) * 100 / len(curve)
            line = ("-", "--", ":", "-.")[number % 4]
            axes.plot(places, curve, **series_style(number), linestyle=line, label=title)
        axes.set_xlabel("place of the loss within its class (%)")
        axes.set_ylabel("distance to neighbours (%)")
        values = np.concatenate(list(curves.values()))
        if values.min() > 0 and values.max() > _WIDE_RANGE / 3 * values.min():
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if _leading(value) in "25" else "")
        else:
            axes.set_ylim(bottom=0)
        add_legend(figure, axes)
    return figure


def _leading(value: float) -> str:
    return f"{value:e}"[0]


def remarks(theorems: Table, crowding: Table) -> list[str]:
    """What the tables say, in sentences."""
    found = [
        "The paper's Eq. 14 and 18 take a shell between the contours of C and C + ΔC to be ΔC thick, where it is "
        "|dr/dC| ΔC thick: for MMC the exponent (d-1)/2 in Theorem 2 becomes (d-2)/2. What is measured is divided by "
        "the exact volume.",
        "Measured and predicted densities share their volumes, so that their agreement tests only the distribution of "
        "the loss; the neighbours' distances rest on no contours.",
    ]
    for name, cells in theorems.rows:
        measured, predicted = cells[2].measured, cells[3].measured
        if measured is not None:
            agree = "agree" if measured * predicted > 0 else "disagree"
            found.append(
                f"{name}: towards small losses the density {_direction(measured)} as measured and "
                f"{_direction(predicted)} as predicted: they {agree} on the direction."
            )
    correlations = {name: cells[3].measured for name, cells in crowding.rows}
    growth = {name: cells[2].measured / cells[1].measured for name, cells in crowding.rows}
    shown = ", ".join(f"{name} {value:.1f}" for name, value in growth.items())
    found.append(f"Neighbours at the largest losses are so many times as far as at the least: {shown}.")
    sparse = [name for name in correlations if correlations[name] < 0 and not name.startswith("MMC")]
    found.append(
        "Section 3.2 has points of low loss spread sparsely under softmax losses; by their neighbours they do so with "
        f"{', '.join(sparse) or 'none of them'}."
    )
    return found


def _direction(rise: float) -> str:
    return "grows" if rise > 0 else "falls"
