"""A report that cannot be drawn must not cost what was measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def try_report(write: Callable[[], Path]) -> str:
    """Writes a report and says where, or why there is none: what was measured is on disk and must not be lost.

    Args:
        write: writes it and returns the page's path.

    Example:
        >>> try_report(lambda: Path("results") / "report.html")
        'report in results/report.html'
    """
    try:
        return f"report in {write()}"
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return f"no report, it could not be drawn: {reason}"
