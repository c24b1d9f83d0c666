"""How crowded features are, without a model of where they lie: the distance to the nearest of the same class."""

from __future__ import annotations

import numpy as np

_ROWS = 500  # at once: with 5,000 points a table of 20 MB


def neighbour_distances(points: np.ndarray, *, rank: int = 1) -> np.ndarray:
    """The distance from each point to its rank-th nearest other one.

    Args:
        points: (N, d).
        rank: 1 for the nearest.

    Returns:
        (N,) float64; NaN where there are not so many others.

    Example:
        >>> neighbour_distances(np.array([[0.0], [1.0], [3.0]]), rank=2)
        array([3., 2., 3.])
    """
    points = np.asarray(points, np.float64)
    if len(points) <= rank:
        return np.full(len(points), np.nan)
    # Around their mean the squares are small, and their differences keep more digits.
    points = points - points.mean(axis=0)
    squares = np.sum(points**2, axis=1)
    found = []
    for start in range(0, len(points), _ROWS):
        rows = slice(start, start + _ROWS)
        table = squares[rows, None] + squares - 2 * points[rows] @ points.T
        table[np.arange(len(table)), start + np.arange(len(table))] = -np.inf  # itself comes first
        found.append(np.partition(table, rank, axis=1)[:, rank])
    return np.sqrt(np.maximum(np.concatenate(found), 0.0))


def class_neighbour_distances(features: np.ndarray, labels: np.ndarray, *, rank: int = 1) -> np.ndarray:
    """As `neighbour_distances`, among the examples of the same class.

    Args:
        features: (N, d).
        labels: int (N,).
        rank: 1 for the nearest.
    """
    distances = np.full(len(features), np.nan)
    for label in np.unique(labels):
        members = labels == label
        distances[members] = neighbour_distances(features[members], rank=rank)
    return distances


def least_class_distance(features: np.ndarray, labels: np.ndarray) -> tuple[float, tuple[int, int]]:
    """The smallest distance between the mean features of two classes, and those classes.

    Args:
        features: (N, d).
        labels: int (N,), of two classes at least.
    """
    present = np.unique(labels)
    means = np.stack([features[labels == label].mean(axis=0, dtype=np.float64) for label in present])
    distances = np.linalg.norm(means[:, None] - means, axis=-1)
    np.fill_diagonal(distances, np.inf)
    first, second = np.unravel_index(distances.argmin(), distances.shape)
    return float(distances[first, second]), (int(present[first]), int(present[second]))
