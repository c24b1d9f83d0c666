"""Finished folders of results, read and checked before anything is made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmc_tf.checks import argument_error
from mmc_tf.evaluation import store
from mmc_tf.evaluation.outcomes import Outcome, from_files
from mmc_tf.evaluation.records import SCHEMA_VERSION
from mmc_tf.files import read_arrays, read_record


@dataclasses.dataclass(frozen=True)
class Finished:
    """One finished evaluation.

    Attributes:
        path: its folder.
        plan: `plan.json`.
        results: `results.json`.
        examples: `examples.npz`.
    """

    path: Path
    plan: dict[str, Any]
    results: dict[str, Any]
    examples: dict[str, np.ndarray]

    def outcomes(self) -> list[Outcome]:
        """What each attack did."""
        return from_files(self.results, self.examples)

    def arrays(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of one of its other files, such as `samples.npz`, or None if there is none."""
        path = self.path / name
        return read_arrays(path) if path.exists() else None


def read_finished(path: str | Path) -> Finished:
    """Reads a folder of results.

    Raises:
        UserError: if it is none, is not finished, is damaged, or was written under another version of the schema.
    """
    path = Path(path)
    if not (path / store.PLAN).is_file():
        expected = f"a folder with an evaluation ({store.PLAN}, {store.RESULTS}, {store.EXAMPLES})"
        raise argument_error("results", expected, path.as_posix())
    if not (path / store.RESULTS).is_file():
        received = f"{path}, which has no {store.RESULTS} yet (--resume goes on with it)"
        raise argument_error("results", "a finished evaluation", received)
    results = read_record(path / store.RESULTS)
    version = results.get("schema_version")
    if version != SCHEMA_VERSION:
        expected = f"results under version {SCHEMA_VERSION} of the schema"
        raise argument_error("results", expected, f"{path}, under version {version}")
    if not {"examples", "attacks"} <= set(results):
        received = f"{path}, with {', '.join(list(results)[:3])}, …"
        raise argument_error("results", "the results of an evaluation, with examples and attacks", received)
    examples = read_arrays(path / store.EXAMPLES)
    if len(examples.get("index", ())) != results["examples"]:
        expected = f"{store.EXAMPLES} with the {results['examples']} examples of {store.RESULTS}"
        raise argument_error("results", expected, f"{path}, with {len(examples.get('index', ()))}")
    if _count_robust(examples) != [record.get("robust") for record in results["attacks"]]:
        expected = f"{store.EXAMPLES} with the verdicts that {store.RESULTS} counts"
        raise argument_error("results", expected, f"{path}, whose two files are of different evaluations")
    plan = read_record(path / store.PLAN, needed=("schema_version",))
    return Finished(path, plan, results, examples)


def _count_robust(examples: Mapping[str, np.ndarray]) -> list[int]:
    """How many examples each attack left."""
    return [int((~row).sum()) for row in examples.get("misclassified", np.zeros((0, 0), bool))]
