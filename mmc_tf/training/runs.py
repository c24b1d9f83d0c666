"""A run is a folder: `config.json`, `log.csv`, `checkpoints/`, `final.keras`."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmc_tf import files
from mmc_tf.checks import UserError, argument_error

if TYPE_CHECKING:
    import keras
from mmc_tf.training import saved

FINAL = "final.keras"
CONFIG = "config.json"
LOCK = ".lock"  # held by the process that trains the run


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Args:
        path: the folder, `runs/<name>`.
    """

    path: pathlib.Path

    @property
    def config_file(self) -> pathlib.Path:
        """Every flag and version."""
        return self.path / CONFIG

    @property
    def log_file(self) -> pathlib.Path:
        """One row an epoch."""
        return self.path / "log.csv"

    @property
    def lock_file(self) -> pathlib.Path:
        """Held by the process that trains the run (`mmc_tf.training.claims`)."""
        return self.path / LOCK

    @property
    def is_vacant(self) -> bool:
        """Whether nothing was trained in it yet: it is not there, or holds no file beside the lock."""
        return not self.path.is_dir() or all(entry.name == LOCK for entry in self.path.iterdir())

    @property
    def checkpoints(self) -> pathlib.Path:
        """The checkpoints' folder."""
        return self.path / "checkpoints"

    @property
    def margins(self) -> pathlib.Path:
        """The folder of the margins measured after each epoch, if they were."""
        return self.path / "margins"

    @property
    def final_model(self) -> pathlib.Path:
        """The trained model; its presence says that the run is finished."""
        return self.path / FINAL

    def read_config(self) -> dict[str, Any]:
        """The configuration.

        Raises:
            UserError: if there is none. DamagedFileError: if it is not what was written.
        """
        opening, expected = f"{self.path} is not a run's folder", f"a readable {CONFIG} in it"
        return files.read_record(self.config_file, needed=("flags",), expected=expected, opening=opening)

    def write_config(self, config: dict[str, Any]) -> None:
        """Writes the configuration, whole or not at all."""
        files.write_record(self.config_file, config)


# What may change when a run is resumed: everything else would make it another run.
_FREE_ON_RESUME = {
    "resume",
    "overwrite",
    "dry_run",
    "verbose",
    "runs_dir",
    "data_dir",
    "run_name",
    "strategy",
    "tensorboard",
}


def open_run(
    runs_dir: str | pathlib.Path, name: str, config: dict[str, Any], *, resume: bool, overwrite: bool
) -> RunFolder:
    """The folder of a run about to be trained, checked but not yet touched.

    Args:
        runs_dir: the folder of all runs.
        name: of this run.
        config: the configuration to be; `config["flags"]` must agree with that of a resumed run.
        resume: go on with a folder that exists.
        overwrite: replace a folder that exists.

    Raises:
        UserError: if the folder exists and neither is asked for, if both are, if a resumed run differs or all its
            checkpoints are damaged, or if what is to be replaced is no run.
    """
    if resume and overwrite:
        raise argument_error("resume", "one of --resume and --overwrite", "both")
    if name in (".", "..") or pathlib.PurePath(name).name != name:
        raise argument_error("run_name", "a plain name, without folders", name)
    folder = RunFolder(pathlib.Path(runs_dir) / name)
    if folder.path.is_symlink() and not folder.path.exists():
        received = f"the link {folder.path} to {folder.path.readlink()}, which is not there"
        raise argument_error("run_name", "the name of a folder", received)
    if not folder.path.exists():
        return folder
    if not folder.path.is_dir():
        raise argument_error("run_name", "the name of a folder", f"the file {folder.path}")
    if folder.is_vacant:
        return folder
    if overwrite:
        # A slip such as --runs_dir=. must not cost somebody their other files.
        if not folder.config_file.exists():
            raise argument_error("overwrite", f"a run's folder, with {CONFIG}", f"{folder.path} without it")
        return folder
    if not resume:
        raise argument_error(
            "run_name", "a run that does not exist yet, or --resume or --overwrite", str(folder.path)
        )
    stored = folder.read_config()["flags"]
    for flag, value in json.loads(json.dumps(config["flags"], default=str)).items():
        if (flag, value) == ("precision", "auto"):
            continue  # whatever was chosen, by the user or by measurement, is kept
        if flag not in _FREE_ON_RESUME and flag in stored and stored[flag] != value:
            raise argument_error(
                flag, f"{stored[flag]}, as the run {folder.path} that is resumed has it", value
            )
    saved.newest_checkpoint(folder.checkpoints)
    return folder


def kept_config(runs_dir: str | pathlib.Path, name: str) -> dict[str, Any] | None:
    """The configuration of the run that is to be resumed; None where nothing of it is there yet."""
    folder = RunFolder(pathlib.Path(runs_dir) / name)
    return folder.read_config() if folder.config_file.is_file() else None


def check_data(folder: RunFolder, fingerprints: Mapping[str, str]) -> str | None:
    """Makes sure that a run that is resumed meets the images and labels that it began with.

    Args:
        folder: of the run.
        fingerprints: of each split now, by its name (`mmc_tf.data.fingerprints`).

    Returns:
        What to say where the run is of a version that noted none; else None.

    Raises:
        UserError: if a split is another one now.
    """
    stored = folder.read_config().get("dataset", {}).get("sha256")
    if not isinstance(stored, Mapping):
        return f"{folder.config_file} is older than fingerprints: whether the data are the same is not known"
    for split, fingerprint in fingerprints.items():
        if split in stored and stored[split] != fingerprint:
            expected = f"the {split} images and labels that the run {folder.path} began with"
            raise argument_error(
                "resume", expected, f"others (SHA-256 {fingerprint[:8]}…, not {stored[split][:8]}…)"
            )
    return None


def describe_resumption(folder: RunFolder) -> str:
    """Where a run that is resumed goes on, in words."""
    if folder.is_vacant:
        return f"nothing to go on with in {folder.path}: training begins at step 0"
    if folder.final_model.exists():
        return f"{folder.path} is finished: no step is left"
    newest, damaged = saved.newest_checkpoint(folder.checkpoints)
    if newest is None:
        return f"no checkpoint in {folder.path} yet: training begins at step 0"
    lost = "".join(f"{path.name} is damaged and left out; " for path in damaged)
    return f"{lost}goes on from {newest}"


def clear(folder: RunFolder) -> None:
    """Removes what is in a run's folder, before it is trained anew; in a linked one, what the link points at.

    Raises:
        OSError: if something stays: a network would go on from what it should replace.
    """
    if not folder.path.exists():
        return
    for entry in folder.path.iterdir():
        if entry.name == LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def unused_name(runs_dir: str | pathlib.Path, stem: str) -> str:
    """`stem`, or `stem-2`, `stem-3`, … where that folder exists."""
    runs_dir = pathlib.Path(runs_dir)
    number = 1
    name = stem
    while os.path.lexists(runs_dir / name):
        number += 1
        name = f"{stem}-{number}"
    return name


def newest_unfinished(runs_dir: str | pathlib.Path, stem: str) -> str | None:
    """Of the runs that `unused_name` called after `stem`, the one begun last that has no final model; or None."""
    numbered = re.compile(re.escape(stem) + r"(-\d+)?")
    open_runs = [
        config.parent
        for config in pathlib.Path(runs_dir).glob(f"*/{CONFIG}")
        if numbered.fullmatch(config.parent.name) and not (config.parent / FINAL).exists()
    ]
    return max(open_runs, key=lambda path: (path / CONFIG).stat().st_mtime).name if open_runs else None


def find_newest(runs_dir: str | pathlib.Path) -> pathlib.Path:
    """The finished run whose `final.keras` is newest.

    Raises:
        UserError: if there is no finished run.
    """
    runs_dir = pathlib.Path(runs_dir)
    finished = [model.parent for model in runs_dir.glob(f"*/{FINAL}")]
    if not finished:
        raise argument_error(
            "checkpoint",
            f"a finished run in {runs_dir}/ (train one: python train_std.py --dataset=digits --loss=MMC)",
            f"no {runs_dir}/*/{FINAL}",
        )
    return max(finished, key=lambda path: (path / FINAL).stat().st_mtime)


def find_model(
    path: str | pathlib.Path, *, argument: str = "checkpoint"
) -> tuple[pathlib.Path, dict[str, Any]]:
    """The model's file and the configuration of a finished run, or of a `.keras` file on its own (`{}`).

    Args:
        path: a run's folder, or a `.keras` file.
        argument: what errors call it.

    Raises:
        UserError: if it is neither, the run is not finished, or the file is damaged.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        folder = RunFolder(path)
        config = folder.read_config()
        if not folder.final_model.exists():
            expected = f"a finished run (go on with it: --resume --run_name={path.name})"
            raise argument_error(argument, expected, f"{path}, without {FINAL}")
        path = folder.final_model
    elif path.is_file():
        sibling = RunFolder(path.parent)
        config = sibling.read_config() if path.name == FINAL and sibling.config_file.exists() else {}
    else:
        raise argument_error(argument, "a run's folder or a .keras file", f"{path}, which does not exist")
    saved.check_model(path)
    return path, config


def load_run(path: str | pathlib.Path) -> tuple[keras.Model, dict[str, Any]]:
    """The model and configuration of a finished run, or of a `.keras` file on its own (configuration `{}`).

    Args:
        path: a run's folder, or a `.keras` file.

    Raises:
        UserError: if it is neither, the run is not finished, or the model cannot be read.
    """
    import mmc_tf.layers  # noqa: F401  registers what a saved model names

    model_file, config = find_model(path)
    return _load_model(model_file), config


def _load_model(path: pathlib.Path) -> keras.Model:
    import keras  # here, so that folders are checked without TensorFlow

    try:
        return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # Keras raises ValueError, KeyError, OSError and more for a file it can't use.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        expected = "a saved Keras model"
        if "safe_mode" in reason:  # Keras goes on to say how to run the code, which no file is worth
            expected += " without program code of its own (SECURITY.md)"
            reason = reason.partition(" This carries")[0].rstrip(".")
        raise UserError(f"Cannot read the model {path}. Expected {expected}. Received: {reason}") from error
