"""Whether a network is given the pixels that it expects, asked before anything is attacked."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.oracle import Model
from mmc_tf.checks import UserError
from mmc_tf.classifier.calling import raw_output
from mmc_tf.classifier.expected_range import expected_range
from mmc_tf.classifier.pixel_range import RANGES, UNIT, better_range, is_poor, try_ranges
from mmc_tf.evaluation.diagnostics.pixels import BETTER, describe_trial
from mmc_tf.evaluation.examples import Examples
from mmc_tf.evaluation.wording import pixel_range

TRIED_IMAGES = 64


def look_at_pixels(model: Model, examples: Examples) -> dict[str, Any]:
    """Ask a network about a few images, spread over all, in [0, 1] and in the ranges that it may expect.

    Other ranges are tried where its first layers name one, or where it is nearer to chance than to 1.

    Args:
        model: a classifier.
        examples: that are attacked.

    Returns:
        `examples`, how many were asked; `expected`, the range that the first layers tell, or None; `trials`, the
        accuracy by range, that of [0, 1] first; `better`, the range that is clearly better, or None.
    """
    positions = np.unique(np.linspace(0, len(examples) - 1, TRIED_IMAGES).astype(int))
    images, labels = examples.take(positions)
    num_classes = 0

    def predict(pixels: np.ndarray) -> np.ndarray:
        nonlocal num_classes
        logits = raw_output(model, tf.constant(pixels)).numpy()
        num_classes = logits.shape[-1]
        return logits.argmax(axis=-1)

    trials = try_ranges(predict, images, labels, [UNIT])
    expected = expected_range(model)
    others = RANGES[1:] if is_poor(trials[0], num_classes) else ()
    if expected not in (None, UNIT):
        others = (expected,)
    trials += try_ranges(predict, images, labels, others)
    better = better_range(trials)
    return {
        "examples": len(positions),
        "expected": None if expected is None else list(expected),
        "trials": [{"range": list(each.range), "accuracy": each.accuracy} for each in trials],
        BETTER: None if better is None else list(better.range),
    }


def tells(figures: dict[str, Any]) -> bool:
    """Whether there is anything to tell of these figures: more than one range was tried."""
    return len(figures.get("trials", ())) > 1


def refuse_other_range(figures: dict[str, Any]) -> None:
    """Stop where the first layers tell another range than [0, 1], and the few images agree.

    Raises:
        UserError: which names the range and the flag for it.
    """
    expected = figures.get("expected")
    if expected is None or figures[BETTER] != expected:
        return
    words = ",".join(f"{value:g}" for value in expected)
    here, there = (describe_trial(trial) for trial in figures["trials"])
    raise UserError(
        f"Invalid value for argument `input_range`. Expected {words} (--input_range={words}), since the network "
        f"begins with layers for pixels of {pixel_range(expected)}: of {figures['examples']} images it classifies "
        f"{there} correctly and {here}; --input_range=0,1 attacks it as it is. Received: input_range=none"
    )
