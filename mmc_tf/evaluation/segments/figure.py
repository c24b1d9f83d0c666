"""The losses along segments as the MMA paper draws them (Figure 3): a panel a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.evaluation.segments.walk import POSITIONS, Segments
from mmc_tf.report.colours import INK, MARKERS, MUTED, SERIES
from mmc_tf.report.drawing import add_legend, drawing_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3
_WIDTH, _HEIGHT, _MARGIN = 3.1, 2.9, 0.5
_WORDS = {"train": "training", "test": "test"}
_LINES = {"train": "-", "test": (0, (4, 2))}
_LONGEST_TITLE = 42


def draw_segments(panels: Sequence[tuple[str, str, Sequence[Segments]]]) -> Figure:
    """Each kept image's losses as a thin line, and each split's mean as a thick one.

    Every panel has a scale of its own: logits of different heads differ by orders of magnitude.

    Args:
        panels: title, lines below it, and the segments of the splits, of each run.
    """
    columns = 2 if len(panels) == 4 else min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    with drawing_style():
        figure = new_figure(_MARGIN + columns * _WIDTH, _MARGIN + rows * _HEIGHT)
        grid = figure.subplots(rows, columns, squeeze=False)
        for number, axes in enumerate(grid.flat):
            if number >= len(panels):
                axes.set_axis_off()
                continue
            title, subtitle, segments = panels[number]
            axes.set_title(f"{_shortened(title)}\n{subtitle}", fontsize=8)
            for place, each in enumerate(segments):
                _draw_split(axes, each, place)
            _draw_boundary(axes, segments)
            axes.set_xlim(-0.02, 1.02)
            axes.set_xticks(np.linspace(0, 1, 6))
            if number % columns == 0:
                axes.set_ylabel("logit margin loss")
            if number + columns >= len(panels):
                axes.set_xlabel("relative position (0 clean, 1 perturbed)")
        add_legend(figure, grid[0, 0])
    return figure


def _draw_split(axes: Axes, segments: Segments, place: int) -> None:
    style = {"color": SERIES[place], "linestyle": _LINES[segments.split]}
    for losses in segments.kept:
        axes.plot(POSITIONS, losses, linewidth=0.6, alpha=0.45, **style)
    mean = segments.kept.mean(axis=0) if len(segments.kept) else np.full(len(POSITIONS), np.nan)
    axes.plot(
        POSITIONS,
        mean,
        linewidth=2.2,
        zorder=3,
        marker=MARKERS[place],
        markevery=2,
        markeredgecolor="white",
        label=f"{_WORDS[segments.split]} images: each, and their mean (thick)",
        **style,
    )


def _draw_boundary(axes: Axes, segments: Sequence[Segments]) -> None:
    """The line that no kept image crosses at its ends, and room above it to say so."""
    losses = np.concatenate([each.kept for each in segments])
    low, high = (float(losses.min()), float(max(losses.max(), 0))) if len(losses) else (-1.0, 0.0)
    axes.set_ylim(1.04 * low, high + 0.13 * (high - low))
    axes.axhline(0, color=INK, linewidth=1.0)
    axes.text(
        0.98, high, "misclassified above 0", transform=axes.get_yaxis_transform(), ha="right", va="bottom",
        fontsize=7.5, color=MUTED,
    )  # fmt: skip
    if not len(losses):
        axes.set_yticks([0])
        axes.text(0.5, -0.5, "no perturbation failed", ha="center", va="center", color=MUTED)


def _shortened(title: str) -> str:
    return title if len(title) <= _LONGEST_TITLE else "…" + title[1 - _LONGEST_TITLE :]
