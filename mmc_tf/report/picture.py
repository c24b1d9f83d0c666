"""A figure with its name and caption, as a file of its own or as part of a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmc_tf.files import replacing
from mmc_tf.report import page
from mmc_tf.report.drawing import to_png, to_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure and what is said of it.

    Args:
        name: of its file, without suffix; letters, digits and hyphens.
        title: its heading in a page; empty for none.
        caption: what is seen.
        figure: drawn with `mmc_tf.report.drawing`.
        is_wide: whether a narrow page scrolls it, since its parts would be too small to read.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    is_wide: bool = False

    def block(self) -> str:
        """The figure as HTML."""
        svg = to_svg(self.figure, name=self.name, description=self.caption)
        return page.figure(svg, self.caption, title=self.title, is_wide=self.is_wide)


def write_pngs(folder: Path, pictures: Iterable[Picture]) -> None:
    """Writes `<name>.png` for each picture, and removes those of an earlier report."""
    pictures = list(pictures)
    kept = {f"{picture.name}.png" for picture in pictures}
    for picture in pictures:
        with replacing(folder / f"{picture.name}.png") as temporary:
            temporary.write_bytes(to_png(picture.figure))
    for path in folder.glob("*.png"):
        if path.name not in kept:
            path.unlink()
