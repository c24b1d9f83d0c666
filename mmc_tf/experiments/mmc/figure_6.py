"""Where the four adaptive objectives push a feature: their gradients in a plane with three centers.

paper     Pang et al., ICLR 2020, Figure 6 (Appendix B.4; drawn by hand there)
command   python -m mmc_tf.experiments run mmc-figure-6
cost      seconds
published directions: un1 z - μ_y, un2 μ_ỹ - μ_y, tar1 μ_t - z, tar2 μ_t - μ_y
measured  the library's objectives, differentiated automatically, give the same to float32's rounding
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.centers import spread_centers
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.report.colours import INK, MUTED, SERIES
from mmc_tf.report.drawing import drawing_style, new_figure
from mmc_tf.report.picture import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCALE = 10.0
LABEL, TARGET = 0, 2
# A feature of class y that is nearer to the class that is not the target, as in the paper's figure.
FEATURE = (0.35, 0.42)
# The paper's name, the library's, whether it aims at y_t, and what the paper's formula says of its gradient.
OBJECTIVES: tuple[tuple[str, str, bool, Callable], ...] = (
    ("un, 1", "mmc", False, lambda z, own, other, target: z - own),
    ("un, 2", "mmc_margin", False, lambda z, own, other, target: other - own),
    ("tar, 1", "mmc", True, lambda z, own, other, target: target - z),
    ("tar, 2", "mmc_margin", True, lambda z, own, other, target: target - own),
)
_FORMULAS = ("z − μy", "μỹ − μy", "μt − z", "μt − μy")


@experiment("mmc-figure-6", source="MMC paper, Figure 6", datasets=())
def run(lab: Lab) -> Outcome:
    """The arrows, and their distance from the formulas."""
    centers = _centers()
    grid = _grid(lab.budget.pick(smoke=5, short=11, paper=11))
    fields = [gradients(grid, name, targeted=targeted) for _, name, targeted, _ in OBJECTIVES]
    feature = SCALE * np.array([FEATURE])
    rows = []
    for (title, name, targeted, formula), text, field in zip(OBJECTIVES, _FORMULAS, fields, strict=True):
        expected = formula(grid, centers[LABEL], centers[runners_up(grid, centers)], centers[TARGET])
        (arrow,) = gradients(feature, name, targeted=targeted)
        rows.append(
            (
                title,
                (
                    name,
                    text,
                    Cell(measured=float(np.linalg.norm(arrow)), digits=3),
                    Cell(measured=float(np.degrees(np.arctan2(arrow[1], arrow[0])))),
                    f"{np.abs(field - np.broadcast_to(expected, field.shape)).max():.1e}",
                ),
            )
        )
    table = Table(
        name="gradients",
        caption="Gradients of the objectives: at the marked feature their length and direction (degrees), and on the "
        "whole grid the largest difference from the formula in any coordinate",
        header=("Objective", "Name", "Formula", "Length", "Direction", "Difference"),
        rows=tuple(rows),
    )
    picture = Picture(
        "figure-6",
        "",
        "Arrows: where each adaptive objective moves a feature z of class y, at a tenth of their length; bold, at a "
        "fifth: of one feature z. Crosses: centers, of radius 10. Lines: boundaries between classes, with y's region "
        "in grey.",
        draw(grid, fields),
        is_wide=True,
    )
    arrays = {"grid": grid, "centers": centers, "gradients": np.stack(fields)}
    return Outcome(tables=(table,), pictures=(picture,), arrays=arrays)


def _centers() -> np.ndarray:
    """Three centers (3, 2): y at the top, ỹ to the right and y_t to the left of it."""
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    at_right, at_left = 2, 1
    return (spread_centers(3, 2, scale=SCALE) @ turn)[[0, at_right, at_left]]


def _grid(side: int) -> np.ndarray:
    """Features (side², 2) around the centers, none of them on a boundary."""
    line = np.linspace(-1.35 * SCALE, 1.35 * SCALE, side) + 0.017 * SCALE
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype(np.float32)


def runners_up(features: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """ỹ (N,): the class of the nearest center apart from y's."""
    distances = ((features[:, None] - centers) ** 2).sum(axis=-1)
    distances[:, LABEL] = np.inf
    return distances.argmin(axis=1)


def gradients(features: np.ndarray, objective: str, *, targeted: bool) -> np.ndarray:
    """∇_z of one of the library's objectives, which attacks climb, by automatic differentiation: (N, 2) -> (N, 2)."""
    import tensorflow as tf

    from mmc_tf.attacks.objectives import objectives
    from mmc_tf.classifier import Scores
    from mmc_tf.models.heads import MMCLogits

    head = MMCLogits(3, centers=_centers())
    points = tf.constant(features, tf.float32)
    labels = tf.fill([len(features)], LABEL)
    targets = tf.fill([len(features)], TARGET) if targeted else None
    with tf.GradientTape() as tape:
        tape.watch(points)
        head(points)  # builds it
        scores = Scores(head.shifted_logits(points), head, points)
        total = tf.reduce_sum(objectives.get(objective)(scores, labels, targets))
    return tape.gradient(total, points).numpy()


def draw(grid: np.ndarray, fields: list[np.ndarray]) -> Figure:
    """A panel an objective."""
    with drawing_style():
        figure = new_figure(7.4, 7.4)
        panels = figure.subplots(2, 2, sharex=True, sharey=True)
        for axes, (title, name, targeted, _), text, field in zip(
            panels.flat, OBJECTIVES, _FORMULAS, fields, strict=True
        ):
            _draw_panel(axes, grid, field, gradients(SCALE * np.array([FEATURE]), name, targeted=targeted)[0])
            axes.set_title(f"{title}: along {_as_mathtext(text)}", parse_math=True)
        for axes in panels[-1]:
            axes.set_xlabel("first feature")
        for axes in panels[:, 0]:
            axes.set_ylabel("second feature")
    return figure


def _as_mathtext(formula: str) -> str:
    """A formula of `_FORMULAS` with subscripts."""
    for plain, set_in_math in (("μỹ", r"\mu_{\tilde{y}}"), ("μy", r"\mu_y"), ("μt", r"\mu_t"), ("−", "-")):
        formula = formula.replace(plain, set_in_math)
    return f"${formula}$"


def _draw_panel(axes: Axes, grid: np.ndarray, field: np.ndarray, arrow: np.ndarray) -> None:
    centers = _centers()
    side = 1.6 * SCALE
    # The boundaries leave the origin opposite to the centers.
    rays = [-4 * side * center / SCALE for center in centers]
    axes.fill(*np.array([[0, 0], rays[1], rays[2]]).T, color=MUTED, alpha=0.13, linewidth=0)
    for ray in rays:
        axes.plot([0, ray[0]], [0, ray[1]], color=MUTED, linewidth=0.9)
    own = (np.linalg.norm(grid[:, None] - centers, axis=-1)).argmin(axis=1) == LABEL
    arrows = {"angles": "xy", "scale_units": "xy", "scale": 10, "pivot": "tail"}
    for members, colour in ((own, SERIES[0]), (~own, MUTED)):
        axes.quiver(*grid[members].T, *field[members].T, color=colour, width=0.004, zorder=2, **arrows)
    feature = SCALE * np.array(FEATURE)
    axes.quiver(*feature, *arrow, color=SERIES[1], width=0.011, zorder=4, **{**arrows, "scale": 5})
    axes.scatter(*feature, s=34, color=SERIES[1], edgecolors=INK, linewidths=0.7, zorder=5)
    for center, name in zip(centers, ("μy", "μỹ", "μt"), strict=True):
        axes.scatter(*center, s=60, marker="X", color=INK, edgecolors="white", linewidths=0.8, zorder=5)
        axes.annotate(
            _as_mathtext(name),
            center,
            xytext=(8, 7),
            textcoords="offset points",
            fontsize=12,
            parse_math=True,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.85, "linewidth": 0},
            zorder=6,
        )
    axes.annotate(
        "z", feature, xytext=(-4, 7), textcoords="offset points", fontsize=10, fontweight="bold", zorder=6
    )
    axes.set_xlim(-side, side)
    axes.set_ylim(-side, side)
    axes.set_aspect("equal")
    axes.grid(visible=False)
