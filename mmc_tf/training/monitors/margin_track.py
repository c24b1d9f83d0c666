"""The distribution of margins during training (Ding et al., "MMA Training", ICLR 2020, Figure 4)."""

from __future__ import annotations

import pathlib

import keras
import numpy as np

from mmc_tf.attacks import Attack
from mmc_tf.data import Split
from mmc_tf.files import write_array
from mmc_tf.training.monitors.base import Monitor

BATCH_SIZE = 250


class MarginTrack(Monitor):
    """Writes the margins of the same training points after every epoch: `margins/epoch-0001.npy`, (N,) float32.

    A margin is the distance of what an attack for the least distance found: 0 for a misclassified point, NaN where
    it found nothing.

    Args:
        model: the network.
        split: the training points.
        attack: AN-PGD, or DDN in l2.
        folder: the run's `margins/`; None writes nothing.
        limit: how far the attack looks; None where it looks as far as it takes.
        seed: of the attack's starts.
    """

    def __init__(
        self,
        model: keras.Model,
        split: Split,
        *,
        attack: Attack,
        folder: pathlib.Path | None,
        limit: float | None = None,
        seed: int = 0,
    ):
        self._model = model
        self._split = split
        self._attack = attack
        self._folder = folder
        self._limit = limit
        self._seed = seed

    def end_epoch(self, epoch, step):
        """`tracked_margin`, their mean; where none was found the limit counts, the least that the margin can be."""
        margins = self._margins()
        if self._folder is not None:
            write_array(self._folder / f"epoch-{epoch:04d}.npy", margins)
        if self._limit is not None:
            margins = np.where(np.isnan(margins), self._limit, margins)
        found = margins[np.isfinite(margins)]
        return {"tracked_margin": float(found.mean()) if len(found) else float("nan")}

    def _margins(self) -> np.ndarray:
        parts = []
        for start in range(0, len(self._split), BATCH_SIZE):
            part = self._split.part(start, start + BATCH_SIZE)
            result = self._attack(
                self._model,
                part.as_float(),
                part.labels,
                indices=np.arange(start, start + len(part)),
                seed=self._seed,
            )
            parts.append(np.where(result.found, result.distance, np.nan))
        return np.concatenate(parts).astype(np.float32)


def random_part(split: Split, size: int, *, seed: int) -> Split:
    """`size` examples of a split drawn without replacement, in their order; all if there are not more."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(split))[:size])
    return Split(np.asarray(split.images)[chosen], np.asarray(split.labels)[chosen])
