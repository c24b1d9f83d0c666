"""Weight files of Keras 2: HDF5 with a group a layer, whose order and weights are named in attributes.

Both what `save_weights` writes and a whole saved model, whose weights are in the group `model_weights`, are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.checks import UserError, argument_error

if TYPE_CHECKING:
    import h5py

ARGUMENT = "released_weights"
EXPECTED = "a weight file of Keras 2 (HDF5, as its save_weights writes it)"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# What other files begin with.
_OTHERS = (
    (b"PK\x03\x04", "a zip file (unpack it; a .keras file goes to --checkpoint)"),
    (b"\x1f\x8b", "a gzip file (unpack it)"),
    (b"version https://git-lfs", "a Git LFS pointer to the file"),
    (b"\x80", "a pickle"),
)
_PART = re.compile(r"(?P<owner>.*?)/?(?P<part>[^/:]+?)(_\d+)?(:\d+)?")


@dataclass(frozen=True)
class StoredLayer:
    """One layer of a file.

    Args:
        name: as in the file.
        weights: float32 arrays by what they are: `kernel`, `bias`, `gamma`, …; empty for layers without weights.
    """

    name: str
    weights: dict[str, np.ndarray]


@dataclass(frozen=True)
class WeightFile:
    """All layers of a file in the order of its model's, and the version of Keras that wrote it, if it says so."""

    path: Path
    layers: tuple[StoredLayer, ...]
    keras_version: str | None


def refuse(path: Path, what: str, *, expected: str = EXPECTED) -> UserError:
    """The error for a file that is something else than expected."""
    return argument_error(ARGUMENT, expected, f"{path}, {what}")


def read_weights(path: str | Path) -> WeightFile:
    """Reads a weight file whole.

    Raises:
        UserError: if there is none, or it is no weight file of Keras 2 under the TensorFlow backend, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise refuse(path, "a folder" if path.is_dir() else "which does not exist")
    _check_beginning(path)
    import h5py  # here, since it takes longer than all the rest of a command line's checks

    try:
        with h5py.File(path, "r") as file:
            return _read(path, file.get("model_weights", file))
    except UserError:
        raise
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError and more for a file it can't use
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        damage = "a truncated file" if "truncated" in reason else "a damaged file"
        raise refuse(path, f"{damage} of {path.stat().st_size} bytes ({reason})") from None


def _check_beginning(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(_SIGNATURE):
        return
    text = head.lstrip().lower()
    if not head:
        what = "an empty file"
    elif text.startswith((b"<!doctype html", b"<html", b"<head")):
        what = "an HTML page: the download brought a page instead of the file"
    else:
        what = next((words for start, words in _OTHERS if head.startswith(start)), None)
        what = what or f"which begins with {head[:8]!r}"
    raise refuse(path, what)


def _read(path: Path, group: h5py.Group) -> WeightFile:
    names = _names(group, "layer_names")
    if names is None:
        what = "HDF5 without the attribute layer_names"
        if "layers" in group or "vars" in group:
            what += ", as Keras 3 writes it"
        raise refuse(path, what)
    backend, version = (_text(group.attrs.get(key)) for key in ("backend", "keras_version"))
    if backend not in (None, "tensorflow"):
        raise refuse(path, f"written under the backend {backend}, whose kernels are mirrored")
    if version is not None and not version.startswith("2."):
        raise refuse(path, f"written by Keras {version}")
    layers = [layer for name in names for layer in _layers(path, group, name)]
    return WeightFile(path, tuple(layers), version)


def _layers(path: Path, group: h5py.Group, name: str) -> Iterator[StoredLayer]:
    """What is under a layer's name: the layer, or the layers of a model that is used as one."""
    if name not in group:
        raise refuse(path, f"without the group {name}, which its layer_names list")
    weight_names = _names(group[name], "weight_names")
    if weight_names is None:
        raise refuse(path, f"whose group {name} has no attribute weight_names")
    owners: dict[str, dict[str, np.ndarray]] = {}
    for weight_name in weight_names:
        if weight_name not in group[name]:
            raise refuse(path, f"whose group {name} is without {weight_name}, which its weight_names list")
        found = _PART.fullmatch(weight_name)
        owner, part = (found["owner"], found["part"]) if found else (name, weight_name)
        values = np.asarray(group[name][weight_name])
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            raise refuse(path, f"whose {weight_name} holds what is no finite number")
        if part in owners.setdefault(owner, {}):
            raise refuse(path, f"whose layer {name} has two weights {part}")
        owners[owner][part] = values.astype(np.float32)
    if not owners:
        yield StoredLayer(name, {})
    for weights in owners.values():
        yield StoredLayer(name, weights)


def _names(group: h5py.Group, attribute: str) -> list[str] | None:
    """A list of names, which Keras cuts into `layer_names0`, `layer_names1`, … where HDF5's limit asks for it."""
    parts = [group.attrs[attribute]] if attribute in group.attrs else []
    while (key := f"{attribute}{len(parts)}") in group.attrs:
        parts.append(group.attrs[key])
    return [_text(name) for part in parts for name in np.ravel(part)] if parts else None


def _text(value: object) -> str | None:
    return value.decode("utf-8") if isinstance(value, bytes) else None if value is None else str(value)
