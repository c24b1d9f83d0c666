"""Where experiments get their networks and verdicts: what is there already is used, the rest is made.

A lab is a folder of one budget:

    runs/          networks, named after their settings, so that experiments share them
    evaluations/   one folder an evaluation, likewise
    values/        arrays that an experiment computed itself
    logs/          what the commands printed, and how long they took
    results/       one folder an experiment
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc_tf import data, files
from mmc_tf.checks import UserError, check_number
from mmc_tf.experiments.budgets import Budget, DataPlan
from mmc_tf.experiments.execution import format_flags, run_command
from mmc_tf.models.precision import AUTO
from mmc_tf.training import runs

if TYPE_CHECKING:
    import keras

# Two levels of five classes: what a tree of classes is on the smoke budget's digits.
_TREE = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network as an experiment asks for it; the budget says how long it is trained and on what.

    Args:
        dataset: as the source has it.
        loss: a name of `mmc_tf.losses.LOSSES`.
        model: as the source has it; None: the data set's own.
        method: of adversarial training, a name of `train_at.py`; None: standard training.
        flags: (name, value) pairs of the training script beside these; they replace the budget's.
    """

    dataset: str
    loss: str
    model: str | None = None
    method: str | None = None
    flags: tuple[tuple[str, Any], ...] = ()


class Lab:
    """The folder of a budget, and how it is filled.

    Args:
        budget: how much may be spent.
        work_dir: the folder of all budgets.
        data_dir: the folder of the data sets' files; None: `$MMC_DATA_DIR`.
        seed: of training and attacks.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        work_dir: pathlib.Path,
        data_dir: str | None = None,
        seed: int = 0,
    ):
        self.budget = budget
        self.folder = pathlib.Path(work_dir) / budget.name
        self.data_dir = data_dir
        self.seed = seed
        self._used: dict[str, None] = {}

    def plan(self, dataset: str) -> DataPlan:
        """What the budget makes of a data set."""
        return self.budget.plans[dataset]

    def dataset(self, name: str, **sizes: int) -> data.Dataset:
        """The images that stand for a data set; `sizes` as `mmc_tf.data.load` has them.

        Raises:
            UserError: if its files are not there.
        """
        return data.load(self.plan(name).dataset, data_dir=self.data_dir, **sizes)

    def has(self, dataset: str) -> bool:
        """Whether the files of a data set are there."""
        try:
            self.dataset(dataset)
        except UserError:
            return False
        return True

    def train(self, network: Network) -> pathlib.Path:
        """The network's run, trained if it is not there, or to its end if it was interrupted.

        Raises:
            UserError: if training fails.
        """
        path, words = self._training(network)
        self._ensure(path / runs.FINAL, path.name, words)
        return path

    def run_folder(self, network: Network) -> pathlib.Path:
        """Where the network's run is or would be."""
        return self._training(network)[0]

    def _training(self, network: Network) -> tuple[pathlib.Path, list[str]]:
        """The run's folder, and the command that trains it."""
        plan = self.plan(network.dataset)
        settings = plan.standard if network.method is None else plan.adversarial
        flags = {
            "dataset": plan.dataset,
            "model": plan.model or network.model,
            "loss": network.loss,
            "method": network.method,
            **settings,
            **dict(network.flags),
        }
        if plan.dataset == "digits" and network.loss == "HMMC":
            flags["hierarchy"] = self.tree("digits", _TREE)
        if self.seed:
            # Networks that differ by their own seed stay apart.
            flags["seed"] = self.seed + flags.get("seed", 0)
        words = [network.method or "std", network.loss, plan.model or network.model or "", plan.dataset]
        path = self.folder / "runs" / _name(words, flags)
        script = "train_std.py" if network.method is None else "train_at.py"
        where = {"data_dir": self.data_dir, "runs_dir": path.parent, "run_name": path.name}
        bare = self.budget.growth(network.loss, network.method)
        return path, [script, *format_flags({**bare, **flags, **where}), "--resume"]

    def tree(self, name: str, tree: Any) -> pathlib.Path:
        """A file with a tree of classes, for `--hierarchy`.

        Args:
            name: of the file.
            tree: nested sequences or mappings of class indices.
        """
        path = self.folder / "trees" / f"{name}.json"
        if not path.exists():
            files.write_json(path, tree)
        return path

    def evaluate(
        self, run: pathlib.Path, attack: str | Sequence[str], *, dataset: str, **flags: Any
    ) -> dict[str, Any]:
        """`results.json` of an evaluation by `eval_attacks.py`, done if it is not there.

        Args:
            run: what is attacked.
            attack: names of attacks.
            dataset: as the experiment calls it.
            flags: of `eval_attacks.py` beside these; they replace the budget's. `num_steps` is cut to its limit.

        Raises:
            UserError: if the evaluation fails.
        """
        path = self.evaluation_folder(run, attack, dataset=dataset, **flags)
        return files.read_record(path / "results.json")

    def evaluation_folder(
        self, run: pathlib.Path, attack: str | Sequence[str], *, dataset: str, **flags: Any
    ) -> pathlib.Path:
        """As `evaluate`: the folder with everything that the evaluation wrote."""
        flags = {
            "attack": attack,
            "test_size": self.plan(dataset).examples,
            **self.budget.evaluation,
            "report": False,
            **flags,
        }
        if "num_steps" in flags:
            flags["num_steps"] = self._steps(flags["num_steps"])
        if self.seed:
            flags["seed"] = self.seed
        path = self.folder / "evaluations" / run.name / _name(["-".join(_words(attack))], flags)
        where = {"checkpoint": run, "data_dir": self.data_dir, "output_dir": path}
        command = ["eval_attacks.py", *format_flags(flags | where), "--resume"]
        self._ensure(path / "results.json", f"{run.name}--{path.name}", command)
        return path

    def _steps(self, wanted: int | Sequence[int]) -> list[int]:
        several = [wanted] if isinstance(wanted, int) else wanted
        return list(dict.fromkeys(self.budget.steps(number) for number in several))

    def module(
        self,
        command: str,
        members: Sequence[pathlib.Path],
        *,
        name: str,
        more: Sequence[str] = (),
        **flags: Any,
    ) -> pathlib.Path:
        """The folder of results of `python -m mmc_tf.evaluation COMMAND RUN…`, made if it is not there.

        Args:
            command: such as `mma`; one that takes `--output_dir`.
            members: the runs.
            name: the folder's, beside a digest of runs and flags.
            more: arguments as they are typed, such as a flag that is given several times.
            flags: of the command; True stands for a flag without a value.
        """
        switches = [f"--{key}" for key, value in flags.items() if value is True]
        valued = {key: value for key, value in flags.items() if value is not True and value is not False}
        content = {"members": [member.name for member in members], "switches": switches, **valued}
        if more:
            content["more"] = list(more)
        path = self.folder / "evaluations" / _name([command, name], content)
        where = {"data_dir": self.data_dir, "output_dir": path}
        words = ["-m", "mmc_tf.evaluation", command, *map(str, members), *more, *switches]
        self._ensure(path / DONE, path.name, [*words, *format_flags(valued | where)])
        return path

    def compute(
        self, name: str, key: Mapping[str, Any], make: Callable[[], Mapping[str, np.ndarray]]
    ) -> dict[str, np.ndarray]:
        """Arrays that an experiment computes itself, computed once.

        Args:
            name: of the file, beside a digest of `key`.
            key: everything that the arrays depend on.
            make: computes them.
        """
        path = self.folder / "values" / (_name([name], key) + ".npz")
        with files.locked(self.folder / "locks" / path.stem):
            if not path.exists():
                print(f"computing {path.stem}", flush=True)
                files.write_arrays(path, make(), compressed=True)
        return files.read_arrays(path)

    def load(self, run: pathlib.Path) -> keras.Model:
        """A trained network."""
        model, _ = runs.load_run(run)
        return model

    def begin(self) -> None:
        """Starts the account of commands that `seconds` gives."""
        self._used = {}

    @property
    def seconds(self) -> float:
        """How long the commands took whose results were used since `begin`, whenever they ran."""
        files_of = (self._log_file(name).with_suffix(".seconds") for name in self._used)
        return sum(_read_seconds(path) for path in files_of if path.exists())

    def _log_file(self, name: str) -> pathlib.Path:
        return self.folder / "logs" / f"{name}.log"

    def _ensure(self, done: pathlib.Path, name: str, words: list[str]) -> None:
        """Runs a command unless the file `done` says that it was run, also by another process by now."""
        self._used[name] = None
        if done.exists():
            return
        with files.locked(self.folder / "locks" / name):
            if done.exists():
                return
            log_file = self._log_file(name)
            seconds = run_command(words, log_file, in_process=self.budget.in_process)
            files.write_record(log_file.with_suffix(".seconds"), {"seconds": round(seconds, 1)})
            done.parent.mkdir(parents=True, exist_ok=True)
            done.touch()


# Says that a command of `Lab.module` came to its end.
DONE = ".done"


def _read_seconds(path: pathlib.Path) -> float:
    """How long a command took; older versions wrote the number alone."""
    content = files.read_json(path)
    if isinstance(content, dict):
        content = files.read_record(path, needed=("seconds",))["seconds"]
    return check_number(str(path), content, minimum=0)


def _words(attack: str | Sequence[str]) -> list[str]:
    return [attack] if isinstance(attack, str) else list(attack)


# Names of what is chosen by measurement: those of the days before, so that what was made then is found again.
_CHOSEN = {"precision": "mixed_bfloat16", "attack_precision": "bfloat16"}


def _name(words: Sequence[str], content: Mapping[str, Any]) -> str:
    """A folder's name: readable words, and a digest of everything."""
    named = {
        key: _CHOSEN[key] if value == AUTO and key in _CHOSEN else value for key, value in content.items()
    }
    text = json.dumps(named, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    stem = "-".join(re.sub(r"[^a-z0-9_]+", "-", word.lower()).strip("-") for word in words if word)
    return f"{stem[:80]}-{digest}"
