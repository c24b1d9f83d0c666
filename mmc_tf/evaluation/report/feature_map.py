"""How features lie around the centers, in a plane: the principal components', or the polygon of MM centers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.report.colours import CLASSES, INK, MUTED
from mmc_tf.report.drawing import drawing_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_NAMES = 25
# Of a bold name, as shares of the axes' height and width.
_LINE_HEIGHT, _LETTER_WIDTH = 0.046, 0.021
_MOVES = 200


@dataclass(frozen=True)
class Plane:
    """A plane in feature space: z -> (z − m)ᵀ(v₁, v₂).

    Attributes:
        mean: m (d,), of the features.
        axes: v₁, v₂ as columns (d, 2), orthonormal.
        shares: of the features' variance along each, (2,).
        is_polygon: whether it was chosen to make a regular polygon of the centers.
    """

    mean: np.ndarray
    axes: np.ndarray
    shares: np.ndarray
    is_polygon: bool = False

    @classmethod
    def of(cls, features: np.ndarray) -> Plane:
        """The plane of the two largest principal components of features (M, d).

        The entry of largest magnitude of each axis is positive.
        """
        centered = features - features.mean(axis=0)
        _, _, vectors = np.linalg.svd(centered, full_matrices=False)
        if len(vectors) < 2:  # fewer than two images
            vectors = np.eye(2, features.shape[1])
        axes = vectors[:2].T
        # The sign of a principal component is arbitrary; a figure drawn twice should look the same.
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
        return cls(features.mean(axis=0), axes, _shares(centered, axes))

    @classmethod
    def of_polygon(cls, features: np.ndarray, centers: np.ndarray) -> Plane:
        """The plane in which a regular simplex of centers (L, d) is a regular polygon.

            v₁ ∝ Σ_l cos(2πl/L) μ_l,   v₂ ∝ Σ_l sin(2πl/L) μ_l

        Every class of a simplex is as far from every other, so features around it have no principal plane: two
        components would part two classes and heap up the rest.
        """
        angles = 2 * np.pi * np.arange(len(centers)) / len(centers)
        axes = (centers - centers.mean(axis=0)).T @ np.stack([np.cos(angles), np.sin(angles)], axis=1)
        axes = axes / np.linalg.norm(axes, axis=0)
        centered = features - features.mean(axis=0)
        return cls(features.mean(axis=0), axes, _shares(centered, axes), is_polygon=True)

    def project(self, points: np.ndarray) -> np.ndarray:
        """(M, d) -> (M, 2)."""
        return (points - self.mean) @ self.axes


def _shares(centered: np.ndarray, axes: np.ndarray) -> np.ndarray:
    return ((centered @ axes) ** 2).sum(axis=0) / max((centered**2).sum(), 1e-30)


def is_simplex(centers: np.ndarray) -> bool:
    """Whether centers (L, d), L at least 3, are all as far from each other, to 1 %.

    Example:
        >>> is_simplex(np.eye(4)), is_simplex(np.array([[0.0, 0], [0, 1], [0, 2]]))
        (True, False)
    """
    if len(centers) < 3:
        return False
    distances = np.linalg.norm(centers[:, None] - centers[None], axis=-1)[~np.eye(len(centers), dtype=bool)]
    return bool(np.isfinite(distances).all() and np.ptp(distances) < 0.01 * distances.max())


def choose_plane(features: np.ndarray, centers: np.ndarray | None) -> Plane:
    """The polygon's plane where the centers are a regular simplex, else that of the principal components."""
    if centers is not None and is_simplex(centers):
        return Plane.of_polygon(features, centers)
    return Plane.of(features)


def draw_features(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    class_names: Sequence[str],
    centers: np.ndarray | None = None,
    moves: tuple[np.ndarray, np.ndarray] | None = None,
) -> Figure:
    """A scatter of clean features by class, with the centers, and arrows to adversarial ones.

    Args:
        features: (M, d), d at least 2.
        labels: int (M,).
        class_names: L names.
        centers: (L, d), or None; then the classes' names stand beside dots near the means of their features.
        moves: features of some images, clean and adversarial, each (K, d), or None.
    """
    features = np.asarray(features, np.float64)
    centers = None if centers is None else np.asarray(centers, np.float64)
    plane = choose_plane(features, centers)
    places = plane.project(features)
    with drawing_style():
        figure = new_figure(height=4.3)
        axes = figure.subplots()
        for number in np.unique(labels):
            rows = places[labels == number]
            colour = CLASSES[number % len(CLASSES)]
            axes.scatter(rows[:, 0], rows[:, 1], s=9, color=colour, alpha=0.6, linewidths=0)
        if centers is not None:
            spots = plane.project(centers)
            colours = [CLASSES[number % len(CLASSES)] for number in range(len(spots))]
            axes.scatter(
                spots[:, 0], spots[:, 1], s=70, c=colours, marker="X", edgecolors=INK, linewidths=0.8
            )
        else:
            seen = np.unique(labels)
            spots = np.full((len(class_names), 2), np.nan)
            spots[seen] = [places[labels == number].mean(axis=0) for number in seen]
        if moves is not None:
            for start, end in zip(
                *(plane.project(np.asarray(each, np.float64)) for each in moves), strict=True
            ):
                arrow = {
                    "arrowstyle": "-|>",
                    "color": INK,
                    "linewidth": 0.9,
                    "mutation_scale": 8,
                    "alpha": 0.85,
                }
                axes.annotate("", xy=end, xytext=start, arrowprops=arrow)
            axes.update_datalim(plane.project(np.asarray(moves[1], np.float64)))
            axes.autoscale_view()
        axes.set_aspect("equal", adjustable="datalim")
        if len(class_names) <= _MOST_NAMES:
            named = np.flatnonzero(np.isfinite(spots).all(axis=1))
            names = {int(number): class_names[number] for number in named}
            _name_classes(axes, names, spots[named], beside_centers=centers is not None)
        for set_label, number in ((axes.set_xlabel, 0), (axes.set_ylabel, 1)):
            kind = "axis of the plane" if plane.is_polygon else "principal component"
            word = ("first", "second")[number]
            set_label(f"{word} {kind} ({100 * plane.shares[number]:.0f} % of the variance)")
        axes.tick_params(color=MUTED)
    return figure


def _name_classes(axes: Axes, names: Mapping[int, str], spots: np.ndarray, *, beside_centers: bool) -> None:
    """Names beside the centers, or beside dots at the means of classes, which are moved where names would overlap."""
    places = spots
    if not beside_centers:
        axes.figure.draw_without_rendering()  # the equal aspect has widened the limits only now
        height = _LINE_HEIGHT * np.ptp(axes.get_ylim())
        widths = (
            _LETTER_WIDTH * np.ptp(axes.get_xlim()) * np.array([len(name) + 1 for name in names.values()])
        )
        to_middle = np.stack([0.5 * widths, np.zeros(len(widths))], axis=1)
        places = keep_apart(spots + to_middle, widths=widths, height=height) - to_middle
    for (number, name), place in zip(names.items(), places, strict=True):
        if not beside_centers:
            colour = CLASSES[number % len(CLASSES)]
            axes.scatter(*place, s=32, color=colour, edgecolors=INK, linewidths=0.9, zorder=3)
        axes.annotate(
            name,
            place,
            xytext=(6, 5) if beside_centers else (5, 0),
            textcoords="offset points",
            ha="left",
            va="bottom" if beside_centers else "center",
            fontsize=9,
            fontweight="bold",
        )


def keep_apart(spots: np.ndarray, *, widths: np.ndarray, height: float) -> np.ndarray:
    """Places of boxes around spots, moved up and down until none covers another.

    Args:
        spots: (K, 2).
        widths: (K,) of the boxes.
        height: of each.

    Returns:
        (K, 2).
    """
    places = np.array(spots, float)
    for _ in range(_MOVES):
        moved = False
        for first in range(len(places)):
            for second in range(first + 1, len(places)):
                dx, dy = places[second] - places[first]
                lacking = height - abs(dy)
                if abs(dx) >= 0.5 * (widths[first] + widths[second]) or lacking <= 1e-6 * height:
                    continue
                upwards = 0.5 * lacking * (1 if dy >= 0 else -1)
                places[[first, second], 1] += (-upwards, upwards)
                moved = True
        if not moved:
            break
    return places
