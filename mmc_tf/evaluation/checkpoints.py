"""The network that is attacked, and what is known of its training."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import keras

from mmc_tf import data
from mmc_tf.checks import argument_error
from mmc_tf.evaluation.preflight import Target, check_shapes
from mmc_tf.evaluation.published import AT_TARGETED, AT_UNTARGETED, STANDARD
from mmc_tf.training import runs

# The inner attack of Table 1's adversarially trained rows.
_PUBLISHED_EPSILON, _PUBLISHED_STEPS = 8 / 255, 10


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


def load_network(target: Target) -> Network:
    """Reads the network that is attacked.

    Raises:
        UserError: if it cannot be read, or is one for other images or classes.
    """
    model, config = runs.load_run(target.path)
    network = Network(model, target.path, config, chosen=target.chosen)
    check_network_fits(network, target.dataset)
    return network


def check_network_fits(network: Network, dataset: data.Dataset) -> None:
    """Makes sure that the network takes the data set's images and tells its classes apart.

    Raises:
        UserError: otherwise.
    """
    check_shapes(network.path, tuple(network.model.input_shape[1:]), dataset)
    num_classes = network.model.output_shape[-1]
    if num_classes != dataset.num_classes:
        expected = f"a network for {dataset.num_classes} classes ({dataset.name})"
        raise argument_error("checkpoint", expected, f"{network.path}, with {num_classes}")
