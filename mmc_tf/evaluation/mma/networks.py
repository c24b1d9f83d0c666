"""Which networks the protocol is run on, and on which images, found out before anything slow.

Nothing here needs TensorFlow until the networks are loaded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmc_tf import data
from mmc_tf.checks import argument_error, check_number
from mmc_tf.evaluation.preflight import check_shapes
from mmc_tf.training import runs, saved

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class Saved:
    """A saved network.

    Attributes:
        name: of its row: the run's, or its whole path where two share that.
        path: the run's folder or the `.keras` file.
        model_file: the `.keras` file.
        config: the run's configuration; empty without a run.
    """

    name: str
    path: Path
    model_file: Path
    config: dict[str, Any]

    @property
    def dataset(self) -> str | None:
        """The data set that it was trained on, if it says so."""
        flags = self.config.get("flags", {})
        name = self.config.get("dataset", {}).get("name") or flags.get("dataset")
        return None if name is None else data.canonical_name(name)


@dataclasses.dataclass(frozen=True)
class Vote:
    """An ensemble: the name of its row, and its members."""

    name: str
    members: tuple[Saved, ...]


@dataclasses.dataclass(frozen=True)
class Found:
    """The networks of one protocol and their images.

    Attributes:
        networks: the single ones.
        ensembles: of them or of others.
        skipped: folders of runs that are not finished.
        dataset: the images.
    """

    networks: tuple[Saved, ...]
    ensembles: tuple[Vote, ...]
    skipped: tuple[Path, ...]
    dataset: data.Dataset

    def names(self) -> list[str]:
        """Of the rows, ensembles last."""
        return [each.name for each in (*self.networks, *self.ensembles)]


@dataclasses.dataclass(frozen=True)
class Subject:
    """A row of the tables: a name, the classifier, and what to say of it."""

    name: str
    model: keras.Model
    about: dict[str, Any]


def find(
    paths: Sequence[str],
    *,
    ensembles: Sequence[str] = (),
    dataset: str | None = None,
    data_dir: str | None = None,
    examples: int | None = None,
    runs_dir: str = "runs",
) -> Found:
    """Finds networks and images, and makes sure that they belong together.

    Args:
        paths: runs, `.keras` files, or folders whose finished runs are all taken.
        ensembles: `NAME=A,B,...`, of networks by their names here or their paths.
        dataset: the images; None: those that the networks were trained on.
        data_dir: where its files are; None: where the first network's training found them.
        examples: how many test images; None: all.
        runs_dir: where names of runs are looked for.

    Raises:
        UserError: for fewer than two networks, one that cannot be read, names that are not clear, or networks for
            different images.
    """
    if examples is not None:
        check_number("examples", examples, minimum=1, integer=True)
    places, skipped = _expand(paths, Path(runs_dir))
    networks = _named(places)
    votes = tuple(_parse_ensemble(text, networks, Path(runs_dir)) for text in ensembles)
    names = [each.name for each in (*networks, *votes)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise argument_error("ensemble", "names that no other network has", ", ".join(repeated))
    if len(names) < 2:
        expected = "two networks or more (one alone: eval_attacks.py --preset=mma_paper)"
        raise argument_error("runs", expected, ", ".join(names) or "none")
    members = [member for vote in votes for member in vote.members]
    everyone = list({each.model_file.resolve(): each for each in (*members, *networks)}.values())
    images = data.load(
        _common_dataset(everyone, dataset),
        data_dir=data_dir or everyone[0].config.get("flags", {}).get("data_dir"),
    )
    for network in everyone:
        shape = saved.input_shape(network.model_file)
        if shape is not None:
            check_shapes(network.path, shape, images, argument="runs")
    return Found(tuple(networks), votes, tuple(skipped), _first(images, examples))


def _first(images: data.Dataset, examples: int | None) -> data.Dataset:
    """With the first so many test images alone."""
    if examples is None:
        return images
    if examples > len(images.test):
        expected = f"at most {len(images.test)}, the test images of {images.name}"
        raise argument_error("examples", expected, examples)
    return dataclasses.replace(images, test=images.test.part(0, examples))


def _expand(paths: Sequence[str], runs_dir: Path) -> tuple[list[Path], list[Path]]:
    """The networks' places, each once, and the folders of runs that are not finished."""
    places, skipped = [], []
    for text in paths:
        path = _place(text, runs_dir)
        if not path.is_dir() or (path / runs.CONFIG).exists():
            places.append(path)
            continue
        inside = sorted(config.parent for config in path.glob(f"*/{runs.CONFIG}"))
        finished = [run for run in inside if (run / runs.FINAL).exists()]
        if not finished:
            expected = "runs, .keras files, or folders of finished runs"
            raise argument_error("runs", expected, f"{path}, without a finished run in it")
        places += finished
        skipped += [run for run in inside if run not in finished]
    return list({path.resolve(): path for path in places}.values()), skipped


def _place(text: str, runs_dir: Path) -> Path:
    path = Path(text)
    return runs_dir / text if not path.exists() and (runs_dir / text).exists() else path


def _read(path: Path, argument: str) -> Saved:
    model_file, config = runs.find_model(path, argument=argument)
    # A run's file is called as its folder.
    place = model_file.resolve().parent if config or path.is_dir() else model_file.resolve()
    name = place.name if place.is_dir() else place.stem
    return Saved(name, path, model_file, config)


def _named(places: Sequence[Path]) -> list[Saved]:
    found = [_read(path, "runs") for path in places]
    names = [network.name for network in found]
    return [
        network
        if names.count(network.name) == 1
        else dataclasses.replace(network, name=network.path.as_posix())
        for network in found
    ]


def _parse_ensemble(text: str, networks: Sequence[Saved], runs_dir: Path) -> Vote:
    name, separator, rest = text.partition("=")
    members = [word.strip() for word in rest.split(",")] if rest else []
    if not (name.strip() and separator) or len(members) < 2 or not all(members):
        raise argument_error("ensemble", "NAME=A,B with two networks or more", text)
    by_name = {network.name: network for network in networks}
    found = [by_name.get(word) or _read(_place(word, runs_dir), "ensemble") for word in members]
    if len({member.model_file.resolve() for member in found}) < len(found):
        raise argument_error("ensemble", "members that differ", text)
    return Vote(name.strip(), tuple(found))


def _common_dataset(networks: Sequence[Saved], given: str | None) -> str:
    trained = {network.name: network.dataset for network in networks if network.dataset is not None}
    name = data.canonical_name(given) if given else next(iter(trained.values()), None)
    if name is None:
        raise argument_error("dataset", "a data set, since no network says its own", "None")
    for network, other in trained.items():
        if other != name:
            raise argument_error("runs", f"networks for {name}", f"{network}, trained on {other}")
    return name


def load(found: Found, *, input_range: tuple[float, float] | None = None) -> list[Subject]:
    """Reads the networks, each once, and builds the ensembles.

    Args:
        found: as `find` gives it.
        input_range: (low, high) of the pixels that all networks take; None: [0, 1].

    Raises:
        UserError: if one cannot be read, or is for other images or classes.
    """
    from mmc_tf.classifier import Classifier
    from mmc_tf.evaluation.checkpoints import Network, check_network_fits
    from mmc_tf.models.voting import build_ensemble

    models: dict[Path, Any] = {}

    def read(network: Saved) -> Network:
        key = network.model_file.resolve()
        if key not in models:
            models[key] = runs.load_run(network.path)[0]
        known = Network(models[key], network.path, network.config, chosen=False)
        check_network_fits(known, found.dataset)
        return known

    def classifier(model: Any) -> Any:
        return model if input_range is None else Classifier.of(model, input_range=input_range)

    subjects = []
    for network in found.networks:
        known = read(network)
        subjects.append(
            Subject(network.name, classifier(known.model), known.describe() | {"name": network.name})
        )
    for vote in found.ensembles:
        members = [read(member).model for member in vote.members]
        about = {"name": vote.name, "members": [member.name for member in vote.members]}
        subjects.append(Subject(vote.name, classifier(build_ensemble(members)), about))
    return subjects
