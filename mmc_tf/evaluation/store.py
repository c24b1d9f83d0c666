"""The folder of one evaluation: what was planned, each batch as it is done, and the results.

    plan.json       what is evaluated (model, examples, seed, attacks): a resumed evaluation must match it
    progress/       one small file per finished batch; gone once the evaluation is finished
    results.json    the figures
    examples.npz    the verdicts per example
    samples.npz     a few images, clean and under each attack
    features.npz    features of test images and the centers, where the model has a head of ours
    report.html, figures/, table.md, table.tex    drawn from the others (`report/`)

Every file is written under a temporary name in its folder and renamed, so that a run killed at any moment
leaves whole files only.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmc_tf.checks import ECHOED, argument_error
from mmc_tf.files import DamagedFileError, held, read_arrays, read_record, write_arrays, write_record

PLAN, RESULTS, EXAMPLES, PROGRESS = "plan.json", "results.json", "examples.npz", "progress"
SAMPLES, FEATURES = "samples.npz", "features.npz"
REPORT, FIGURES, MARKDOWN, LATEX = "report.html", "figures", "table.md", "table.tex"
LOCK = ".lock"  # held by the process that writes the folder
_OURS = (RESULTS, EXAMPLES, SAMPLES, FEATURES, REPORT, FIGURES, MARKDOWN, LATEX, PLAN, PROGRESS)


def differences(old: Any, new: Any, where: str = "") -> list[str]:
    """What differs between two JSON values, one line each: `seed: 0 there, 1 here`.

    A precision that is yet to be chosen (`auto`) does not differ from the one that was chosen there.
    """
    if new == "auto" and where.endswith("attack_precision"):
        return []
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = [*old, *(key for key in new if key not in old)]
        return [
            line
            for key in keys
            for line in differences(old.get(key), new.get(key), f"{where}.{key}" if where else str(key))
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{where}[{i}]")]
    if old == new:
        return []
    if isinstance(old, list) and isinstance(new, list):
        return [f"{where}: {len(old)} there, {len(new)} here"]
    return [f"{where}: {old} there, {new} here"]


def check_folder(path: str | Path, *, resume: bool, overwrite: bool) -> Path:
    """Makes sure that some evaluation may write to `path`, touching nothing.

    Raises:
        UserError: if `path` is a file or in a folder that is closed, holds anything without `resume` or
            `overwrite`, or holds files that are not an evaluation's.
    """
    path = Path(path)
    if resume and overwrite:
        raise argument_error("overwrite", "not both `resume` and `overwrite`", True)
    if not path.exists():
        parent = next(parent for parent in path.absolute().parents if parent.exists())
        if not (parent.is_dir() and os.access(parent, os.W_OK)):
            raise argument_error("output_dir", "a path in a folder that can be written", str(path))
        return path
    if not path.is_dir():
        raise argument_error("output_dir", "a folder", f"the file {path}")
    # A killed run may leave a temporary file, whose name begins with a dot.
    names = [entry.name for entry in path.iterdir() if not entry.name.startswith(".")]
    if not names:
        return path
    if not (resume or overwrite):
        raise argument_error(
            "output_dir",
            "a new or empty folder, or --resume or --overwrite",
            f"{path}, which is not empty",
        )
    if PLAN not in names:
        raise argument_error("output_dir", f"a folder with an evaluation ({PLAN})", path.as_posix())
    return path


def describe_resumption(path: str | Path) -> str:
    """What there is to go on with in the folder of an evaluation that is resumed, in words."""
    path = Path(path)
    if not (path / PLAN).exists():
        return f"nothing to go on with in {path}: the evaluation begins anew"
    return f"{path} is finished: no batch is left" if (path / RESULTS).exists() else f"goes on with {path}"


def one_at_a_time(work: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a function that writes an evaluation to `output_dir`: no other process writes there meanwhile.

    A folder that is empty at the end goes, so that a mistake leaves nothing.

    Raises:
        UserError: as `check_folder`, and if another process works in the folder.
    """

    @functools.wraps(work)
    def alone(*data: Any, output_dir: str | Path, **more: Any):
        how = {name: more.get(name, False) for name in ("resume", "overwrite")}
        path = check_folder(output_dir, **how)
        with contextlib.ExitStack() as stack:
            if not path.exists():
                stack.callback(_remove_if_empty, path)
            try:
                stack.enter_context(held(path / LOCK))
            except BlockingIOError:
                expected = "a folder in which no other process works"
                raise argument_error("output_dir", expected, f"{path}, in which one does") from None
            return work(*data, output_dir=output_dir, **more)

    return alone


def _remove_if_empty(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.rmdir()


class EvaluationFolder:
    """One evaluation on disk. Build it with `open`; `check` only looks."""

    def __init__(self, path: Path):
        self.path = path

    @classmethod
    def check(
        cls, path: str | Path, plan: Mapping[str, Any], *, resume: bool, overwrite: bool
    ) -> EvaluationFolder:
        """Makes sure that an evaluation of `plan` may write to `path`, touching nothing.

        Raises:
            UserError: as `check_folder`, and if `path` holds an evaluation of something else and `resume` is
                set.
        """
        path = check_folder(path, resume=resume, overwrite=overwrite)
        if resume and (path / PLAN).exists():
            lines = differences(read_record(path / PLAN), plan)
            if lines:
                raise argument_error(
                    "resume", f"the evaluation that {path} holds", "; ".join(lines[:3]), longest=3 * ECHOED
                )
        return cls(path)

    @classmethod
    def open(
        cls, path: str | Path, plan: Mapping[str, Any], *, resume: bool, overwrite: bool
    ) -> EvaluationFolder:
        """Checks as `check` does, then makes the folder ready: cleared if `overwrite`, `plan` written.

        Raises:
            UserError: as `check`.
            OSError: if the folder cannot be written.
        """
        folder = cls.check(path, plan, resume=resume, overwrite=overwrite)
        folder.path.mkdir(parents=True, exist_ok=True)
        if overwrite:
            folder._clear()
        for name in (PLAN, RESULTS, EXAMPLES, SAMPLES, FEATURES, REPORT, MARKDOWN, LATEX):
            for leftover in folder.path.glob(f".{Path(name).stem}.*{Path(name).suffix}"):
                leftover.unlink()
        if not (folder.path / PLAN).exists():
            write_record(folder.path / PLAN, plan)
        return folder

    def _clear(self) -> None:
        for name in _OURS:
            entry = self.path / name
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def results(self) -> dict[str, Any] | None:
        """The results of a finished evaluation, or None while it is not finished."""
        path = self.path / RESULTS
        return read_record(path, needed=("schema_version",)) if path.exists() else None

    def examples(self) -> dict[str, np.ndarray]:
        """The verdicts per example of a finished evaluation."""
        return read_arrays(self.path / EXAMPLES)

    def append(self, stage: str, arrays: Mapping[str, Any]) -> None:
        """Writes one batch of a stage (`clean`, `attack-0`, …) to disk."""
        folder = self.path / PROGRESS / stage
        number = 1 + max((int(path.stem) for path in folder.glob("[0-9]*.npz")), default=-1)
        write_arrays(folder / f"{number:06d}.npz", arrays)

    def batches(self, stage: str) -> list[dict[str, np.ndarray]]:
        """The batches of a stage that are on disk, in the order in which they were written."""
        batches = []
        for path in sorted((self.path / PROGRESS / stage).glob("[0-9]*.npz")):
            try:
                batches.append(read_arrays(path))
            except DamagedFileError:
                # A machine that lost power may hold an empty file under the final name: attack those again.
                path.unlink()
        return batches

    def remember(self, stage: str, compute: Callable[[], Any]) -> Any:
        """What `compute` returned, plain data, when it was first called for this stage of this evaluation."""
        kept = self.batches(stage)
        if kept:
            return json.loads(str(kept[0]["json"]))
        value = compute()
        self.append(stage, {"json": np.array(json.dumps(value))})
        return value

    def finish(
        self,
        results: Mapping[str, Any],
        examples: Mapping[str, np.ndarray],
        pictures: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    ) -> None:
        """Writes the verdicts and the arrays of the pictures by file name, then the results, whose presence says
        that the evaluation is finished."""
        for name, arrays in {EXAMPLES: examples, **(pictures or {})}.items():
            write_arrays(self.path / name, arrays, compressed=True, durable=True)  # before the progress goes
        write_record(self.path / RESULTS, results)
        shutil.rmtree(self.path / PROGRESS, ignore_errors=True)
