"""Clean and adversarial images, and what lies between them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.report.colours import GRID, INK, SERIES
from mmc_tf.report.drawing import drawing_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WRONG = SERIES[1]
# In inches: an image, what is left of the first column, between columns, above each row, below the last.
_SIDE, _LEFT, _BESIDE, _ABOVE, _BELOW = 0.88, 0.42, 0.08, (0.22, 0.22, 0.07), 0.22
_NAME_WIDTH = 14


def magnification(clean: np.ndarray, adversarial: np.ndarray) -> int:
    """The whole number by which differences are multiplied so that the largest fills half the range, 1 at least.

    Example:
        >>> magnification(np.zeros((1, 2, 2, 1)), np.full((1, 2, 2, 1), 8 / 255))
        15
    """
    largest = float(np.abs(adversarial - clean).max(initial=0.0))
    return max(1, int(0.5 / largest)) if largest > 0 else 1


def magnified_difference(clean: np.ndarray, adversarial: np.ndarray, factor: int) -> np.ndarray:
    """½ + factor · (x' − x), clipped to [0, 1]: grey where nothing was changed."""
    return np.clip(0.5 + factor * (adversarial - clean), 0.0, 1.0)


def draw_images(
    clean: np.ndarray,
    adversarial: np.ndarray,
    *,
    names: Sequence[str],
    predicted: Sequence[str],
    fooled: Sequence[bool],
    distances: Sequence[float],
    norm: str,
    factor: int,
    columns: int = 0,
) -> Figure:
    """Three rows: the clean images, the adversarial ones, their magnified difference.

    Args:
        clean: (K, H, W, C) float in [0, 1].
        adversarial: as `clean`.
        names: K true classes.
        predicted: K classes predicted on the adversarial images.
        fooled: K; the prediction is wrong.
        distances: K distances.
        norm: in which they are measured; empty for none.
        factor: of the differences.
        columns: room for so many images at least, so that several figures have one scale.
    """
    rows = (clean, adversarial, magnified_difference(clean, adversarial, factor))
    with drawing_style():
        figure, grid = _new_grid(len(clean), columns)
        for axes_row, images in zip(grid, rows, strict=True):
            for axes, image in zip(axes_row, images, strict=True):
                _show(axes, image)
        for axes, text in zip(
            (row[0] for row in grid), ("clean", "adversarial", f"difference\n× {factor}"), strict=True
        ):
            axes.set_ylabel(text)
        for column in range(len(clean)):
            grid[0][column].set_title(_wrapped(names[column]))
            prefix, colour = ("→ ", _WRONG) if fooled[column] else ("still ", INK)
            grid[1][column].set_title(prefix + _wrapped(predicted[column]), color=colour)
            if norm:
                grid[2][column].set_xlabel(f"{norm} {distances[column]:.3g}", fontsize=8)
    return figure


def _new_grid(count: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """Three rows of `count` square axes, at places that are known: to find them takes longer than to draw."""
    width = _LEFT + max(count, columns) * (_SIDE + _BESIDE)
    height = sum(_ABOVE) + 3 * _SIDE + _BELOW
    figure = new_figure(width, height, is_laid_out=False)
    grid, top = [], height
    for above in _ABOVE:
        top -= above + _SIDE
        grid.append(
            [
                figure.add_axes(
                    (
                        (_LEFT + column * (_SIDE + _BESIDE)) / width,
                        top / height,
                        _SIDE / width,
                        _SIDE / height,
                    )
                )
                for column in range(count)
            ]
        )
    return figure, grid


def _show(axes: Axes, image: np.ndarray) -> None:
    if image.shape[-1] == 1:
        image = np.repeat(image, 3, axis=-1)
    axes.imshow(np.clip(image[..., :3], 0, 1), interpolation="none")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color=GRID)


def _wrapped(name: str) -> str:
    return "\n".join(textwrap.wrap(name.replace("_", " "), _NAME_WIDTH)) or name
