"""Checkpoints: everything that a killed run needs to go on as if nothing had happened.

One `.npz` a checkpoint holds every variable of the model (batch-norm statistics and dropout's random state
among them), of the optimizer and of the recipe, by their order, and the loop's own numbers as JSON.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmc_tf.checks import UserError
from mmc_tf.files import DamagedFileError, one_line, read_arrays, write_arrays
from mmc_tf.training.failures import check_divergence

KEEP = 2


def _named(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, remembered: Sequence[tf.Variable]
) -> dict[str, Any]:
    owners = {"model": model.variables, "optimizer": optimizer.variables, "recipe": remembered}
    variables = [(owner, variable) for owner, owned in owners.items() for variable in owned]
    return {f"{owner}/{i:04d}": variable for i, (owner, variable) in enumerate(variables)}


def path_of(folder: pathlib.Path, step: int) -> pathlib.Path:
    """The file of the checkpoint after `step` steps."""
    return folder / f"step-{step:08d}.npz"


def save(
    folder: pathlib.Path,
    model,
    optimizer,
    *,
    step: int,
    state: dict[str, Any],
    remembered: Sequence[tf.Variable] = (),
) -> pathlib.Path:
    """Writes a checkpoint, whole or not at all, and removes all but the newest two.

    Args:
        folder: the run's `checkpoints/`.
        model: a built Keras model.
        optimizer: its built optimizer.
        step: steps done.
        state: the loop's numbers, JSON-serializable.
        remembered: the recipe's variables.

    Raises:
        TrainingFailedError: if a variable is not finite, so that every checkpoint is a good one.
    """
    arrays = {name: variable.numpy() for name, variable in _named(model, optimizer, remembered).items()}
    check_divergence(
        float(sum(np.sum(array, dtype=np.float64) for array in arrays.values())),
        what="sum of the weights",
        step=step - 1,
        learning_rate=float(optimizer.learning_rate.numpy()),
        kept=last_good(folder),
    )
    path = path_of(folder, step)
    stored = {"state": np.array(json.dumps({**state, "step": step})), **arrays}
    write_arrays(path, stored, durable=True)  # before an older one goes
    for old in sorted(folder.glob("step-*.npz"))[:-KEEP]:
        old.unlink()
    return path


def last_good(folder: pathlib.Path | None) -> str:
    """What to tell somebody whose training failed."""
    kept = newest(folder) if folder is not None else None
    return f"the last good checkpoint is {kept}" if kept else "no checkpoint was written yet"


def newest(folder: pathlib.Path) -> pathlib.Path | None:
    """The checkpoint with the most steps, or None."""
    return max(folder.glob("step-*.npz"), default=None)


def restore(path: pathlib.Path, model, optimizer, remembered: Sequence[tf.Variable] = ()) -> dict[str, Any]:
    """Puts a checkpoint into the model, its optimizer and the recipe's variables.

    Returns:
        The loop's numbers, with `step`.

    Raises:
        DamagedFileError: if the file is not what was written. UserError: if it is one of another model or optimizer.
    """
    variables = _named(model, optimizer, remembered)
    opening, wanted = f"Cannot read the checkpoint {path}", "a file written by training"
    arrays = read_arrays(path, needed=("state",), expected=wanted, opening=opening)
    try:
        state = json.loads(str(arrays.pop("state")))
    except ValueError as error:
        raise DamagedFileError(path, wanted, one_line(error), opening=opening) from None
    expected = {name: tuple(variable.shape) for name, variable in variables.items()}
    received = {name: array.shape for name, array in arrays.items()}
    if expected != received:
        odd = min(set(expected.items()) ^ set(received.items()))[0]
        raise UserError(
            f"The checkpoint {path} belongs to another model or optimizer. Expected {len(expected)} variables, "
            f"with {odd} of shape {expected.get(odd)}. Received: {len(received)}, with {received.get(odd)}"
        )
    for name, array in arrays.items():
        variables[name].assign(array)
    return state
