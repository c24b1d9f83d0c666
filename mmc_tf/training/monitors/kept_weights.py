"""Weights to come back to."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from mmc_tf.checks import UserError
from mmc_tf.files import read_arrays, write_arrays

KEEP = 2  # a killed run may have to come back to the one before the last


class KeptWeights:
    """The weights of a network at one step, in memory and beside the checkpoints.

    Args:
        model: the network; in several processes they all hold the same one.
        folder: the run's `checkpoints/`; None keeps them in memory alone.
        writes: whether this process writes the file.
        name: that files begin with; two keepers of one run need two.
        more: variables that are kept with the weights, such as the optimizer's.
    """

    def __init__(
        self,
        model: keras.Model,
        folder: pathlib.Path | None,
        *,
        writes: bool = True,
        name: str = "kept",
        more: Sequence[keras.Variable] = (),
    ):
        self._variables = [*model.weights, *more]
        self._folder = folder
        self._name = name
        self._writes = writes and folder is not None
        self._arrays: list[np.ndarray] | None = None
        self.step: int | None = None

    def keep(self, step: int) -> None:
        """Keeps the weights of now, which are those after `step` steps."""
        self._arrays = [variable.numpy() for variable in self._variables]
        self.step = step
        if not self._writes:
            return
        write_arrays(self._path(step), {f"{i:04d}": array for i, array in enumerate(self._arrays)})
        for old in sorted(self._folder.glob(f"{self._name}-*.npz"))[:-KEEP]:
            old.unlink()

    def remember(self, step: int | None) -> None:
        """Points to the weights that an earlier process kept after `step` steps."""
        self.step, self._arrays = step, None

    def put_back(self) -> None:
        """Gives the network the kept weights.

        Raises:
            UserError: if none were kept, or their file is gone or damaged.
        """
        if self.step is None:
            raise UserError("Cannot put weights back. Expected kept weights. Received: none")
        if self._arrays is None:
            self._arrays = self._read(self._path(self.step))
        for variable, array in zip(self._variables, self._arrays, strict=True):
            variable.assign(array)

    def _path(self, step: int) -> pathlib.Path:
        return self._folder / f"{self._name}-{step:08d}.npz"

    def _read(self, path: pathlib.Path) -> list[np.ndarray]:
        opening = f"Cannot read the weights {path}"
        stored = read_arrays(path, expected="a file written by training", opening=opening)
        return [stored[name] for name in sorted(stored)]
