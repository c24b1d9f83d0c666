"""A few examples whose images are kept for the report, the same ones for every attack."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

COUNT = 8


def choose(
    indices: np.ndarray, labels: np.ndarray, correct: np.ndarray, *, num_classes: int, count: int = COUNT
) -> np.ndarray:
    """The examples whose images are kept: correctly classified, of many classes, the first ones by index.

    At most ceil(`count` / L) of each class. The choice depends on neither batches, order nor attacks; and of a
    split cut into parts, each part's choice holds what the whole split's choice takes from it.

    Args:
        indices: of the examples in the data set, int (N,).
        labels: int (N,).
        correct: bool (N,); the clean prediction is right.
        num_classes: L.
        count: how many at most.

    Returns:
        Their positions, int64 (K,), by ascending index, K ≤ `count`.

    Example:
        >>> labels, correct = np.array([0, 0, 1, 2, 1]), np.array([True, True, False, True, True])
        >>> choose(np.arange(5), labels, correct, num_classes=3, count=3)
        array([0, 3, 4])
    """
    left = np.full(num_classes, math.ceil(count / num_classes))
    chosen: list[int] = []
    for position in np.argsort(indices, kind="stable"):
        if correct[position] and len(chosen) < count and left[labels[position]]:
            left[labels[position]] -= 1
            chosen.append(int(position))
    return np.array(chosen, np.int64)


class Samples:
    """The chosen examples' images, clean and under each attack.

    Args:
        positions: of the examples in the evaluation, int (K,).
        indices: of the examples in the data set, int (K,).
        clean: float32 (K, H, W, C).
    """

    def __init__(self, positions: np.ndarray, indices: np.ndarray, clean: np.ndarray):
        self.indices = indices
        self.clean = clean
        self._positions = positions
        self._adversarial: list[np.ndarray] = []

    def cut(self, positions: np.ndarray, adversarial: np.ndarray) -> dict[str, np.ndarray]:
        """What a batch's file keeps of its images.

        Args:
            positions: of the batch's examples, int (B,).
            adversarial: float32 (B, H, W, C).

        Returns:
            `sample_places` (k,) among the chosen ones and `sample_images` (k, H, W, C), k ≤ K.
        """
        rows, places = np.nonzero(positions[:, None] == self._positions)
        return {"sample_places": places, "sample_images": adversarial[rows]}

    def begin_attack(self) -> None:
        """The next batches are another attack's; what it leaves alone stays clean."""
        self._adversarial.append(self.clean.copy())

    def enter(self, batch: Mapping[str, np.ndarray]) -> None:
        """Takes the images of one batch, as `cut` left them; a later stage's replace an earlier one's."""
        if "sample_places" in batch:  # batches of an evaluation begun by an older version have none
            self._adversarial[-1][batch["sample_places"]] = batch["sample_images"]

    def arrays(self) -> dict[str, np.ndarray]:
        """`samples.npz`: `indices` (K,), `clean` (K, H, W, C), `adversarial` (A, K, H, W, C)."""
        return {"indices": self.indices, "clean": self.clean, "adversarial": np.stack(self._adversarial)}


def trace(parts: Sequence[Mapping[str, np.ndarray]], indices: np.ndarray) -> list[tuple[int, int]]:
    """Where the samples of a whole are among those of its parts.

    Args:
        parts: the `samples.npz` of disjoint parts.
        indices: in the data set, of the examples that `choose` takes of the whole, (K,).

    Returns:
        (part, place in the part's samples) for each.
    """
    places = {
        int(index): (number, place)
        for number, part in enumerate(parts)
        for place, index in enumerate(part["indices"])
    }
    return [places[int(index)] for index in indices]


def merge_samples(
    parts: Sequence[Mapping[str, np.ndarray]], found: Sequence[tuple[int, int]]
) -> dict[str, np.ndarray]:
    """One `samples.npz` of those of disjoint parts of a data set, evaluated with the same attacks.

    Args:
        parts: the parts' arrays.
        found: as `trace` gives it; at least one.
    """
    return {
        "indices": np.array([parts[part]["indices"][place] for part, place in found]),
        "clean": np.stack([parts[part]["clean"][place] for part, place in found]),
        "adversarial": np.stack([parts[part]["adversarial"][:, place] for part, place in found], axis=1),
    }
