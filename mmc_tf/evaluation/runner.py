"""Runs attacks over a split, batch by batch, so that a killed run goes on where it stopped."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.base import Attack
from mmc_tf.attacks.ensemble import Ensemble, Stages
from mmc_tf.attacks.oracle import Model
from mmc_tf.checks import check_choice, check_number, check_range
from mmc_tf.classifier import Classifier
from mmc_tf.classifier.notes import told_elsewhere
from mmc_tf.data import Split
from mmc_tf.evaluation import records, store
from mmc_tf.evaluation.clean import predict_clean, score_clean
from mmc_tf.evaluation.detection import SCORES
from mmc_tf.evaluation.diagnostics import find_clean_accuracy_difference, find_in_pixels
from mmc_tf.evaluation.examples import Examples, Shard, choose_examples, full_batches
from mmc_tf.evaluation.features import gather_features
from mmc_tf.evaluation.fingerprints import Attacks, describe_plan, precision_of, versions
from mmc_tf.evaluation.outcomes import Outcome, tally, to_arrays
from mmc_tf.evaluation.pixels import look_at_pixels, refuse_other_range, tells
from mmc_tf.evaluation.plan import (
    check_attacks,
    count_classes_of,
    find_head,
    head_climbed,
    name_attack,
    settle_objectives,
)
from mmc_tf.evaluation.precision import RECORD, measure_precision, settle_precision
from mmc_tf.evaluation.probes import examine, look_at_output
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.evaluation.rounding import judge_rounded
from mmc_tf.evaluation.samples import Samples, choose
from mmc_tf.evaluation.scoring import score_images
from mmc_tf.evaluation.wording import warning_lines
from mmc_tf.models.folding import PRECISIONS
from mmc_tf.models.precision import PrecisionChoice


def _rows(batch_size: int) -> int:
    """The least number of rows, `batch_size` or more, that the replicas of the current strategy can share."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return -(-batch_size // replicas) * replicas


def _attack_batch(attack: Attack, work: _Work, positions: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Attacks the first `count` examples of one batch and keeps the verdicts on them."""
    images, labels = work.examples.take(positions)
    indices = work.examples.indices[positions]
    active = np.arange(len(indices)) < count
    started = time.perf_counter()
    with told_elsewhere():
        result = attack(work.attacked, images, labels, indices=indices, seed=work.seed, active=active)
    seconds = time.perf_counter() - started
    rounded = judge_rounded(work.model, result.adversarial, labels, result.misclassified)
    nothing = np.zeros(len(indices), bool)
    per_example = {
        "positions": positions,
        "indices": indices,
        "success": result.success,
        "misclassified": result.misclassified,
        "found": result.found,
        "distance": result.distance,
        "queries": result.queries,
        "zero_gradient": result.zero_gradient,
        "nonfinite_gradient": nothing if result.nonfinite_gradient is None else result.nonfinite_gradient,
        "prediction": np.where(result.misclassified, result.prediction, labels),
        "rounded_misclassified": rounded,
        "target": np.full(len(indices), -1, np.int32) if result.targets is None else result.targets,
        "source_correct": nothing if result.source_correct is None else result.source_correct,
    }
    if work.detection:
        adversarial = np.asarray(result.adversarial)
        per_example["scores"] = score_images(work.model, adversarial, batch_size=len(adversarial))
    totals = {
        "forward_passes": np.int64(result.forward_passes),
        "backward_passes": np.int64(result.backward_passes),
        "seconds": np.float64(seconds),
    }
    verdicts = {name: np.asarray(values)[:count] for name, values in per_example.items()}
    kept = work.samples.cut(positions[:count], np.asarray(result.adversarial)[:count])
    return verdicts | totals | kept


@dataclasses.dataclass(frozen=True)
class _Work:
    """What every attack of an evaluation is run with."""

    model: Model
    attacked: Classifier
    examples: Examples
    folder: store.EvaluationFolder
    seed: int
    batch_size: int
    progress: NoProgress
    samples: Samples
    clean: np.ndarray
    detection: bool

    def nothing_attacked(self, correct: np.ndarray) -> records.Verdicts:
        """The verdicts before an attack on the examples that are still classified correctly, (N,) bool."""
        num_scores = len(SCORES) if self.detection else None
        return records.Verdicts.before_attack(correct, self.clean, num_scores=num_scores)


def _attack_examples(
    work: _Work, attack: Attack, *, stage: str, label: str, candidates: np.ndarray
) -> records.Verdicts:
    """Attacks the candidates (N,) bool that no batch on disk holds yet."""
    verdicts = work.nothing_attacked(candidates)
    for batch in work.folder.batches(stage):
        verdicts.enter(batch)
        work.samples.enter(batch)
    work.progress.start(label, int(candidates.sum()), int(verdicts.attacked.sum()))
    for positions, count in full_batches(np.flatnonzero(candidates & ~verdicts.attacked), work.batch_size):
        batch = _attack_batch(attack, work, positions, count)
        work.folder.append(stage, batch)
        verdicts.enter(batch)
        work.samples.enter(batch)
        work.progress.advance(count)
    work.progress.finish()
    return verdicts


def _told_apart(stages: Stages) -> Stages:
    """The stages of an ensemble, those of one name labelled by their settings."""
    names = [name for name, _ in stages]
    return tuple((name if names.count(name) == 1 else name_attack(member), member) for name, member in stages)


def _attack_all(work: _Work, attack: Attack, *, stage: str, label: str, correct: np.ndarray) -> Outcome:
    """What the attack did to the correctly classified examples.

    The stages of an ensemble see, each in full batches, the survivors of the ones before.
    """
    image = work.examples.first_image()
    head = head_climbed(work.model, attack, image)
    if not isinstance(attack, Ensemble):
        verdicts = _attack_examples(work, attack, stage=stage, label=label, candidates=correct)
        return Outcome(records.describe(label, attack, head=head), verdicts)
    verdicts = work.nothing_attacked(correct)
    outcomes = []
    num_classes = count_classes_of(work.model, image)
    for number, (name, member) in enumerate(_told_apart(attack.stages(num_classes))):
        later = _attack_examples(
            work,
            member,
            stage=f"{stage}-{number}",
            label=f"{label}: {name}",
            candidates=~verdicts.misclassified,
        )
        verdicts = verdicts.then(later, stage=number)
        later = verdicts.left_by(later)
        outcomes.append(
            Outcome(records.describe(name, member, head=head_climbed(work.model, member, image)), later)
        )
    description = records.describe(label, attack, head=head, is_ensemble=True)
    return Outcome(description, verdicts, tuple(outcomes))


def _pictures(work: _Work) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of `samples.npz`, and of `features.npz` where the model ends in a head of ours."""
    samples = work.samples.arrays()
    pictures = {store.SAMPLES: samples}
    head = find_head(work.model, work.examples.first_image())
    if head is not None:
        pictures[store.FEATURES] = gather_features(
            work.model, head, work.examples, samples["adversarial"], batch_size=work.batch_size
        )
    return pictures


def _warn(
    progress: NoProgress, diagnosis: Mapping[str, Any], measured: float, recorded: float | None, examples: int
) -> None:
    """Says what is wrong with the clean images, before anybody waits for numbers that mean something else."""
    findings = find_clean_accuracy_difference(measured, recorded, examples=examples)
    findings += find_in_pixels(diagnosis["pixels"]) if "pixels" in diagnosis else []
    for line in warning_lines(finding.as_dict() for finding in findings):
        progress.warn(line)


def _probe(work: _Work, attacks: Attacks, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The figures of the diagnosis; an interrupted run's own ones are kept."""
    return work.folder.remember(
        "diagnosis",
        lambda: examine(
            work.model,
            work.examples,
            work.clean,
            attacks,
            [outcome.verdicts.misclassified for outcome in outcomes],
            seed=work.seed,
            batch_size=work.batch_size,
        ),
    )


@store.one_at_a_time
def evaluate(
    model: Model,
    split: Split,
    attacks: Attacks,
    *,
    output_dir: str | Path,
    seed: int = 0,
    batch_size: int = 100,
    indices: Sequence[int] | np.ndarray | None = None,
    shard: Shard | None = None,
    model_info: Mapping[str, Any] | None = None,
    dataset_info: Mapping[str, Any] | None = None,
    command: str = "",
    resume: bool = False,
    overwrite: bool = False,
    progress: NoProgress | None = None,
    diagnose: bool = False,
    attack_precision: str | PrecisionChoice = "auto",
    detection: bool = False,
    input_range: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Attacks the correctly classified examples of a split and writes the evaluation's folder.

    In the scope of a `tf.distribute.MirroredStrategy`, in which the model was made too, each replica attacks its part
    of every batch.

    Robust accuracy is over all examples; those that are misclassified without an attack count as broken and
    are not attacked. Every batch is on disk before the next begins: after a kill, the same call with
    `resume=True` attacks nothing twice and ends with the same figures.

    Args:
        model: a classifier, images float32 (N, H, W, C) in [0, 1] to logits (N, L).
        split: images and labels; images may be a memory-mapped array larger than memory.
        attacks: (label, attack) pairs with labels that differ.
        output_dir: folder for `results.json` and `examples.npz`; new or empty unless `resume` or `overwrite`.
        seed: with an example's index in `split`, decides all of its random draws.
        batch_size: examples attacked at once; verdicts do not depend on it.
        indices: (N,) indices of the examples to evaluate on, in any order; None: all of `split`.
        shard: evaluate on this share of `split` alone; the others' results are joined with
            `python -m mmc_tf.evaluation merge`.
        model_info: what to say of the model: `name`, `loss`, `clean_accuracy` (as recorded in training), …
        dataset_info: what to say of the data: `name`, `source`, …
        command: the command line, for the record.
        resume: go on with the evaluation in `output_dir`.
        overwrite: replace the evaluation in `output_dir`.
        progress: told of every batch.
        diagnose: run the probes of `mmc_tf.evaluation.probes` beside the attacks.
        attack_precision: `float32` or `bfloat16`, what attacks compute in (`Classifier.crafting`); `auto`: the
            faster on this machine, by measurement, and what the first run chose where one is resumed. Success is
            always judged by `model` itself.
        detection: score clean and adversarial images and say how well the scores tell them apart
            (`mmc_tf.evaluation.detection`).
        input_range: (low, high), the pixels that `model` expects: it is given low + x·(high − low). Images, radii and
            steps stay in [0, 1]. None: it expects [0, 1], and what looks otherwise is refused or warned of.

    Returns:
        The content of `results.json`.

    Raises:
        UserError: for bad arguments, a model that expects pixels of another range, an `output_dir` in use or that
        another process writes to, or one that holds an evaluation of something else. OSError: if the folder cannot
        be written.

    Example:
        >>> from mmc_tf.attacks import make
        >>> attacks = [("pgd", make("pgd", epsilon=8 / 255))]
        >>> results = evaluate(model, split, attacks, output_dir="results/pgd")
        >>> results["worst_case"]["overall"]["robust_accuracy"]
        0.12
    """
    check_number("batch_size", batch_size, minimum=1, integer=True)
    if not isinstance(attack_precision, PrecisionChoice):
        check_choice("attack_precision", attack_precision, PRECISIONS)
    examples = choose_examples(split, indices=indices, shard=shard)
    image = examples.first_image()
    given = model
    if input_range is not None:
        input_range = check_range("input_range", input_range)
        model = Classifier.of(given, input_range=input_range)
    check_attacks(model, image, attacks)
    settle_objectives(model, attacks, split)
    pixels = look_at_pixels(model, examples) if input_range is None else {}
    refuse_other_range(pixels)
    choice = settle_precision(
        attack_precision,
        lambda: measure_precision(model, image.shape, shard),
        output_dir,
        resume=resume,
        read=precision_of,
    )
    plan = describe_plan(
        given,
        split,
        attacks,
        seed=seed,
        indices=indices,
        shard=shard,
        diagnose=diagnose,
        attack_precision=choice.precision,
        detection=detection,
        input_range=input_range,
    )
    folder = store.EvaluationFolder.open(output_dir, plan, resume=resume, overwrite=overwrite)
    finished = folder.results()
    if finished is not None:
        return finished
    why_precision = folder.remember("precision", choice.as_dict)
    progress = progress or NoProgress()
    rows = _rows(min(batch_size, len(examples)))
    clean = predict_clean(model, examples, folder, rows, progress)
    correct = clean == examples.labels
    told = {"pixels": pixels} if tells(pixels) else {}
    diagnosis = folder.remember("output", lambda: {"output": look_at_output(model, examples)} | told)
    recorded = (model_info or {}).get("clean_accuracy")
    _warn(progress, diagnosis, float(correct.mean()), recorded, len(examples))
    num_classes = count_classes_of(model, image)
    chosen = choose(examples.indices, examples.labels, correct, num_classes=num_classes)
    samples = Samples(chosen, examples.indices[chosen], examples.take(chosen)[0])
    attacked = Classifier.of(model).crafting(choice.precision)
    work = _Work(model, attacked, examples, folder, seed, rows, progress, samples, clean, detection)
    outcomes = []
    for number, (label, attack) in enumerate(attacks):
        samples.begin_attack()
        outcomes.append(_attack_all(work, attack, stage=f"attack-{number}", label=label, correct=correct))
    about = {"labels": examples.labels, "clean": clean}
    asked = {} if input_range is None else {"input_range": list(input_range)}
    if detection:
        about["clean_scores"] = score_clean(model, examples, folder, rows)
    diagnosis |= _probe(work, attacks, outcomes) if diagnose else {}
    results = {
        "schema_version": records.SCHEMA_VERSION,
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "seed": seed,
        "batch_size": batch_size,
        "attack_precision": choice.precision,
        RECORD: why_precision,
        "model": records.plain(dict(model_info or {})) | {"num_classes": num_classes} | plan["model"] | asked,
        "dataset": records.plain(dict(dataset_info or {})) | {"sha256": plan["examples"]["sha256"]},
        **({"shard": shard.as_dict()} if shard else {}),
        **tally(outcomes, **about, recorded_accuracy=recorded, diagnosis=diagnosis),
    }
    arrays = to_arrays(outcomes, **about, indices=examples.indices)
    folder.finish(results, arrays, _pictures(work))
    return results
