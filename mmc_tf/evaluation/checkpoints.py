"""Which network is attacked, and on which images."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, Protocol

import keras

from mmc_tf import data
from mmc_tf.checks import argument_error
from mmc_tf.evaluation.published import AT_TARGETED, AT_UNTARGETED, STANDARD
from mmc_tf.training import runs

# The inner attack of Table 1's adversarially trained rows.
_PUBLISHED_EPSILON, _PUBLISHED_STEPS = 8 / 255, 10


class SourceOptions(Protocol):
    """What says which network and images, under the names of the flags of `eval_attacks.py`."""

    checkpoint: str | None
    runs_dir: str
    dataset: str | None
    data_dir: str | None
    test_size: int | None


@dataclasses.dataclass(frozen=True)
class Network:
    """A trained network: the model, where it was found, and its run's configuration (empty without a run)."""

    model: keras.Model
    path: Path
    config: dict[str, Any]
    chosen: bool

    @property
    def name(self) -> str:
        """The run's name, or the file's for a model without a run."""
        if self.path.suffix != ".keras":
            return self.path.resolve().name
        return self.path.resolve().parent.name if self.config else self.path.stem

    @property
    def flags(self) -> dict[str, Any]:
        """The flags it was trained with."""
        return self.config.get("flags", {})

    def training(self) -> str | None:
        """The training of published tables that it amounts to: `standard`, `at_tar`, `at_un`, or None."""
        flags = self.flags
        if not flags or not flags.get("attack_method"):
            return STANDARD if flags else None
        as_published = (
            flags.get("method") == "pgd"
            and flags["attack_method"] == "pgd"
            and math.isclose(flags.get("epsilon") or 0, _PUBLISHED_EPSILON, rel_tol=1e-6)
            and flags.get("num_steps") == _PUBLISHED_STEPS
        )
        if not as_published:
            return None
        return AT_TARGETED if flags.get("targeted") else AT_UNTARGETED

    def describe(self) -> dict[str, Any]:
        """What `results.json` says of it."""
        return {
            "path": self.path.as_posix(),
            "name": self.name,
            "model": self.flags.get("model"),
            "loss": self.flags.get("loss"),
            "scale": self.flags.get("scale"),
            "training": self.training(),
            "clean_accuracy": self.config.get("clean_accuracy"),
        }


def load_network(options: SourceOptions) -> Network:
    """The network that `checkpoint` names, or that of the newest finished run.

    Raises:
        UserError: if there is none, or it cannot be read.
    """
    path = Path(options.checkpoint) if options.checkpoint else runs.find_newest(options.runs_dir)
    model, config = runs.load_run(path)
    return Network(model, path, config, chosen=options.checkpoint is None)


def load_dataset(options: SourceOptions, network: Network) -> data.Dataset:
    """The data set that the network was trained on, with the test images that are to be attacked.

    Its name, folder and size come from the run unless given.

    Raises:
        UserError: if no data set is known, the files are missing, or the network is one for other images.
    """
    trained_on = network.config.get("dataset", {}).get("name") or network.flags.get("dataset")
    given = None if options.dataset is None else data.canonical_name(options.dataset)
    name = given or trained_on
    if name is None:
        raise argument_error("dataset", f"a data set, since {network.path} does not say its own", "None")
    if trained_on is not None and name != data.canonical_name(trained_on):
        raise argument_error("dataset", f"{trained_on}, which {network.path} was trained on", name)
    size = options.test_size or network.flags.get("test_size")
    dataset = data.load(
        name,
        data_dir=options.data_dir or network.flags.get("data_dir"),
        test_size=size,
        validation_size=network.flags.get("validation_size") or 0,
        train_size=network.flags.get("train_size"),
    )
    check_network_fits(network, dataset)
    return dataset


def check_network_fits(network: Network, dataset: data.Dataset) -> None:
    """Makes sure that the network takes the data set's images and tells its classes apart.

    Raises:
        UserError: otherwise.
    """
    taken, given = tuple(network.model.input_shape[1:]), dataset.image_shape
    if len(taken) != 3 or any(side not in (None, size) for side, size in zip(taken, given, strict=True)):
        expected = f"a network for images of shape {given} ({dataset.name})"
        raise argument_error("checkpoint", expected, f"{network.path}, for images of shape {taken}")
    num_classes = network.model.output_shape[-1]
    if num_classes != dataset.num_classes:
        expected = f"a network for {dataset.num_classes} classes ({dataset.name})"
        raise argument_error("checkpoint", expected, f"{network.path}, with {num_classes}")
