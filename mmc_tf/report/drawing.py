"""From a matplotlib figure to what a page or a folder holds, without pyplot's global state."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING

from mmc_tf.report.colours import GRID, INK, MUTED, VARIABLES

if TYPE_CHECKING:  # matplotlib takes seconds to import, and a mistyped command should not wait for it
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.6, 3.3
PNG_DPI = 200
_LONG_LABEL = 26
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,  # a name with dollar signs is no formula
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.fonttype": "none",  # text stays text: searchable, and in the page's own font
}


@contextmanager
def drawing_style() -> Iterator[None]:
    """Figures that are made within the block look like all others of ours."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def new_figure(width: float = WIDTH, height: float = HEIGHT, *, is_laid_out: bool = True) -> Figure:
    """An empty figure of that size in inches; its parts are laid out so that none covers another, or left alone."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained" if is_laid_out else None)


def add_legend(figure: Figure, axes: Axes, *, minimum: int = 2) -> None:
    """The legend below the axes, where it covers no data; none for fewer entries than `minimum`."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) < minimum:
        return
    # What is drawn as a plain line, such as a reference, comes after what is measured.
    order = sorted(range(len(labels)), key=lambda number: type(handles[number]).__name__ == "Line2D")
    handles, labels = [handles[number] for number in order], [labels[number] for number in order]
    columns = 1 if max(map(len, labels)) > _LONG_LABEL else 2
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=2.6)
    rows = -(-len(labels) // columns)
    figure.set_figheight(figure.get_figheight() + 0.17 * rows)


def to_png(figure: Figure, *, dpi: int = PNG_DPI) -> bytes:
    """The figure as a PNG on white."""
    buffer = io.BytesIO()
    with drawing_style():
        figure.savefig(buffer, format="png", dpi=dpi, facecolor="white")
    return buffer.getvalue()


def to_svg(figure: Figure, *, name: str, description: str) -> str:
    """The figure as an `<svg>` element to stand in a page.

    It has no size of its own, no ground, and colours that are CSS variables; its ids begin with `name`, so that
    several figures may stand in one page.

    Args:
        figure: drawn in the colours of `mmc_tf.report.colours`.
        name: letters, digits and hyphens; no other figure's.
        description: what it shows, for those who cannot see it.
    """
    import matplotlib

    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with drawing_style(), matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return _embeddable(buffer.getvalue(), name, description)


def _embeddable(text: str, name: str, description: str) -> str:
    text = text[text.index("<svg") :]
    opening, text = text.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', opening)
    # Its one rule would hold for the whole page; the page's style sheet has it for figures.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    text = re.sub(
        r' id="([^"]*)"', lambda match: f' id="{name}-{match[1]}"' if match[1] in used else "", text
    )
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    for variable, (light, _) in VARIABLES.items():
        text = text.replace(light, f"var(--{variable})")
    text = re.sub(r"\n\s*", "\n", text)
    return f'<svg {box[0]} role="img" aria-label="{escape(description)}">{text.strip()}'


def legend_label(name: str) -> str:
    """A name as a line's label: matplotlib would leave out of the legend what begins with an underscore."""
    return "\u200b" + name if name.startswith("_") else name
