"""What can be said of a saved model or checkpoint without Keras: whether it is whole, and what images it takes."""

from __future__ import annotations

import json
import pathlib
import zipfile
import zlib
from typing import Any

from mmc_tf.checks import UserError

MODEL_MEMBERS = ("config.json", "model.weights.h5")
CHECKPOINT_MEMBERS = ("state.npy",)


def check_model(path: pathlib.Path) -> None:
    """Makes sure that a `.keras` file is a whole one; files of other kinds are left to Keras.

    Raises:
        UserError: otherwise.
    """
    if path.suffix == ".keras" and (damage := _damage(path, MODEL_MEMBERS)):
        raise UserError(f"Cannot read the model {path}. Expected a saved Keras model. Received: {damage}")


def check_checkpoint(path: pathlib.Path) -> None:
    """Makes sure that a checkpoint of training is whole.

    Raises:
        UserError: otherwise.
    """
    if damage := _damage(path, CHECKPOINT_MEMBERS):
        raise UserError(
            f"Cannot read the checkpoint {path}. Expected a file written by training. Received: {damage}"
        )


def newest_checkpoint(folder: pathlib.Path) -> tuple[pathlib.Path | None, list[pathlib.Path]]:
    """The newest whole checkpoint in a run's `checkpoints/`, or None where there is none, and newer damaged ones.

    Raises:
        UserError: if there are some, and all are damaged.
    """
    damaged: list[pathlib.Path] = []
    for path in sorted(folder.glob("step-*.npz"), reverse=True):
        if _damage(path, CHECKPOINT_MEMBERS) is None:
            return path, damaged
        damaged.append(path)
    if damaged:
        check_checkpoint(damaged[0])
    return None, []


def input_shape(path: pathlib.Path) -> tuple[int | None, ...] | None:
    """The shape of the images that a whole `.keras` file's network takes, without the batch axis.

    Returns:
        The shape, or None where the file does not say it in the usual place; then only Keras knows.
    """
    if path.suffix != ".keras":
        return None
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    shapes = _batch_shapes(config)
    return tuple(shapes[0][1:]) if len(shapes) == 1 else None


def _batch_shapes(config: Any) -> list[list[int | None]]:
    """Of all input layers on the model's own level."""
    layers = config.get("config", {}).get("layers", []) if isinstance(config, dict) else []
    inputs = [layer.get("config", {}) for layer in layers if layer.get("class_name") == "InputLayer"]
    return [found for layer in inputs if isinstance(found := layer.get("batch_shape"), list)]


def _damage(path: pathlib.Path, members: tuple[str, ...]) -> str | None:
    """What is wrong with a zip file that should hold these members; None if nothing is."""
    try:
        with zipfile.ZipFile(path) as archive:
            missing = [name for name in members if name not in archive.namelist()]
            broken = archive.testzip()
    except (OSError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        return f"a damaged file ({error})"
    if missing:
        return f"a zip file without {', '.join(missing)}"
    return f"a damaged file ({broken} in it)" if broken else None
