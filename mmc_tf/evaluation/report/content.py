"""What a results folder holds, read for its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmc_tf.checks import UserError
from mmc_tf.evaluation import store
from mmc_tf.evaluation.ranking import find_strongest
from mmc_tf.files import read_arrays, read_record

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Content:
    """A finished evaluation; what the folder does not hold is empty.

    Attributes:
        results: `results.json`.
        examples: `examples.npz`.
        samples: `samples.npz`.
        features: `features.npz`.
    """

    results: Mapping[str, Any]
    examples: Arrays
    samples: Arrays
    features: Arrays

    @property
    def records(self) -> list[dict[str, Any]]:
        """Of the attacks."""
        return self.results["attacks"]

    @property
    def strongest(self) -> int:
        """The number of the attack that the verdict names, or else of the one that leaves least."""
        named = (self.results.get("verdict") or {}).get("strongest")
        labels = [record["label"] for record in self.records]
        return labels.index(named) if named in labels else find_strongest(self.records)

    @property
    def class_names(self) -> list[str]:
        """As the data set has them; numbers where the results do not say."""
        named = self.results["dataset"].get("class_names")
        if named:
            return list(named)
        arrays = (
            self.examples.get(name, np.zeros(1)) for name in ("label", "clean_prediction", "prediction")
        )
        return [str(number) for number in range(1 + int(max(array.max() for array in arrays)))]

    def rows_of_samples(self) -> np.ndarray:
        """Where the samples are among the examples, (K,)."""
        order = np.argsort(self.examples["index"])
        return order[np.searchsorted(self.examples["index"], self.samples["indices"], sorter=order)]


def read_content(folder: Path) -> Content:
    """Reads a results folder.

    Raises:
        UserError: if it holds no finished evaluation, or a file is damaged.
    """
    if not (folder / store.RESULTS).is_file():
        expected = f"a folder with a finished evaluation ({store.RESULTS})"
        raise UserError(
            f"Invalid value for argument `folder`. Expected {expected}. Received: folder={folder}"
        )
    results = read_record(folder / store.RESULTS, expected="the results of an evaluation")
    if not results.get("attacks"):
        raise UserError(f"Expected the results of an evaluation. Received: {folder / store.RESULTS}")
    return Content(
        results,
        **{name: _read_if_there(folder / f"{name}.npz") for name in ("examples", "samples", "features")},
    )


def _read_if_there(path: Path) -> Arrays:
    return read_arrays(path, expected="arrays as an evaluation writes them") if path.exists() else {}
