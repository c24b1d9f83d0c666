"""The Max-Mahalanobis centers of two, three and four classes: a segment, a triangle, a tetrahedron.

paper     Pang et al., ICLR 2020, Figure 5 (Appendix B.1)
command   python -m mmc_tf.experiments run mmc-figure-5
cost      seconds
published inner products -1/(L-1) of unit centers: angles of 180, 120 and 109.5 degrees
measured  the same to rounding
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.centers import simplex_centers
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.report.colours import INK, MUTED, SERIES
from mmc_tf.report.drawing import drawing_style, new_figure
from mmc_tf.report.picture import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NUM_CLASSES = (2, 3, 4)
_SHAPES = {2: "segment", 3: "equilateral triangle", 4: "regular tetrahedron"}
# Where the tetrahedron is looked at from, in degrees around the vertical and above the horizon.
_AZIMUTH, _ELEVATION = 78.0, 18.0


@experiment("mmc-figure-5", source="MMC paper, Figure 5", datasets=())
def run(lab: Lab) -> Outcome:
    """The centers by Algorithm 1, their inner products, and a drawing."""
    centers = {number: simplex_centers(number, number - 1) for number in NUM_CLASSES}
    table = Table(
        name="angles",
        caption="Unit centers by Algorithm 1: inner products of two, and the angle between them (degrees)",
        header=("Classes L", "Dimension L-1", "Least", "Largest", "Angle"),
        rows=tuple((str(number), _row(each)) for number, each in centers.items()),
    )
    picture = Picture(
        "figure-5",
        "",
        "Max-Mahalanobis centers (dots) of 2, 3 and 4 classes on the unit sphere, with the origin (cross). Dotted: "
        "from the origin to the centers; dashed: the edges behind the tetrahedron.",
        draw(centers),
        is_wide=True,
    )
    arrays = {f"centers_{number}": each for number, each in centers.items()}
    return Outcome(tables=(table,), pictures=(picture,), arrays=arrays)


def _row(centers: np.ndarray) -> tuple[Cell | str, ...]:
    number = len(centers)
    products = (centers @ centers.T)[np.triu_indices(number, 1)]
    published = -1 / (number - 1)
    angles = np.degrees(np.arccos(np.clip(products, -1, 1)))
    return (
        str(number - 1),
        Cell(measured=float(products.min()), published=published, digits=6),
        Cell(measured=float(products.max()), published=published, digits=6),
        Cell(measured=float(angles.mean()), published=float(np.degrees(np.arccos(published))), digits=2),
    )


def project(points: np.ndarray) -> np.ndarray:
    """Points of up to three dimensions as seen by the observer: across, upwards, and towards the observer (N, 3)."""
    if points.shape[1] < 3:
        return np.pad(points, ((0, 0), (0, 3 - points.shape[1])))
    # The first coordinate points upwards: the first center is the top.
    up, x, y = points.T
    azimuth, elevation = np.radians([_AZIMUTH, _ELEVATION])
    across = np.cos(azimuth) * x - np.sin(azimuth) * y
    away = np.sin(azimuth) * x + np.cos(azimuth) * y
    return np.stack(
        [
            across,
            np.cos(elevation) * up + np.sin(elevation) * away,
            np.sin(elevation) * up - np.cos(elevation) * away,
        ],
        axis=1,
    )


def draw(centers: dict[int, np.ndarray]) -> Figure:
    """A panel a number of classes."""
    with drawing_style():
        figure = new_figure(7.6, 2.9)
        for axes, (number, each) in zip(figure.subplots(1, len(centers)), centers.items(), strict=True):
            _draw_panel(axes, project(each))
            axes.set_title(f"L = {number}: {_SHAPES[number]}")
    return figure


def _draw_panel(axes: Axes, points: np.ndarray) -> None:
    farthest = points[:, 2].argmin() if len(points) == 4 else None
    nearest_three = [place for place in range(len(points)) if place != farthest]
    for first, second in combinations(range(len(points)), 2):
        behind = farthest in (first, second) and _is_hidden(points, first, second, nearest_three)
        axes.plot(
            *points[[first, second], :2].T,
            color=SERIES[0],
            linestyle="--" if behind else "-",
            linewidth=1.1 if behind else 1.8,
        )
    for place, point in enumerate(points):
        axes.plot([0, point[0]], [0, point[1]], color=MUTED, linestyle=":", linewidth=1.0)
        axes.scatter(*point[:2], s=36, color=INK, zorder=3)
        # Above the vertex behind, whose edges go downwards.
        away = (0.5, 0.85) if place == farthest else point[:2] / np.linalg.norm(point[:2])
        axes.annotate(
            rf"$\mu_{place + 1}$",
            point[:2],
            xytext=12 * np.array(away),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=11,
            parse_math=True,
        )
    axes.scatter(0, 0, s=26, marker="x", color=MUTED, zorder=3)
    axes.set_aspect("equal")
    axes.set_xlim(-1.35, 1.35)
    axes.set_ylim(-1.2, 1.3)
    axes.set_axis_off()


def _is_hidden(points: np.ndarray, first: int, second: int, front: list[int]) -> bool:
    """Whether the middle of an edge lies behind the face that is nearest to the observer."""
    middle = points[[first, second], :2].mean(axis=0)
    corners = points[front, :2]
    # The middle is within the face if its barycentric coordinates are all positive.
    weights = np.linalg.solve(np.vstack([corners.T, np.ones(3)]), np.append(middle, 1.0))
    return bool((weights > 1e-9).all())
