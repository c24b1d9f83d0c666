"""Which runs are looked at, each on images of its own data set, found out before anything slow.

Nothing here needs TensorFlow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmc_tf import data
from mmc_tf.checks import argument_error, check_choice, check_number
from mmc_tf.evaluation.preflight import check_shapes
from mmc_tf.training import runs, saved
from mmc_tf.training.plan import check_objective

NORMS = ("linf", "l2")
EXAMPLES, NUM_STEPS = 50, 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What is walked.

    Args:
        epsilon: radius > 0 of the perturbations, in pixels of [0, 1]; None: each data set's own, in linf.
        norm: `linf` or `l2`.
        num_steps: steps >= 1 of PGD.
        examples: how many images of either split >= 1, drawn without replacement.
        objective: what PGD climbs; None: what fits the head.
        seed: of that draw and of PGD's starts.

    Raises:
        UserError: for values out of range, and for l2 without a radius.
    """

    epsilon: float | None = None
    norm: str = "linf"
    num_steps: int = NUM_STEPS
    examples: int = EXAMPLES
    objective: str | None = None
    seed: int = 0

    def __post_init__(self):
        check_choice("norm", self.norm, NORMS)
        if self.epsilon is not None:
            check_number("epsilon", self.epsilon, above=0)
        elif self.norm != "linf":
            raise argument_error("epsilon", f"a radius, since {self.norm} has no default", "None")
        check_number("num_steps", self.num_steps, minimum=1, integer=True)
        check_number("examples", self.examples, minimum=1, integer=True)
        check_number("seed", self.seed, minimum=0, integer=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A finished run and the images it was trained and tested on.

    Attributes:
        name: the run's; its whole path where two share that.
        path: as it was given.
        config: the run's configuration.
        dataset: its images.
    """

    name: str
    path: Path
    config: dict[str, Any]
    dataset: data.Dataset

    @property
    def flags(self) -> dict[str, Any]:
        """The flags it was trained with."""
        return self.config.get("flags", {})

    @property
    def first_training_index(self) -> int:
        """Of the first image it was trained on, among its data set's: those before are held out."""
        return self.flags.get("validation_size") or 0


def find(paths: Sequence[str], settings: Settings, *, data_dir: str | None = None) -> list[Subject]:
    """Finds the runs and reads their data sets, each as the run had it.

    Args:
        paths: folders of finished runs, or their `final.keras`.
        settings: what is walked.
        data_dir: where the data sets' files are; None: where each training found them.

    Raises:
        UserError: for what is no finished run, a run given twice, and a data set that is not there or has too few
            images.
    """
    found = {}
    for text in paths:
        model_file, config = runs.find_model(text, argument="runs")
        if model_file.resolve() in found:
            raise argument_error("runs", "each run once", text)
        found[model_file.resolve()] = Path(text), config
    names = [place.parent.name for place in found]
    loaded: dict[tuple, data.Dataset] = {}
    subjects = []
    for (model_file, (path, config)), name in zip(found.items(), names, strict=True):
        check_objective(settings.objective, config.get("flags", {}).get("loss"))
        key = _dataset_key(path, config, data_dir)
        if key not in loaded:
            loaded[key] = _load(*key)
        dataset = loaded[key]
        for split, images in (("training", dataset.train), ("test", dataset.test)):
            if len(images) < settings.examples:
                expected = f"at most {len(images)}, the {split} images of {path}"
                raise argument_error("examples", expected, settings.examples)
        shape = saved.input_shape(model_file)
        if shape is not None:
            check_shapes(path, shape, dataset, argument="runs")
        name = name if names.count(name) == 1 else path.as_posix()
        subjects.append(Subject(name, path, config, dataset))
    return subjects


def _dataset_key(path: Path, config: dict[str, Any], data_dir: str | None) -> tuple:
    flags = config.get("flags", {})
    name = config.get("dataset", {}).get("name") or flags.get("dataset")
    if name is None:
        raise argument_error("runs", "runs that say their data set", path.as_posix())
    sizes = (flags.get("train_size"), flags.get("test_size"), flags.get("validation_size") or 0)
    return (name, data_dir or flags.get("data_dir"), *sizes)


def _load(
    name: str, data_dir: str | None, train_size: int | None, test_size: int | None, validation_size: int
) -> data.Dataset:
    return data.load(
        name,
        data_dir=data_dir,
        train_size=train_size,
        test_size=test_size,
        validation_size=validation_size,
    )


def choose(size: int, settings: Settings) -> np.ndarray:
    """Positions (examples,) int64, ascending, of the images that are walked among `size`."""
    drawn = np.random.default_rng(settings.seed).permutation(size)[: settings.examples]
    return np.sort(drawn).astype(np.int64)
