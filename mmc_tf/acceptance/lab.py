"""Where the attacks are measured: beds and networks, made once, and every attack's result, kept for all criteria."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmc_tf.acceptance.linear import LinearBed, exact_margins, make_bed
from mmc_tf.acceptance.networks import load_or_train
from mmc_tf.attacks import AttackResult, Source, make
from mmc_tf.data import Dataset

# Values of settings that depend on the bed drawn.
RADIUS = "radius"  # of epsilon: what two thirds of the images withstand
TWICE_FARTHEST = "twice the farthest"  # of any length: twice the largest exact distance
# Images with room on all sides: small perturbations never meet the box. Median distances are .06 (l2), .006 (linf).
ROOMY = {"low": 0.35, "high": 0.65, "centred": True}
BEDS: dict[str, dict[str, Any]] = {
    "linear": {},
    "linear, 2 classes": {"num_classes": 2},
    "linear, roomy": ROOMY,
    "linear, roomy, 2 classes": {"num_classes": 2, **ROOMY},
}
NETWORKS = {"MMC net": "MMC", "SCE net": "SCE"}
TIMES = " x"  # between the name of a place and a factor of its logits, as in "linear x8"
STEEP = 3000.0  # the factor on a bed's logits that makes them as large as an MMC network's


@dataclass(frozen=True)
class Place:
    """A classifier and the images attacked on it."""

    model: Callable[[tf.Tensor], tf.Tensor]
    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Run:
    """One attack, somewhere.

    Args:
        attack: its registered name.
        where: a bed or a network, by its name here.
        norm: `linf`, `l2` or `l1`.
        settings: further settings of the attack as (name, value); `source` names a place, `members` attacks, and
            `RADIUS` and `TWICE_FARTHEST` are lengths.
        size: how many of the place's images; None: all.
    """

    attack: str
    where: str
    norm: str
    settings: tuple[tuple[str, Any], ...] = ()
    size: int | None = None


def run(attack: str, where: str, norm: str, *, size: int | None = None, **settings: Any) -> Run:
    """A run by its settings' names."""
    return Run(attack, where, norm, tuple(sorted(settings.items())), size)


class Lab:
    """Makes places and results when they are first asked for, and keeps them.

    Args:
        seed: of the beds and of the attacks' draws.
        examples: images of each place; None: its own number.
        data: MNIST, or None where only beds are asked for.
        network_dir: where trained networks are kept.
        network_seed: of the networks.
    """

    def __init__(
        self,
        *,
        seed: int,
        examples: int | None = None,
        data: Dataset | None = None,
        network_dir: pathlib.Path | None = None,
        network_seed: int = 0,
    ):
        self.seed = seed
        self._examples = examples
        self._data = data
        self._network_dir = network_dir
        self._network_seed = network_seed
        self._factor = tf.Variable(1.0, trainable=False)
        self._kept: dict[Any, Any] = {}

    def place(self, where: str) -> Place:
        """The bed or network of this name."""
        return self._once(("place", where), lambda: self._make_place(where))

    def margins(self, where: str, norm: str) -> np.ndarray:
        """(N,) the exact distances on a bed."""
        return self._once(("margins", where, norm), lambda: exact_margins(self.place(where).model, norm=norm))

    def radius(self, where: str, norm: str) -> float:
        """The radius that two thirds of a bed's images withstand, midway between two of their exact distances."""
        ranked = np.sort(self.margins(where, norm))
        last_broken = len(ranked) // 3
        return float(ranked[last_broken - 1 : last_broken + 1].mean())

    def farthest(self, where: str, norm: str) -> float:
        """The largest exact distance of a bed's images."""
        return float(self.margins(where, norm).max())

    def result(self, run: Run, *, factor: float = 1.0) -> AttackResult:
        """What the attack finds, on a bed with its logits times `factor`."""
        return self._once((run, factor), lambda: self._attack(run, factor))

    @contextlib.contextmanager
    def at(self, factor: float) -> Iterator[None]:
        """Multiplies the logits of all beds."""
        self._factor.assign(factor)
        try:
            yield
        finally:
            self._factor.assign(1.0)

    def _once(self, key: Any, make_it: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make_it()
        return self._kept[key]

    def _make_place(self, where: str) -> Place:
        if where in BEDS:
            number = list(BEDS).index(where)
            size = self._examples or 128
            bed = make_bed(seed=(self.seed, number), size=size, factor=self._factor, **BEDS[where])
            return Place(bed, bed.images, bed.labels)
        if TIMES in where:
            name, _, times = where.rpartition(TIMES)
            return self._steeper(self.place(name), int(times))
        model = load_or_train(NETWORKS[where], self._data.train, self._network_dir, seed=self._network_seed)
        test = self._data.test.part(0, self._examples or 200)
        return Place(model, test.as_float(), test.labels)

    def _steeper(self, place: Place, times: int) -> Place:
        if isinstance(place.model, LinearBed):
            # In the weights, so that the exact distances are computed of what is attacked.
            bed = place.model
            model = dataclasses.replace(bed, kernel=times * bed.kernel, bias=times * bed.bias)
        else:
            model = Scaled(place.model, float(times))
        return dataclasses.replace(place, model=model)

    def _attack(self, run: Run, factor: float) -> AttackResult:
        place = self.place(run.where)
        settings = dict(run.settings)
        for name, value in settings.items():
            if value == RADIUS:
                settings[name] = self.radius(run.where, run.norm)
            elif value == TWICE_FARTHEST:
                settings[name] = 2 * self.farthest(run.where, run.norm)
        if "source" in settings:
            settings["source"] = Source(settings["source"], self.place(settings["source"]).model)
        if "members" in settings:
            epsilon = settings["epsilon"]
            settings["members"] = tuple(
                make(name, norm=run.norm, epsilon=epsilon) for name in settings["members"]
            )
        attack = make(run.attack, norm=run.norm, **settings)
        with self.at(factor):
            return attack(place.model, place.images[: run.size], place.labels[: run.size], seed=self.seed)


@dataclass(frozen=True, eq=False)
class Scaled:
    """A model whose logits are multiplied by a factor; attacks see no head of ours in it."""

    model: keras.Model
    factor: float

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Logits (N, L)."""
        return self.factor * self.model(images, training=False)
