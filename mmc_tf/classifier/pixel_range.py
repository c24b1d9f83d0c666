"""Other pixels than those in [0, 1]: ranges are tried on a few images.

Images are in [0, 1] everywhere in this library, radii too. A network that was made for other pixels, 0 to 255 as most
of `keras.applications`, is given low + x·(high − low) by its classifier (`Classifier.of`, `input_range`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

Range = tuple[float, float]

UNIT, BYTES, SIGNED = (0.0, 1.0), (0.0, 255.0), (-1.0, 1.0)
RANGES = (UNIT, BYTES, SIGNED)
# Another range is better where it classifies more images by a fifth, beyond three standard errors.
LEAD = 0.2


@dataclasses.dataclass(frozen=True)
class RangeTrial:
    """How many of a few images a network classifies correctly in one range of pixels."""

    range: Range
    correct: int
    examples: int

    @property
    def accuracy(self) -> float:
        """In [0, 1]."""
        return self.correct / self.examples

    def beats(self, other: RangeTrial) -> bool:
        """Whether it is clearly better on the same images."""
        lead = self.accuracy - other.accuracy
        variances = (each.accuracy * (1 - each.accuracy) for each in (self, other))
        return lead >= LEAD and lead > 3 * math.sqrt(sum(variances) / self.examples)


def is_graph(model: Any) -> bool:
    """Whether a model is a built Keras graph from one tensor to one."""
    if not isinstance(model, keras.Model) or not model.built:
        return False
    try:
        return len(model.inputs) == len(model.outputs) == 1
    except (AttributeError, ValueError, TypeError):  # a subclass without a graph
        return False


def try_ranges(
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    ranges: Sequence[Range] = RANGES,
) -> list[RangeTrial]:
    """Ask a network for the same few images in several ranges.

    Args:
        predict: from pixels float32 (N, H, W, C) to classes (N,).
        images: (N, H, W, C) in [0, 1].
        labels: (N,).
        ranges: that are tried.
    """
    trials = []
    for low, high in ranges:
        pixels = (low + (high - low) * images).astype(np.float32)
        correct = int((np.asarray(predict(pixels)) == labels).sum())
        trials.append(RangeTrial((low, high), correct, len(labels)))
    return trials


def better_range(trials: Sequence[RangeTrial]) -> RangeTrial | None:
    """Return the best trial if it is clearly better than the first one, else None."""
    best = max(trials, key=lambda trial: trial.correct)
    return best if best.beats(trials[0]) else None


def is_poor(trial: RangeTrial, num_classes: int) -> bool:
    """Whether an accuracy is nearer to chance than to 1."""
    return trial.accuracy < (1 + 1 / num_classes) / 2
