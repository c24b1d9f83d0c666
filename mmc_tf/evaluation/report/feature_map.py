"""How features lie around the centers, in the plane of their two largest principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.report.colours import CLASSES, INK, MUTED
from mmc_tf.report.drawing import drawing_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_NAMES = 25


@dataclass(frozen=True)
class Plane:
    """The plane of largest variance through a cloud's mean: z -> (z − m)ᵀ(v₁, v₂).

    Attributes:
        mean: m (d,).
        axes: v₁, v₂ as columns (d, 2), orthonormal; the entry of largest magnitude of each is positive.
        shares: of the variance along each, (2,).
    """

    mean: np.ndarray
    axes: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Plane:
        """The plane of features (M, d); d is 2 at least."""
        mean = features.mean(axis=0)
        _, values, vectors = np.linalg.svd(features - mean, full_matrices=False)
        if len(vectors) < 2:  # fewer than two features
            vectors, values = np.eye(2, len(mean)), np.append(values, [0.0, 0.0])
        axes = vectors[:2].T
        # The sign of a principal component is arbitrary; a figure drawn twice should look the same.
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
        return cls(mean, axes, values[:2] ** 2 / max((values**2).sum(), 1e-30))

    def project(self, points: np.ndarray) -> np.ndarray:
        """(M, d) -> (M, 2)."""
        return (points - self.mean) @ self.axes


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
        centers: (L, d), or None; then the classes' names stand at the means of their features.
        moves: features of some images, clean and adversarial, each (K, d), or None.
    """
    features = np.asarray(features, np.float64)
    plane = Plane.of(features)
    places = plane.project(features)
    with drawing_style():
        figure = new_figure(height=4.3)
        axes = figure.subplots()
        for number in np.unique(labels):
            rows = places[labels == number]
            colour = CLASSES[number % len(CLASSES)]
            axes.scatter(rows[:, 0], rows[:, 1], s=9, color=colour, alpha=0.6, linewidths=0)
        if centers is not None:
            spots = plane.project(np.asarray(centers, np.float64))
            colours = [CLASSES[number % len(CLASSES)] for number in range(len(spots))]
            axes.scatter(
                spots[:, 0], spots[:, 1], s=70, c=colours, marker="X", edgecolors=INK, linewidths=0.8
            )
        else:
            seen = np.unique(labels)
            spots = np.full((len(class_names), 2), np.nan)
            spots[seen] = [places[labels == number].mean(axis=0) for number in seen]
        if len(class_names) <= _MOST_NAMES:
            for name, spot in zip(class_names, spots, strict=True):
                if np.isfinite(spot).all():
                    _name(axes, name, spot, beside=centers is not None)
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
        for set_label, number in ((axes.set_xlabel, 0), (axes.set_ylabel, 1)):
            word = ("first", "second")[number]
            set_label(f"{word} principal component ({100 * plane.shares[number]:.0f} % of the variance)")
        axes.tick_params(color=MUTED)
    return figure


def _name(axes, name: str, spot: np.ndarray, *, beside: bool) -> None:
    axes.annotate(
        name,
        spot,
        xytext=(6, 5) if beside else (0, 0),
        textcoords="offset points",
        ha="left" if beside else "center",
        va="bottom" if beside else "center",
        fontsize=9,
        fontweight="bold",
    )
