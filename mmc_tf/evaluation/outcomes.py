"""From what attacks did to every example to the figures of `results.json`, and back from the files.

A finished run and a merge of several make their figures here, from the same data, so that they agree to the bit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmc_tf.evaluation import diagnostics, records
from mmc_tf.evaluation.detection import SCORES, describe_detection
from mmc_tf.evaluation.records import PER_EXAMPLE, TOTALS, Verdicts
from mmc_tf.evaluation.statistics import wilson_interval
from mmc_tf.evaluation.verdict import make_verdict


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What an attack is and what it did.

    Attributes:
        description: its settings, as `records.describe` gives them.
        verdicts: what it did to every example.
        stages: of an ensemble, the outcome of each stage on those that survived the ones before.
    """

    description: Mapping[str, Any]
    verdicts: Verdicts
    stages: tuple[Outcome, ...] = ()

    def record(self) -> dict[str, Any]:
        """The record of `results.json`."""
        waterfall = [stage.record() for stage in self.stages]
        return records.make_record(self.description, self.verdicts, waterfall=waterfall)


def tally(
    outcomes: Sequence[Outcome],
    *,
    labels: np.ndarray,
    clean: np.ndarray,
    clean_scores: np.ndarray | None = None,
    recorded_accuracy: float | None = None,
    diagnosis: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Every figure of an evaluation, with its warnings and its verdict.

    Args:
        outcomes: of the attacks, at least one.
        labels: (N,) int32.
        clean: (N,) int32 predictions on the clean images.
        clean_scores: (N, 3) detection scores of the clean images, or None.
        recorded_accuracy: clean accuracy as recorded in training, or None.
        diagnosis: the figures of the probes (`mmc_tf.evaluation.probes`), or None.
    """
    size, correct = len(labels), int((clean == labels).sum())
    attack_records = [outcome.record() | _detected(outcome.verdicts, clean_scores) for outcome in outcomes]
    findings = diagnostics.find_all(
        attack_records,
        clean_accuracy=correct / size,
        recorded_accuracy=recorded_accuracy,
        examples=size,
        diagnosis=diagnosis,
    )
    warnings = [finding.as_dict() for finding in findings]
    worst = records.worst_cases(attack_records, [outcome.verdicts for outcome in outcomes])
    return {
        "examples": size,
        "clean_accuracy": correct / size,
        "clean_interval": list(wilson_interval(correct, size)),
        "attacks": attack_records,
        "worst_case": worst,
        "diagnosis": dict(diagnosis or {}),
        "warnings": warnings,
        "verdict": make_verdict(attack_records, worst, warnings=warnings, diagnosis=diagnosis),
        "seconds": sum(outcome.verdicts.seconds for outcome in outcomes),
    }


def _detected(verdicts: Verdicts, clean_scores: np.ndarray | None) -> dict[str, Any]:
    """What the record says of detection, if it was asked for."""
    if clean_scores is None or verdicts.scores is None:
        return {}
    found = describe_detection(
        clean_scores, verdicts.scores, attacked=verdicts.attacked, misclassified=verdicts.misclassified
    )
    return {"detection": found}


def to_arrays(
    outcomes: Sequence[Outcome],
    *,
    indices: np.ndarray,
    labels: np.ndarray,
    clean: np.ndarray,
    clean_scores: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """The content of `examples.npz`.

    Verdicts are (A, N), one row an attack; those of the stages of ensembles, if there are any, are (S, N) under
    names with `stage_`, and `stage_of` (S,) says which attack each is a stage of. Where detection was asked for,
    `clean_scores` are (N, 3) and `scores` (A, N, 3), in the order of `score_names` (3,).
    """
    arrays = {
        "index": np.asarray(indices, np.int64),
        "label": np.asarray(labels, np.int32),
        "clean_prediction": clean,
        "attack": np.array([outcome.description["label"] for outcome in outcomes]),
    }
    if clean_scores is not None:
        arrays |= {"score_names": np.array(SCORES), "clean_scores": clean_scores}
    stages = [(number, stage) for number, outcome in enumerate(outcomes) for stage in outcome.stages]
    arrays |= _stack([outcome.verdicts for outcome in outcomes])
    if stages:
        arrays["stage_of"] = np.array([number for number, _ in stages])
        arrays |= _stack([stage.verdicts for _, stage in stages], prefix="stage_")
    return arrays


def from_files(results: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> list[Outcome]:
    """The outcomes that `tally` and `to_arrays` made a folder's files of."""
    outcomes = []
    for number, record in enumerate(results["attacks"]):
        rows = np.flatnonzero(arrays["stage_of"] == number) if "stage_of" in arrays else ()
        waterfall = zip(record.get("waterfall", ()), rows, strict=True)
        stages = tuple(_read(stage, arrays, row, prefix="stage_") for stage, row in waterfall)
        outcomes.append(dataclasses.replace(_read(record, arrays, number), stages=stages))
    return outcomes


def _stack(verdicts: Sequence[Verdicts], prefix: str = "") -> dict[str, np.ndarray]:
    names = PER_EXAMPLE if verdicts[0].scores is None else (*PER_EXAMPLE, "scores")
    return {prefix + name: np.stack([getattr(each, name) for each in verdicts]) for name in names}


def _read(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray], row: int, prefix: str = "") -> Outcome:
    # Results of earlier versions do not say how far an attack reached.
    description = {"reach": None} | {key: record[key] for key in records.DESCRIBED if key in record}
    names = (*PER_EXAMPLE, "scores") if f"{prefix}scores" in arrays else PER_EXAMPLE
    verdicts = {name: arrays[prefix + name][row] for name in names}
    return Outcome(description, Verdicts(**verdicts, **{name: record[name] for name in TOTALS}))
