"""What is attacked and on which images, found out before anything slow.

Nothing here needs TensorFlow: a mistake is answered in a second, not after the ten that its import may take.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mmc_tf import data, files
from mmc_tf.checks import argument_error, check_choice, check_range
from mmc_tf.compat import Findings, Released, prepare_released, read_findings
from mmc_tf.compat.released import find_loss
from mmc_tf.evaluation import store
from mmc_tf.evaluation.examples import Shard
from mmc_tf.evaluation.presets import Subject, find_entries
from mmc_tf.evaluation.published import TRAININGS
from mmc_tf.training import runs, saved
from mmc_tf.training.plan import check_objective

RESULTS_DIR = Path("results")


class TargetOptions(Protocol):
    """What says what is attacked and where the results go, as the flags of `eval_attacks.py` name it."""

    attack: list[str]
    preset: str | None
    norm: str | None
    epsilon: list[float] | None
    transfer_from: list[str] | None
    objective: str | None
    input_range: list[float] | None
    checkpoint: str | None
    ensemble: list[str] | None
    released_weights: str | None
    released_loss: str | None
    released_training: str
    scale: float | None
    centers: str | None
    runs_dir: str
    dataset: str | None
    data_dir: str | None
    test_size: int | None
    num_shards: int | None
    shard_index: int | None
    output_dir: str | None
    resume: bool
    overwrite: bool
    dry_run: bool


@dataclasses.dataclass(frozen=True)
class Target:
    """A saved network that can be attacked, and the images for it.

    Args:
        path: the run's folder or the `.keras` file.
        config: the run's configuration; empty without a run.
        chosen: whether it was taken because it is the newest.
        dataset: the images.
        sources: the networks that transfer attacks are crafted on, as `path`.
        shard: the share of the images that is attacked; None: all.
        members: of an ensemble, as `path`, which is the first one's; none: the network at `path` alone.
        released: the network of the original's weight file at `path`; None: one of ours.
    """

    path: Path
    config: dict[str, Any]
    chosen: bool
    dataset: data.Dataset
    sources: tuple[Path, ...] = ()
    shard: Shard | None = None
    members: tuple[Path, ...] = ()
    released: Released | None = None


def prepare(options: TargetOptions) -> Target | None:
    """Finds network and images and checks the folder of the results.

    Returns:
        What is attacked, or None where only the list of attacks is asked for.

    Raises:
        UserError: for whatever would make the evaluation impossible.
    """
    if "help" in options.attack:
        return None
    if options.resume and options.overwrite:
        raise argument_error("overwrite", "not both `resume` and `overwrite`", True)
    if options.input_range is not None:
        check_range("input_range", options.input_range)
    shard = None if options.num_shards is None else Shard(options.shard_index, options.num_shards)
    released = _read_released(options)
    members = _find_places(options.ensemble, options, argument="ensemble")
    argument = "ensemble" if members else "checkpoint"
    found = _find_networks(options, members, released)
    path = next(iter(found))
    config = found[path][1]
    sources = _find_places(options.transfer_from, options, argument="transfer_from")
    for _, each in found.values():
        check_objective(options.objective, each.get("flags", {}).get("loss"))
    name = _common_dataset(options, {place: each for place, (_, each) in found.items()})
    if options.preset is not None:
        find_entries(options, Subject(name, is_vote=bool(members)))
    if options.output_dir is not None:
        store.check_folder(options.output_dir, resume=options.resume, overwrite=options.overwrite)
    files.check_writable("output_dir", options.output_dir or RESULTS_DIR, probe=not options.dry_run)
    flags = config.get("flags", {})
    dataset = data.load(
        name,
        data_dir=options.data_dir or flags.get("data_dir"),
        test_size=options.test_size or flags.get("test_size"),
        validation_size=flags.get("validation_size") or 0,
        train_size=flags.get("train_size"),
    )
    if shard is not None:
        shard.of(len(dataset.test))
    for place, (model_file, _) in found.items():
        taken = None if released is not None else saved.input_shape(model_file)
        if taken is not None:
            check_shapes(place, taken, dataset, argument=argument)
    for source in sources:
        taken = saved.input_shape(runs.find_model(source)[0])
        if taken is not None:
            check_shapes(source, taken, dataset, argument="transfer_from")
    chosen = options.checkpoint is None and not members and released is None
    network = None if released is None else _prepare_released(released, dataset, options)
    return Target(path, config, chosen, dataset, sources, shard, members, network)


def _find_networks(
    options: TargetOptions, members: Sequence[Path], released: Findings | None
) -> dict[Path, tuple[Path, dict[str, Any]]]:
    """The file of each network that is attacked and what is known of its training, by where it was looked for."""
    if released is not None:
        loss = find_loss(released, options.released_loss)
        return {released.path: (released.path, {"flags": {"loss": loss}})}
    if members:
        return {place: runs.find_model(place, argument="ensemble") for place in members}
    path = Path(options.checkpoint) if options.checkpoint else runs.find_newest(options.runs_dir)
    return {path: runs.find_model(path)}


def _read_released(options: TargetOptions) -> Findings | None:
    """What is in the weight file of the original that is named, or None."""
    if options.released_weights is None:
        return None
    for name in ("checkpoint", "ensemble"):
        if getattr(options, name):
            expected = f"not both `{name}` and `released_weights`"
            raise argument_error("released_weights", expected, options.released_weights)
    check_choice("released_training", options.released_training, TRAININGS)
    return read_findings(options.released_weights)


def _prepare_released(found: Findings, dataset: data.Dataset, options: TargetOptions) -> Released:
    return prepare_released(
        found,
        dataset,
        loss=options.released_loss,
        scale=options.scale,
        centers=options.centers,
        training=options.released_training,
    )


def _find_places(texts: Sequence[str] | None, options: TargetOptions, *, argument: str) -> tuple[Path, ...]:
    """Networks to craft transfer attacks on, or members: folders and files, or names of runs in `runs_dir`."""
    places = []
    for text in texts or ():
        path = Path(text)
        if not path.exists() and (Path(options.runs_dir) / text).exists():
            path = Path(options.runs_dir) / text
        runs.find_model(path, argument=argument)
        places.append(path)
    return tuple(places)


def check_shapes(
    path: Path, taken: tuple[int | None, ...], dataset: data.Dataset, *, argument: str = "checkpoint"
) -> None:
    """Makes sure that a network for images of shape `taken` can look at a data set's.

    Raises:
        UserError: otherwise.
    """
    given = dataset.image_shape
    if len(taken) != 3 or any(side not in (None, size) for side, size in zip(taken, given, strict=True)):
        expected = f"a network for images of shape {given} ({dataset.name})"
        raise argument_error(argument, expected, f"{path}, for images of shape {taken}")


def _common_dataset(options: TargetOptions, configs: Mapping[Path, dict[str, Any]]) -> str:
    """The data set's name, on which all members of an ensemble agree."""
    names = {path: _dataset_name(options, path, config) for path, config in configs.items()}
    first = next(iter(names.values()))
    for path, name in names.items():
        if name != first:
            raise argument_error("ensemble", f"members for {first}", f"{path}, trained on {name}")
    return first


def _dataset_name(options: TargetOptions, path: Path, config: dict[str, Any]) -> str:
    """The data set's name: that of the run unless given, and no other than that."""
    trained_on = config.get("dataset", {}).get("name") or config.get("flags", {}).get("dataset")
    given = None if options.dataset is None else data.canonical_name(options.dataset)
    name = given or trained_on
    if name is None:
        raise argument_error("dataset", f"a data set, since {path} does not say its own", "None")
    if trained_on is not None and name != data.canonical_name(trained_on):
        raise argument_error("dataset", f"{trained_on}, which {path} was trained on", name)
    return name
