"""A network that seems to expect pixels of another range than it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmc_tf.evaluation.diagnostics.finding import Finding
from mmc_tf.evaluation.wording import percent, pixel_range

# The name of the figure that says which range is clearly better, or None.
BETTER = "better"


def describe_trial(trial: Mapping[str, Any]) -> str:
    """Return a trial in words: `92.2 % at 0 to 255`."""
    return f"{percent(trial['accuracy'])} % at {pixel_range(trial['range'])}"


def find_in_pixels(figures: Mapping[str, Any]) -> list[Finding]:
    """INPUT_RANGE: the first layers tell another range than [0, 1], or a few images are classified much better there.

    Args:
        figures: as `mmc_tf.evaluation.pixels.look_at_pixels` gives them.
    """
    expected, better, trials = figures["expected"], figures[BETTER], figures["trials"]
    here = describe_trial(trials[0])
    if better is not None:
        there = next(trial for trial in trials if trial["range"] == better)
        words = ",".join(f"{value:g}" for value in better)
        return [
            Finding(
                "INPUT_RANGE",
                f"Of {figures['examples']} images the network classifies {here} and {describe_trial(there)} "
                f"correctly: it seems to expect pixels of {pixel_range(better)} (--input_range={words}).",
            )
        ]
    if expected is not None and len(trials) > 1:
        there = describe_trial(trials[1])
        return [
            Finding(
                "INPUT_RANGE",
                f"The network begins with layers for pixels of {pixel_range(expected)}, yet it classifies {here} and "
                f"{there} of {figures['examples']} images correctly: it is attacked as it is.",
            )
        ]
    return []
