"""Runs attacks over a split, batch by batch, so that a killed run goes on where it stopped."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.base import Attack
from mmc_tf.attacks.compiling import forward
from mmc_tf.attacks.ensemble import Ensemble, Stages
from mmc_tf.attacks.oracle import Model, predict
from mmc_tf.attacks.transfer import Transfer
from mmc_tf.checks import check_number
from mmc_tf.data import Split
from mmc_tf.evaluation import diagnostics, records, store
from mmc_tf.evaluation.fingerprints import SCHEMA_VERSION, Attacks, describe_plan, versions
from mmc_tf.evaluation.plan import check_attacks, count_classes_of, find_head, name_attack
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.evaluation.statistics import wilson_interval


def _full_batches(indices: np.ndarray, batch_size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Indices in batches of one size, the last padded by repetition, each with the number that counts."""
    for start in range(0, len(indices), batch_size):
        batch = indices[start : start + batch_size]
        yield np.resize(batch, batch_size), len(batch)


def _gather(split: Split, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 (B, H, W, C) in [0, 1] and labels int32 (B,) at `indices`."""
    part = dataclasses.replace(split, images=split.images[indices], labels=split.labels[indices])
    return part.as_float(), np.asarray(part.labels, np.int32)


def _predict_clean(
    model: Model, split: Split, folder: store.EvaluationFolder, batch_size: int, progress: NoProgress
) -> np.ndarray:
    """Clean predictions (N,); an interrupted run's own ones are kept, for they decided whom it attacked."""
    kept = folder.batches("clean")
    if kept:
        return kept[0]["predictions"]
    progress.start("clean", len(split))
    predictions = []
    for indices, count in _full_batches(np.arange(len(split)), batch_size):
        images = tf.constant(_gather(split, indices)[0])
        predictions.append(predict(forward(model, images)(images)).numpy()[:count])
        progress.advance(count)
    progress.finish()
    folder.append("clean", {"predictions": np.concatenate(predictions)})
    return np.concatenate(predictions)


def _attack_batch(
    attack: Attack, model: Model, split: Split, indices: np.ndarray, count: int, seed: int
) -> dict[str, np.ndarray]:
    """Attacks the first `count` examples of one batch and keeps the verdicts on them."""
    images, labels = _gather(split, indices)
    active = np.arange(len(indices)) < count
    started = time.perf_counter()
    result = attack(model, images, labels, indices=indices, seed=seed, active=active)
    seconds = time.perf_counter() - started
    nothing = np.zeros(len(indices), bool)
    per_example = {
        "indices": indices,
        "success": result.success,
        "misclassified": result.misclassified,
        "found": result.found,
        "distance": result.distance,
        "queries": result.queries,
        "zero_gradient": result.zero_gradient,
        "target": np.full(len(indices), -1, np.int32) if result.targets is None else result.targets,
        "source_correct": nothing if result.source_correct is None else result.source_correct,
    }
    return {name: np.asarray(values)[:count] for name, values in per_example.items()} | {
        "forward_passes": np.int64(result.forward_passes),
        "backward_passes": np.int64(result.backward_passes),
        "seconds": np.float64(seconds),
    }


@dataclasses.dataclass(frozen=True)
class _Work:
    """What every attack of an evaluation is run with."""

    model: Model
    split: Split
    folder: store.EvaluationFolder
    seed: int
    batch_size: int
    progress: NoProgress


def _attack_examples(
    work: _Work, attack: Attack, *, stage: str, label: str, candidates: np.ndarray
) -> records.Verdicts:
    """Attacks the candidates (N,) bool that no batch on disk holds yet."""
    verdicts = records.Verdicts.before_attack(candidates)
    for batch in work.folder.batches(stage):
        verdicts.enter(batch)
    work.progress.start(label, int(candidates.sum()), int(verdicts.attacked.sum()))
    for indices, count in _full_batches(np.flatnonzero(candidates & ~verdicts.attacked), work.batch_size):
        batch = _attack_batch(attack, work.model, work.split, indices, count, work.seed)
        work.folder.append(stage, batch)
        verdicts.enter(batch)
        work.progress.advance(count)
    work.progress.finish()
    return verdicts


def _head_climbed(work: _Work, attack: Attack) -> Any:
    """The head that decides the attack's objective: the source's for transfer."""
    model = attack.source.model if isinstance(attack, Transfer) else work.model
    return find_head(model, _gather(work.split, np.arange(1))[0][0])


def _told_apart(stages: Stages) -> Stages:
    """The stages of an ensemble, those of one name labelled by their settings."""
    names = [name for name, _ in stages]
    return tuple((name if names.count(name) == 1 else name_attack(member), member) for name, member in stages)


def _attack_all(
    work: _Work, attack: Attack, *, stage: str, label: str, correct: np.ndarray
) -> tuple[records.Verdicts, dict[str, Any]]:
    """The verdicts on the correctly classified examples and the attack's record.

    The stages of an ensemble see, each in full batches, the survivors of the ones before.
    """
    head = _head_climbed(work, attack)
    if not isinstance(attack, Ensemble):
        verdicts = _attack_examples(work, attack, stage=stage, label=label, candidates=correct)
        return verdicts, records.make_record(label, attack, verdicts, head=head)
    verdicts = records.Verdicts.before_attack(correct)
    waterfall = []
    num_classes = count_classes_of(work.model, _gather(work.split, np.arange(1))[0][0])
    for number, (name, member) in enumerate(_told_apart(attack.stages(num_classes))):
        later = _attack_examples(
            work,
            member,
            stage=f"{stage}-{number}",
            label=f"{label}: {name}",
            candidates=~verdicts.misclassified,
        )
        verdicts = verdicts.then(later, stage=number)
        waterfall.append(records.make_record(name, member, later, head=_head_climbed(work, member)))
    return verdicts, records.make_record(label, attack, verdicts, head=head, waterfall=waterfall)


def evaluate(
    model: Model,
    split: Split,
    attacks: Attacks,
    *,
    output_dir: str | Path,
    seed: int = 0,
    batch_size: int = 100,
    model_info: Mapping[str, Any] | None = None,
    dataset_info: Mapping[str, Any] | None = None,
    command: str = "",
    resume: bool = False,
    overwrite: bool = False,
    progress: NoProgress | None = None,
) -> dict[str, Any]:
    """Attacks the correctly classified examples of a split and writes the evaluation's folder.

    Robust accuracy is over all examples; those that are misclassified without an attack count as broken and
    are not attacked. Every batch is on disk before the next begins: after a kill, the same call with
    `resume=True` attacks nothing twice and ends with the same figures.

    Args:
        model: a classifier, images float32 (N, H, W, C) in [0, 1] to logits (N, L).
        split: images and labels.
        attacks: (label, attack) pairs with labels that differ.
        output_dir: folder for `results.json` and `examples.npz`; new or empty unless `resume` or `overwrite`.
        seed: with an example's index in `split`, decides all of its random draws.
        batch_size: examples attacked at once; verdicts do not depend on it.
        model_info: what to say of the model: `name`, `loss`, `clean_accuracy` (as recorded in training), …
        dataset_info: what to say of the data: `name`, `source`, …
        command: the command line, for the record.
        resume: go on with the evaluation in `output_dir`.
        overwrite: replace the evaluation in `output_dir`.
        progress: told of every batch.

    Returns:
        The content of `results.json`.

    Raises:
        UserError: for bad arguments, an `output_dir` in use, or one that holds an evaluation of something
        else. OSError: if the folder cannot be written.

    Example:
        >>> from mmc_tf.attacks import make
        >>> attacks = [("pgd", make("pgd", epsilon=8 / 255))]
        >>> results = evaluate(model, split, attacks, output_dir="results/pgd")
        >>> results["worst_case"]["overall"]["robust_accuracy"]
        0.12
    """
    check_number("batch_size", batch_size, minimum=1, integer=True)
    check_number("examples", len(split), minimum=1, integer=True)
    image = _gather(split, np.arange(1))[0][0]
    check_attacks(model, image, attacks)
    plan = describe_plan(model, split, attacks, seed=seed)
    folder = store.EvaluationFolder.open(output_dir, plan, resume=resume, overwrite=overwrite)
    finished = folder.results()
    if finished is not None:
        return finished
    progress = progress or NoProgress()
    batch_size = min(batch_size, len(split))
    clean = _predict_clean(model, split, folder, batch_size, progress)
    correct = clean == np.asarray(split.labels)
    work = _Work(model, split, folder, seed, batch_size, progress)
    all_verdicts, attack_records = [], []
    for number, (label, attack) in enumerate(attacks):
        verdicts, record = _attack_all(work, attack, stage=f"attack-{number}", label=label, correct=correct)
        all_verdicts.append(verdicts)
        attack_records.append(record)
    clean_accuracy = int(correct.sum()) / len(split)
    findings = diagnostics.find_all(
        attack_records,
        clean_accuracy=clean_accuracy,
        recorded_accuracy=(model_info or {}).get("clean_accuracy"),
        examples=len(split),
    )
    results = {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "seed": seed,
        "batch_size": batch_size,
        "model": records.plain(dict(model_info or {})) | plan["model"],
        "dataset": records.plain(dict(dataset_info or {})) | {"sha256": plan["examples"]["sha256"]},
        "examples": len(split),
        "clean_accuracy": clean_accuracy,
        "clean_interval": list(wilson_interval(int(correct.sum()), len(split))),
        "attacks": attack_records,
        "worst_case": records.worst_cases(attack_records, all_verdicts),
        "warnings": [finding.as_dict() for finding in findings],
        "seconds": sum(verdicts.seconds for verdicts in all_verdicts),
    }
    per_attack = {
        name: np.stack([getattr(verdicts, name) for verdicts in all_verdicts]) for name in records.PER_EXAMPLE
    }
    per_example = {
        "index": np.arange(len(split), dtype=np.int64),
        "label": np.asarray(split.labels, np.int32),
        "clean_prediction": clean,
        "attack": np.array([label for label, _ in attacks]),
    }
    folder.finish(results, per_example | per_attack)
    return results
