"""Robust accuracy against the radius, and against the number of steps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmc_tf.evaluation.report.series import Line
from mmc_tf.evaluation.wording import radius
from mmc_tf.report.colours import INK, LINES, MUTED, series_style
from mmc_tf.report.drawing import add_legend, drawing_style, legend_label, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_TICKS = 6
_LOGARITHMIC_FROM = 8


def draw_accuracy_by_epsilon(
    lines: Sequence[Line], *, norm: str, clean_accuracy: float | None = None, worst: Line | None = None
) -> Figure:
    """Robust accuracy against ε with 95 % intervals.

    Args:
        lines: one an attack, or one a network with its clean accuracy at ε = 0.
        norm: of the radius.
        clean_accuracy: of all lines, a share in [0, 1]; None: of each its own.
        worst: what survives all attacks.
    """
    with drawing_style():
        figure = new_figure()
        axes = figure.subplots()
        for number, line in enumerate(lines):
            _plot(axes, line, line.name, **series_style(number))
        if worst is not None:
            _plot(axes, worst, worst.name, color=INK, marker="", linewidth=2.2, linestyle="--")
        if clean_accuracy is not None:
            _add_clean(axes, clean_accuracy)
        _label_accuracy(axes)
        axes.set_xlabel(f"radius ε, {norm} (pixels of [0, 1])")
        radii = sorted({value for line in lines for value in line.x} - {0.0})
        axes.set_xlim(left=0, right=radii[-1] * 1.05)
        if len(radii) <= _MOST_TICKS and _are_apart(radii):
            axes.set_xticks([0, *radii], ["0", *map(radius, radii)])
        add_legend(figure, axes)
    return figure


def draw_accuracy_by_steps(lines: Sequence[Line], *, norm: str, clean_accuracy: float) -> Figure:
    """Robust accuracy against the number of steps with 95 % intervals; attacks by colour, radii by stroke.

    Args:
        lines: one an attack and radius.
        norm: of the radii.
        clean_accuracy: share in [0, 1].
    """
    names = list(dict.fromkeys(line.name for line in lines))
    radii = list(dict.fromkeys(line.epsilon for line in lines))
    steps = sorted({value for line in lines for value in line.x})
    with drawing_style():
        figure = new_figure()
        axes = figure.subplots()
        for line in lines:
            stroke = LINES[radii.index(line.epsilon) % len(LINES)]
            _plot(
                axes,
                line,
                f"{line.name}, ε {radius(line.epsilon)}",
                linestyle=stroke,
                **series_style(names.index(line.name)),
            )
        _add_clean(axes, clean_accuracy)
        _label_accuracy(axes)
        axes.set_xlabel(f"number of steps ({norm})")
        if steps[-1] >= _LOGARITHMIC_FROM * steps[0]:
            axes.set_xscale("log")
        if len(steps) <= _MOST_TICKS:
            axes.set_xticks(steps, [f"{value:g}" for value in steps])
            axes.minorticks_off()
        add_legend(figure, axes)
    return figure


def _are_apart(radii: Sequence[float]) -> bool:
    """Whether labels at these places and at 0 have room beside each other."""
    places = [0.0, *radii]
    return min(b - a for a, b in itertools.pairwise(places)) > 0.11 * places[-1]


def _plot(axes: Axes, line: Line, label: str, **style) -> None:
    below = [max(y - low, 0) for y, low in zip(line.y, line.low, strict=True)]
    above = [max(high - y, 0) for y, high in zip(line.y, line.high, strict=True)]
    axes.errorbar(
        line.x, line.y, yerr=[below, above], label=legend_label(label), capsize=2.5, elinewidth=1, **style
    )


def _add_clean(axes: Axes, clean_accuracy: float) -> None:
    axes.axhline(
        100 * clean_accuracy, color=MUTED, linewidth=1, linestyle=(0, (1, 2)), label="clean accuracy"
    )


def _label_accuracy(axes: Axes) -> None:
    axes.set_ylabel("robust accuracy (%)")
    axes.set_ylim(-3, 103)
    axes.set_yticks(range(0, 101, 20))
