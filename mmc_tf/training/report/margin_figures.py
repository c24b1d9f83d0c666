"""How margins are drawn: their distributions epoch by epoch (Ding et al., ICLR 2020, Figure 4), and two curves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc_tf.report.colours import GRID, INK, LINES, MUTED, SERIES, series_style
from mmc_tf.report.drawing import add_legend, drawing_style, legend_label, new_figure
from mmc_tf.report.picture import Picture
from mmc_tf.training.report.margins import MarginGroup, TrackedMargins, choose_epochs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_EPOCHS, BINS = 8, 30
_MAX_LANES = 24  # histograms in one picture, each wide enough to be seen
_WIDTH, _HEIGHT = 8.8, 3.4
_MARKERS = 12  # on a line, about
_SMALL_FONT = 7.5
# Without colours, neighbours are told apart by how they are filled.
_FILLS = (
    {},
    {"facecolor": "none"},
    {"facecolor": "none", "hatch": "//////"},
    {"facecolor": "none", "hatch": "....."},
)


def margin_pictures(group: MarginGroup) -> tuple[Picture, list[Picture]]:
    """The distributions, and the curves of average and of small margins against the epoch."""
    sizes = sorted({run.values.shape[1] for run in group.runs})
    points = " or ".join(map(str, sizes)) + " training points"
    order = " Runs stand from left to right as they are listed." if len(group.runs) > 1 else ""
    missing = " Above them are the points for which no boundary was found." if _any_missing(group) else ""
    distributions = Picture(
        f"margins-{group.key}",
        "",
        f"Margins in {group.norm} of the same {points} after each epoch, as histograms turned by 90°; misclassified "
        f"points have margin 0. Widths are on one scale, and bars that are too long are cut.{order}{missing} "
        f"Below is the share of points with a {group.small}, which is where the dotted line is.",
        draw_distributions(group),
        is_wide=True,
    )
    curves = [
        Picture(
            f"margin-average-{group.key}",
            "",
            f"Average margin in {group.norm} of the {points}, of those for which a boundary was found.",
            draw_averages(group),
        ),
        Picture(
            f"margin-small-{group.key}",
            "",
            f"Share of the {points} with a {group.small}, misclassified ones included.",
            draw_small(group),
        ),
    ]
    return distributions, curves


def _any_missing(group: MarginGroup) -> bool:
    return any(np.isnan(run.values).any() for run in group.runs)


def draw_distributions(group: MarginGroup) -> Figure:
    """One subplot an epoch, in it one histogram a run side by side: margins upwards, shares of the points to the right.

    Below each stands the share of its small margins. An epoch that a run has not recorded leaves its place empty.

    Args:
        group: the runs.
    """
    epochs = choose_epochs(
        [epoch for run in group.runs for epoch in run.epochs.tolist()],
        max(2, min(MAX_EPOCHS, _MAX_LANES // len(group.runs))),
    )
    rows = {(run.run, epoch): run.at(epoch) for run in group.runs for epoch in epochs}
    rows = {key: row for key, row in rows.items() if row is not None}
    top = max(float(row[np.isfinite(row)].max(initial=0)) for row in rows.values()) or 1.0
    edges = np.linspace(0, top, BINS + 1)
    shares = {key: shares_of(row, edges) for key, row in rows.items()}
    # Misclassified points are in the lowest bin. Early in training they are most of them, and would dwarf all others.
    full = float(np.ceil(max(inside[1:].max() for inside, _ in shares.values()))) or 100.0
    lane = 1.1 * full
    with drawing_style():
        figure = new_figure(_WIDTH, _HEIGHT)
        subplots = figure.subplots(1, len(epochs), sharey=True, squeeze=False)[0]
        for axes, epoch in zip(subplots, epochs, strict=True):
            labels = []
            for place, run in enumerate(group.runs):
                key = run.run, epoch
                labels.append(f"{100 * np.mean(rows[key] < group.threshold):.0f}" if key in rows else "–")
                if key in rows:
                    axes.axvline(place * lane, color=GRID, linewidth=0.8, zorder=0)
                    _draw_lane(axes, shares[key], edges, left=place * lane, full=full, fill=_fill(run, place))
            axes.axhline(group.threshold, color=INK, linewidth=0.8, linestyle=":")
            axes.set_xlabel(f"epoch {epoch}")
            axes.set_xlim(0, len(group.runs) * lane)
            axes.set_xticks(
                [(place + 0.5) * lane for place in range(len(group.runs))], labels, fontsize=_SMALL_FONT
            )
            axes.tick_params(axis="x", length=0)
            axes.grid(visible=False)
        _set_margin_axis(subplots[0], edges, has_missing=any(missing for _, missing in shares.values()))
        subplots[0].set_ylabel(f"margin, {group.norm} (pixels of [0, 1])")
        figure.suptitle(
            f"Width of a histogram: 0 to {full:.0f} % of the points in a bar; longer bars are cut. "
            f"Below: % of the points with {group.small}.",
            fontsize=_SMALL_FONT + 0.5,
            color=MUTED,
        )
        for place, run in enumerate(group.runs):  # also of runs whose place in the first subplot is empty
            subplots[0].fill([np.nan], [np.nan], label=legend_label(run.name), **_fill(run, place))
        add_legend(figure, subplots[0])
    return figure


def _fill(run: TrackedMargins, place: int) -> dict[str, Any]:
    colour = SERIES[run.run % len(SERIES)]
    style = {"facecolor": colour, "edgecolor": colour, "linewidth": 0.9}
    return style | _FILLS[place % len(_FILLS)]


def shares_of(margins: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, float]:
    """The percentage of the points in each bin, and that of the points without a margin.

    Args:
        margins: (N,), NaN where none was found.
        edges: (B + 1,) of the bins, around all margins.
    """
    found = margins[np.isfinite(margins)]
    counts = np.histogram(found, np.asarray(edges, np.float64))[0]
    return 100 * counts / len(margins), 100 * (1 - len(found) / len(margins))


def _draw_lane(
    axes: Axes,
    shares: tuple[np.ndarray, float],
    edges: np.ndarray,
    *,
    left: float,
    full: float,
    fill: dict[str, Any],
) -> None:
    inside, missing = shares
    stairs = {"orientation": "horizontal", "baseline": left, "fill": True, **fill}
    axes.stairs(left + np.minimum(inside, full), edges, **stairs)
    if missing:
        axes.stairs([left + min(missing, full)], _missing_edges(edges), **stairs)


def _missing_edges(edges: np.ndarray) -> np.ndarray:
    """Where the bar of the points without a margin lies: above all others, with a gap."""
    return edges[-1] * np.array([1.06, 1.06 + 2 / BINS])


def _set_margin_axis(axes: Axes, edges: np.ndarray, *, has_missing: bool) -> None:
    axes.set_ylim(0, 1.03 * edges[-1])
    if has_missing:
        lower, upper = _missing_edges(edges)
        axes.set_ylim(0, upper * 1.01)
        ticks = [tick for tick in axes.get_yticks() if tick <= edges[-1]]
        labels = [f"{tick:g}" for tick in np.round(ticks, 10)]
        axes.set_yticks([*ticks, (lower + upper) / 2], [*labels, "none found"])


def draw_averages(group: MarginGroup) -> Figure:
    """The average margin of each run against the epoch."""
    lines = [(run, run.averages()) for run in group.runs]
    return _draw_lines(lines, f"average margin, {group.norm} (pixels of [0, 1])")


def draw_small(group: MarginGroup) -> Figure:
    """The share of small margins of each run against the epoch."""
    lines = [(run, 100 * run.shares_below(group.threshold)) for run in group.runs]
    return _draw_lines(lines, f"points with {group.small} (%)")


def _draw_lines(lines: Iterable[tuple[TrackedMargins, np.ndarray]], label: str) -> Figure:
    with drawing_style():
        figure = new_figure()
        axes = figure.subplots()
        for run, values in lines:
            style = series_style(run.run) | {"markevery": max(1, len(values) // _MARKERS)}
            axes.plot(
                run.epochs,
                values,
                label=legend_label(run.name),
                linestyle=LINES[run.run % len(LINES)],
                **style,
            )
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        add_legend(figure, axes)
    return figure
