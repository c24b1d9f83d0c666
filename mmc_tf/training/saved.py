"""What can be said of a saved model or checkpoint without Keras: whether it is whole, and what images it takes."""

from __future__ import annotations

import json
import pathlib
import zipfile
from typing import Any

from mmc_tf.files import DamagedFileError, check_archive

MODEL_MEMBERS = ("config.json", "model.weights.h5")
CHECKPOINT_MEMBERS = ("state.npy",)
_MODEL = "a saved Keras model"


def check_model(path: pathlib.Path) -> None:
    """Makes sure that a `.keras` file is a whole one; files of other kinds are left to Keras.

    Raises:
        DamagedFileError: otherwise.
    """
    if path.suffix == ".keras":
        check_archive(path, MODEL_MEMBERS, expected=_MODEL, opening=f"Cannot read the model {path}")


def check_checkpoint(path: pathlib.Path) -> None:
    """Makes sure that a checkpoint of training is whole.

    Raises:
        DamagedFileError: otherwise.
    """
    opening = f"Cannot read the checkpoint {path}"
    check_archive(path, CHECKPOINT_MEMBERS, expected="a file written by training", opening=opening)


def newest_checkpoint(folder: pathlib.Path) -> tuple[pathlib.Path | None, list[pathlib.Path]]:
    """The newest whole checkpoint in a run's `checkpoints/`, or None where there is none, and newer damaged ones.

    Raises:
        UserError: if there are some, and all are damaged.
    """
    damaged: list[pathlib.Path] = []
    for path in sorted(folder.glob("step-*.npz"), reverse=True):
        try:
            check_checkpoint(path)
        except DamagedFileError:
            damaged.append(path)
        else:
            return path, damaged
    if damaged:
        check_checkpoint(damaged[0])
    return None, []


def input_shape(path: pathlib.Path) -> tuple[int | None, ...] | None:
    """The shape of the images that a whole `.keras` file's network takes, without the batch axis.

    Returns:
        The shape, or None where the file does not say it in the usual place; then only Keras knows.

    Raises:
        DamagedFileError: if its configuration is not JSON.
    """
    if path.suffix != ".keras":
        return None
    with zipfile.ZipFile(path) as archive:
        content = archive.read("config.json")
    try:
        config = json.loads(content)
    except (ValueError, RecursionError):
        raise DamagedFileError(path, _MODEL, "a configuration that is not JSON") from None
    shapes = _batch_shapes(config)
    return tuple(shapes[0][1:]) if len(shapes) == 1 else None


def _batch_shapes(config: Any) -> list[list[int | None]]:
    """Of all input layers on the model's own level."""
    layers = config.get("config", {}).get("layers", []) if isinstance(config, dict) else []
    inputs = [layer.get("config", {}) for layer in layers if layer.get("class_name") == "InputLayer"]
    return [found for layer in inputs if isinstance(found := layer.get("batch_shape"), list)]
