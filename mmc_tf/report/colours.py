"""Colours that are told apart by everybody, on a light and on a dark ground.

Figures are drawn in the light colours. Within a page each becomes a CSS variable, whose dark value follows the
reader's `prefers-color-scheme`; so no colour may stand for two things.
"""

from __future__ import annotations

from collections.abc import Mapping

INK, MUTED, GRID = "#1f2328", "#5f6871", "#d3dae1"
# Chosen for 3:1 against the ground; the first five are told apart without red or without green receptors, the others
# by their markers too.
SERIES = ("#0072b2", "#d55e00", "#7a0f3d", "#2f9c88", "#6a35ff", "#8a7400", "#3d444d", "#d0559b")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
LINES = ("-", "--", ":", "-.")
# After Petroff's ten colours (arXiv:2107.02270), the palest ones darkened.
CLASSES = (
    "#3f90da",
    "#e39600",
    "#bd1f01",
    "#86979a",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#a3944f",
    "#6a6e7c",
    "#3fb0b5",
)
_DARK_SERIES = ("#4aa8e8", "#ff8f4d", "#c0486f", "#5fe8cf", "#7d6bff", "#ffd94d", "#8b949e", "#f7b7de")
_DARK_CLASSES = (
    "#5aa5ea",
    "#ffb52e",
    "#f0604a",
    "#a9b8ba",
    "#bb7fe6",
    "#cf9482",
    "#ff8636",
    "#cdbf7c",
    "#9a9fb0",
    "#92dadd",
)

# Name of the CSS variable, and its value on a light and on a dark ground.
VARIABLES: Mapping[str, tuple[str, str]] = {
    "ink": (INK, "#e6eaee"),
    "muted": (MUTED, "#9aa4af"),
    "grid": (GRID, "#363d46"),
    **{f"series-{number}": pair for number, pair in enumerate(zip(SERIES, _DARK_SERIES, strict=True))},
    **{f"class-{number}": pair for number, pair in enumerate(zip(CLASSES, _DARK_CLASSES, strict=True))},
}


def css_variables(*, dark: bool) -> str:
    """The declarations `--ink: #1f2328; …` for one ground."""
    return " ".join(f"--{name}: {pair[dark]};" for name, pair in VARIABLES.items())


def series_style(number: int) -> dict[str, str]:
    """Colour and marker of the series of that number; from the ninth on they come again."""
    return {"color": SERIES[number % len(SERIES)], "marker": MARKERS[number % len(MARKERS)]}
