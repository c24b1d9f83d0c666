"""How figures are written: shares in percent, intervals, radii."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mmc_tf.checks import format_number


def percent(share: float) -> str:
    """A share in percent, without the sign: 0.123 -> `12.3`."""
    return f"{100 * share:.1f}"


def interval(bounds: Sequence[float]) -> str:
    """The two bounds of a share in percent: `10.1 to 14.4`."""
    return f"{percent(bounds[0])} to {percent(bounds[1])}"


def radius(value: float) -> str:
    """A radius as its user wrote it: `0.3`, `8/255`."""
    short = f"{value:g}"
    return short if float(short) == value else format_number(value)


def pixel_range(bounds: Sequence[float]) -> str:
    """A range of pixels: `0 to 255`."""
    return f"{bounds[0]:g} to {bounds[1]:g}"


def warning_lines(warnings: Iterable[Mapping[str, str]]) -> list[str]:
    """One line of each warning of `results.json`, as it is printed."""
    return [
        f"warning {warning['code']}: {warning['message']} See {warning['section']}." for warning in warnings
    ]
