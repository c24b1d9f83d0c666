"""Clean and adversarial images, and what lies between them."""

from __future__ import annotations

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
_LONGEST_NAME = 14


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
    shown = (clean, adversarial, magnified_difference(clean, adversarial, factor))
    rows = ("clean", "adversarial", f"difference\n× {factor}")
    with drawing_style():
        figure, axes = _new_sheet(max(len(clean), columns))
        for row, (name, images) in enumerate(zip(rows, shown, strict=True)):
            middle = _place(row, 0)[1] + _SIDE / 2
            axes.text(_LEFT - 0.06, middle, name, rotation=90, ha="right", va="center", ma="center")
            for column, image in enumerate(images):
                _show(axes, image, *_place(row, column))
        for column in range(len(clean)):
            prefix, colour = ("→ ", _WRONG) if fooled[column] else ("", INK)
            for row, text, ink in ((0, names[column], INK), (1, predicted[column], colour)):
                left, bottom = _place(row, column)
                text = _shortened(text if row == 0 else prefix + text)
                axes.text(left + _SIDE / 2, bottom + _SIDE + 0.05, text, color=ink, ha="center", va="bottom")
            if norm:
                left, bottom = _place(2, column)
                text = f"{norm} {distances[column]:.3g}"
                axes.text(left + _SIDE / 2, bottom - 0.05, text, fontsize=8, ha="center", va="top")
    return figure


def _new_sheet(count: int) -> tuple[Figure, Axes]:
    """A figure with one invisible axes whose units are inches: an axes an image takes ten times as long to draw."""
    width, height = _LEFT + count * (_SIDE + _BESIDE), sum(_ABOVE) + 3 * _SIDE + _BELOW
    figure = new_figure(width, height, is_laid_out=False)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height), autoscale_on=False)
    axes.set_axis_off()
    return figure, axes


def _place(row: int, column: int) -> tuple[float, float]:
    """Left and lower edge of an image, in inches."""
    below = 2 - row
    bottom = _BELOW + below * _SIDE + sum(_ABOVE[row + 1 :])
    return _LEFT + column * (_SIDE + _BESIDE), bottom


def _show(axes: Axes, image: np.ndarray, left: float, bottom: float) -> None:
    if image.shape[-1] == 1:
        image = np.repeat(image, 3, axis=-1)
    extent = (left, left + _SIDE, bottom, bottom + _SIDE)
    axes.imshow(np.clip(image[..., :3], 0, 1), interpolation="none", extent=extent, aspect="auto")
    right, top = extent[1], extent[3]
    axes.plot([left, right, right, left, left], [bottom, bottom, top, top, bottom], color=GRID, linewidth=0.7)


def _shortened(name: str) -> str:
    """What fits above an image."""
    name = name.replace("_", " ")
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"
