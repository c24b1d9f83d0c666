"""The network that is attacked, and what is known of its training."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import keras

from mmc_tf import data
from mmc_tf.checks import argument_error
from mmc_tf.compat import Released, build_released
from mmc_tf.evaluation.preflight import Target, check_shapes
from mmc_tf.evaluation.published import AT_TARGETED, AT_UNTARGETED, STANDARD
from mmc_tf.models.voting import build_ensemble
from mmc_tf.training import runs

# The inner attack of Table 1's adversarially trained rows.
_PUBLISHED_EPSILON, _PUBLISHED_STEPS = 8 / 255, 10
_NAMED = 3  # members in the name of an ensemble's folder


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

    def title(self) -> str:
        """Where it was found, and what it is."""
        trained = " ".join(str(self.flags[key]) for key in ("model", "loss") if self.flags.get(key))
        words = f"{self.path} ({trained})" if trained else str(self.path)
        return words + (", the newest finished run" if self.chosen else "")

    def notes(self) -> list[str]:
        """What else is to be said of it before it is attacked, a line each."""
        return []

    def describe(self) -> dict[str, Any]:
        """What `results.json` says of it."""
        return {
            "path": self.path.as_posix(),
            "name": self.name,
            "model": self.flags.get("model"),
            "backbone": self.config.get("model", {}).get("name"),
            "loss": self.flags.get("loss"),
            "scale": self.flags.get("scale"),
            "training": self.training(),
            "clean_accuracy": self.config.get("clean_accuracy"),
        }


@dataclasses.dataclass(frozen=True)
class ReleasedNetwork(Network):
    """A network of the original code, of which only the command line says how it was trained."""

    released: Released | None = None

    @property
    def name(self) -> str:
        """The file's."""
        return self.path.stem

    def training(self) -> str:
        """As the command line says."""
        return self.released.training

    def notes(self) -> list[str]:
        """What was found in the file, and what it cannot say."""
        training = f"training    {self.training()} (--released_training)"
        return [*self.released.describe().splitlines(), training]

    def describe(self) -> dict[str, Any]:
        """With what was found in the file."""
        return super().describe() | {"released": self.released.summary()}


@dataclasses.dataclass(frozen=True)
class VotingNetwork(Network):
    """The majority vote of several networks, whose configuration is none of theirs."""

    members: tuple[Network, ...] = ()

    @property
    def name(self) -> str:
        """After the members, the first three of many."""
        names = [member.name for member in self.members]
        more = [f"{len(names) - _NAMED}-more"] if len(names) > _NAMED else []
        return "-".join(["ensemble", *names[:_NAMED], *more])

    def title(self) -> str:
        """The members."""
        return "majority vote of " + ", ".join(member.title() for member in self.members)

    def describe(self) -> dict[str, Any]:
        """With what `results.json` says of each member."""
        members = [member.describe() for member in self.members]
        path = ",".join(member["path"] for member in members)
        return super().describe() | {"path": path, "model": "ensemble", "members": members}


def load_network(target: Target) -> Network:
    """Reads the network that is attacked, or the members of the ensemble.

    Raises:
        UserError: if one cannot be read, or is one for other images or classes.
    """
    if target.released is not None:
        return _build_released(target.released, target.dataset)
    networks = []
    for path in target.members or (target.path,):
        model, config = runs.load_run(path)
        networks.append(Network(model, path, config, chosen=target.chosen))
        argument = "ensemble" if target.members else "checkpoint"
        check_network_fits(networks[-1], target.dataset, argument=argument)
    if not target.members:
        return networks[0]
    vote = build_ensemble([network.model for network in networks])
    return VotingNetwork(vote, target.path, {}, chosen=False, members=tuple(networks))


def _build_released(released: Released, dataset: data.Dataset) -> ReleasedNetwork:
    found = released.findings
    config = {
        "flags": {"model": found.model_name, "loss": released.loss, "scale": released.scale},
        "model": {"name": found.model_name},
    }
    model = build_released(released, dataset)
    return ReleasedNetwork(model, found.path, config, chosen=False, released=released)


def check_network_fits(network: Network, dataset: data.Dataset, *, argument: str = "checkpoint") -> None:
    """Makes sure that the network takes the data set's images and tells its classes apart.

    Raises:
        UserError: otherwise.
    """
    check_shapes(network.path, tuple(network.model.input_shape[1:]), dataset, argument=argument)
    num_classes = network.model.output_shape[-1]
    if num_classes != dataset.num_classes:
        expected = f"a network for {dataset.num_classes} classes ({dataset.name})"
        raise argument_error(argument, expected, f"{network.path}, with {num_classes}")
