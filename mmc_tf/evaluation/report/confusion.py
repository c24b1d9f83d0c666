"""Which class the attacked images are taken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.report.drawing import drawing_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Mid-blue, legible under dark and light text on a light and on a dark ground.
_COLOUR = (0.23, 0.53, 0.78)
_DEEPEST = 0.7
_MOST_NUMBERS, _MOST_NAMES = 12, 25


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """How many examples of each class are taken for each class, int (L, L), a row a true class.

    Answers that are not finite, -1, are of no class and are left out.

    Example:
        >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
        array([[1, 1],
               [0, 1]])
    """
    counts = np.zeros((num_classes, num_classes), np.int64)
    answered = predictions >= 0
    np.add.at(counts, (labels[answered], predictions[answered]), 1)
    return counts


def draw_confusion(counts: np.ndarray, class_names: Sequence[str]) -> Figure:
    """The matrix as shares of each row in percent; the largest one has the deepest colour.

    Args:
        counts: int (L, L), a row a true class.
        class_names: L names.
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    size = len(counts)
    image = np.empty((*shares.shape, 4))
    image[..., :3] = _COLOUR
    image[..., 3] = _DEEPEST * shares / max(shares.max(), 1e-30)
    with drawing_style():
        figure = new_figure(height=4.3)
        axes = figure.subplots()
        axes.imshow(image, interpolation="none")
        axes.grid(False)
        if size <= _MOST_NAMES:
            is_long = max(map(len, class_names)) > 2
            axes.set_xticks(
                range(size), class_names, rotation=45 if is_long else 0, ha="right" if is_long else "center"
            )
            axes.set_yticks(range(size), class_names)
        if size <= _MOST_NUMBERS:
            for row, column in np.argwhere(counts):
                text = f"{100 * shares[row, column]:.0f}"
                axes.text(column, row, text, ha="center", va="center", fontsize=7.5)
        axes.set_xlabel("predicted under attack")
        axes.set_ylabel("true class")
    return figure
