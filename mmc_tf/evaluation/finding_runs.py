"""Which run is meant, told by how it was trained.

The original's scripts name a checkpoint by its training's settings, one after the other in a path. Here the settings
are in `config.json`, and a run fits if it agrees in all that is asked.

Nothing here needs TensorFlow.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from mmc_tf.checks import UserError, argument_error
from mmc_tf.data import canonical_name
from mmc_tf.files import read_table
from mmc_tf.models import resolve
from mmc_tf.training import runs

_NAMED = 4  # runs in one message
# Families whose networks have no batch norms unless asked for.
_WITHOUT_BATCH_NORM = ("mnist", "lenet5")


class Found(NamedTuple):
    """A run that fits.

    Attributes:
        path: its folder.
        reason: why it, of all that fit.
    """

    path: Path
    reason: str


class RunOptions(Protocol):
    """What says which runs are meant, as the flags of `eval_attacks.py` name it.

    `run` and `source_run` map names of `settings_of` to values; None: they are named in other ways.
    """

    attack: list[str]
    run: dict[str, Any] | None
    source_run: dict[str, Any] | None
    epoch: int | None
    most_images: int | None
    original: list[str]
    runs_dir: str
    checkpoint: str | None
    transfer_from: list[str] | None
    test_size: int | None


Options = TypeVar("Options", bound=RunOptions)


def name_runs(options: Options) -> Options:
    """A copy of the options in which runs that are told by their training are named, and what was found is noted.

    Args:
        options: where a checkpoint is named and described too, it must be as described.

    Raises:
        UserError: if no run fits.
    """
    if options.run is None or options.attack == ["help"]:
        return options
    named = copy.copy(options)
    if options.checkpoint is None:
        found = find_run(options.runs_dir, options.run, epoch=options.epoch)
    else:
        found = _check_run(Path(options.checkpoint), options.run, options.epoch)
    named.checkpoint = str(found.path)
    notes = [f"run {found.path}, {found.reason}"]
    if options.source_run is not None:
        source = find_run(options.runs_dir, options.source_run, epoch=options.epoch, argument="transfer_from")
        named.transfer_from = [str(source.path)]
        notes.append(f"crafted on {source.path}, {source.reason}")
    if options.most_images is not None:
        known = _read_config(found.path).get("dataset", {}).get("test_size", options.most_images)
        named.test_size = min(options.most_images, known)
        notes.append(f"the original's {options.most_images} test images: --test_size={named.test_size}")
    named.original = [*options.original, *notes]
    return named


def find_run(
    runs_dir: str | Path, wanted: Mapping[str, Any], *, epoch: int | None = None, argument: str = "checkpoint"
) -> Found:
    """The finished run with the settings that are wanted; of several the one that was finished last.

    Args:
        runs_dir: the folder of all runs.
        wanted: values by their names in `settings_of`; what is not there asks nothing.
        epoch: the run's last one; None: any.
        argument: what errors call it.

    Raises:
        UserError: if there is none, with the one that comes nearest and what it differs in; if none of those that fit
            ended with `epoch`.
    """
    newest_first = _finished(runs_dir)
    if not newest_first:
        return Found(runs.find_newest(runs_dir), "")  # says that there is none
    configs = {path: _read_config(path) for path in newest_first}
    lacking = {path: differences(settings_of(configs[path]), wanted) for path in newest_first}
    unread = [path.name for path in newest_first if not configs[path]]
    left_out = f"; not {', '.join(unread[:_NAMED])}: cannot be read" if unread else ""
    fitting = [path for path in newest_first if not lacking[path]]
    if not fitting:
        nearest = min(newest_first, key=lambda path: len(lacking[path]))  # the first of the least: the newest
        expected = f"a finished run in {runs_dir}/ with {_listed(wanted)}"
        received = f"none; the nearest, {nearest}, has {', '.join(lacking[nearest])}{left_out}"
        raise argument_error(argument, expected, received)
    if epoch is not None:
        fitting = _with_epoch(fitting, epoch)
    if len(fitting) == 1:
        only = f"the only one with {_listed(wanted)}" if wanted else "the only one"
        return Found(fitting[0], only + left_out)
    others = ", ".join(path.name for path in fitting[1 : 1 + _NAMED])
    more = ", ..." if len(fitting) > 1 + _NAMED else ""
    fit = f" with {_listed(wanted)}" if wanted else ""
    return Found(fitting[0], f"the newest of {len(fitting)}{fit} (others: {others}{more}){left_out}")


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """How a run was trained, as far as the original tells checkpoints apart, defaults filled in.

    Args:
        config: the run's `config.json`.

    Returns:
        `dataset`, `loss`, `scale`, `random_centers`, `version` (of a ResNet), `use_bn`, `use_dense`, `use_leaky`,
        `optimizer`, `lr`, `batch_size`; `training`: `standard`, `adversarial`, or the name of another method than
        plain adversarial training; of the attack in it `attack_method`, `targeted`, `adv_ratio`. None where there is no
        such thing.

    Example:
        >>> config = {"flags": {"loss": "MMC", "model": "resnet32", "version": 2, "centers": "simplex"}}
        >>> settings = settings_of(config)
        >>> settings["version"], settings["use_bn"], settings["training"]
        (2, True, 'standard')
    """
    flags = config.get("flags", {})
    method = flags.get("method")
    names = ("loss", "scale", "use_dense", "use_leaky", "optimizer", "lr", "batch_size")
    of_the_attack = ("attack_method", "targeted", "adv_ratio") if method == "pgd" else ()
    return {
        "dataset": config.get("dataset", {}).get("name") or flags.get("dataset"),
        **{name: flags.get(name) for name in names},
        "random_centers": flags.get("centers") == "random",
        **_network(flags),
        "training": "adversarial" if method == "pgd" else method or "standard",
        **{name: flags.get(name) for name in of_the_attack},
    }


def differences(settings: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What a run has instead of what is wanted: `scale 100`, one text for each setting that differs."""
    return [
        f"{name} {_shown(settings.get(name))}"
        for name, value in wanted.items()
        if not _same(name, settings.get(name), value)
    ]


def last_epoch(path: Path) -> int | None:
    """The epoch that a run ended with, by its log; None if it has none that can be read."""
    try:
        rows = read_table(runs.RunFolder(path).log_file)
        return max((int(row["epoch"]) for row in rows), default=None)
    except (KeyError, TypeError, ValueError):
        return None


def _finished(runs_dir: str | Path) -> list[Path]:
    """The folders of finished runs, the one that was finished last first."""
    models = sorted(
        Path(runs_dir).glob(f"*/{runs.FINAL}"), key=lambda model: model.stat().st_mtime, reverse=True
    )
    return [model.parent for model in models]


def _read_config(path: Path) -> dict[str, Any]:
    """The configuration; empty if it cannot be read, so that one broken folder does not hide the others."""
    try:
        return runs.RunFolder(path).read_config()
    except UserError:
        return {}


def _check_run(path: Path, wanted: Mapping[str, Any], epoch: int | None) -> Found:
    """A run that is named beside a description, which must agree; a file without a run has nothing to compare."""
    folder = path if path.is_dir() else path.parent
    if not runs.RunFolder(folder).config_file.exists():
        return Found(path, "as named")
    lacking = differences(settings_of(_read_config(folder)), wanted)
    if lacking:
        expected = f"a run with {_listed(wanted)}"
        raise argument_error("checkpoint", expected, f"{path}, which has {', '.join(lacking)}")
    if epoch is not None:
        _with_epoch([folder], epoch)
    return Found(path, f"as named, with {_listed(wanted)}" if wanted else "as named")


def _with_epoch(paths: list[Path], epoch: int) -> list[Path]:
    """Those of the runs that ended with `epoch`."""
    last = {path: last_epoch(path) for path in paths}
    fitting = [path for path in paths if last[path] == epoch]
    if not fitting:
        kept = " or ".join(f"{last[path]} ({path})" for path in paths[:_NAMED])
        raise argument_error("epoch", f"{kept}, since a run keeps the weights of its last epoch alone", epoch)
    return fitting


def _network(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Version of the ResNet, None for other networks, and whether there are batch norms."""
    try:
        family = resolve(flags.get("model") or "", version=flags.get("version")).family
    except UserError:  # a network of the user's own
        return {"version": flags.get("version"), "use_bn": flags.get("use_bn")}
    version = {"resnetDv1": 1, "resnetDv2": 2}.get(family)
    use_bn = flags.get("use_bn")
    return {"version": version, "use_bn": family not in _WITHOUT_BATCH_NORM if use_bn is None else use_bn}


def _same(name: str, given: Any, wanted: Any) -> bool:
    if name == "dataset" and given is not None:
        return canonical_name(given) == canonical_name(wanted)
    if isinstance(given, float) or isinstance(wanted, float):
        return given is not None and math.isclose(given, wanted, rel_tol=1e-6)
    return given == wanted


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_shown(value)}" for name, value in settings.items())
