"""Crafts on every network of a set and judges on all of them, batch by batch, so that a killed run goes on."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks import CW
from mmc_tf.attacks.arguments import check_call
from mmc_tf.attacks.oracle import Model
from mmc_tf.checks import check_number
from mmc_tf.classifier import Classifier, predict
from mmc_tf.classifier.crafting_precision import faster_for_all
from mmc_tf.data import Split
from mmc_tf.evaluation import store
from mmc_tf.evaluation.examples import Examples, choose_examples, full_batches
from mmc_tf.evaluation.fingerprints import fingerprint_model, fingerprint_split, versions
from mmc_tf.evaluation.mma import figures
from mmc_tf.evaluation.mma.doubts import find_doubts
from mmc_tf.evaluation.mma.networks import Subject
from mmc_tf.evaluation.mma.pixels import find_other_ranges
from mmc_tf.evaluation.mma.runs import Run, craft, judge, plan_runs, seed_of, within
from mmc_tf.evaluation.mma.settings import KIND, VERSION, Margins, Protocol
from mmc_tf.evaluation.plan import find_head
from mmc_tf.evaluation.precision import RECORD, settle_precision
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.evaluation.records import plain
from mmc_tf.evaluation.wording import radius, warning_lines
from mmc_tf.models.precision import PrecisionChoice


@dataclasses.dataclass(frozen=True)
class Network:
    """One row: the classifier with its copy to craft on, and the runs on it."""

    name: str
    model: Model
    crafted_on: Classifier
    runs: list[Run]
    is_vote: bool


@dataclasses.dataclass
class Work:
    """What the stages share: the settings, and the verdicts so far.

    Attributes:
        networks: M of them.
        wrong: (M, N) bool, misclassified when clean.
        broken: (E, M, M, N) bool: [e, a, b, n]: some image crafted on a within the radius e fools b.
    """

    networks: list[Network]
    examples: Examples
    folder: store.EvaluationFolder
    protocol: Protocol
    seed: int
    batch_size: int
    progress: NoProgress
    wrong: np.ndarray
    broken: np.ndarray
    seconds: float = 0.0
    images_crafted: int = 0

    def wanted(self, radius_number: int, source: int) -> np.ndarray:
        """(N,) bool, whose images crafted on `source` can still change a verdict.

        Of an image that fools each network, or that each misclassifies, no further copy changes a figure.
        """
        broken = self.broken[radius_number]
        alive = ~self.wrong[source] & ~broken[source, source]
        if self.protocol.only_survivors:
            return alive
        return alive | (~self.wrong & ~broken.any(axis=0)).any(axis=0)

    def enter(self, radius_number: int, source: int, batch: dict[str, np.ndarray]) -> None:
        """Joins the verdicts of one batch's runs, (R, M, n), to those so far."""
        self.broken[radius_number, source][:, batch["positions"]] |= batch["fooled"].any(axis=0)
        self.seconds += float(batch["seconds"])
        self.images_crafted += int(batch["attacked"].sum())


def prepare(subjects: Sequence[Subject], image: np.ndarray, protocol: Protocol) -> list[Network]:
    """Networks with their runs planned, each asked for one gradient, so that a mistake shows at once.

    Args:
        subjects: the rows.
        image: one image (H, W, C) float32.
        protocol: the settings, with a precision that is settled.

    Raises:
        UserError: for a network that the runs cannot attack.
    """
    networks = []
    for subject in subjects:
        classifier = Classifier.of(subject.model)
        nothing = {"indices": None, "seed": 0, "targets": None, "active": None, "targeted": False}
        batch = check_call(classifier, image[None], np.zeros(1, np.int32), **nothing)
        is_vote = classifier.found.is_vote
        runs = plan_runs(protocol, find_head(subject.model, image), is_vote=is_vote)
        for run in runs:
            run.check_model(classifier, batch)
        crafted_on = classifier.crafting(protocol.attack_precision)
        networks.append(Network(subject.name, subject.model, crafted_on, runs, is_vote))
    return networks


def settle(
    subjects: Sequence[Subject],
    split: Split,
    protocol: Protocol,
    output_dir: str | Path,
    *,
    resume: bool,
    precision: PrecisionChoice | None = None,
) -> tuple[Protocol, PrecisionChoice]:
    """Return the protocol with one precision for all networks, and why it was chosen (`settle_precision`)."""
    choice = settle_precision(
        precision or protocol.attack_precision,
        lambda: faster_for_all([subject.model for subject in subjects], split.images.shape[1:]),
        output_dir,
        resume=resume,
        read=lambda plan: plan["protocol"]["attack_precision"],
    )
    return dataclasses.replace(protocol, attack_precision=choice.precision), choice


def describe_plan(
    subjects: Sequence[Subject],
    split: Split,
    protocol: Protocol,
    *,
    margins: Margins | None,
    seed: int,
    input_range: Sequence[float] | None = None,
) -> dict[str, Any]:
    """What is evaluated, as plain data: a resumed protocol must match it."""
    return ({} if input_range is None else {"input_range": list(input_range)}) | {
        "kind": KIND,
        "schema_version": f"{KIND}-{VERSION}",
        "seed": seed,
        "protocol": protocol.as_dict(),
        "cw": None if margins is None else dataclasses.asdict(margins),
        "models": [
            {
                "name": subject.name,
                "members": subject.about.get("members"),
                "weights_sha256": fingerprint_model(subject.model),
            }
            for subject in subjects
        ],
        "examples": {"count": len(split), "sha256": fingerprint_split(split)},
    }


@store.one_at_a_time
def run(
    subjects: Sequence[Subject],
    split: Split,
    protocol: Protocol,
    *,
    output_dir: str | Path,
    margins: Margins | None = None,
    seed: int = 0,
    batch_size: int = 100,
    dataset_info: dict[str, Any] | None = None,
    command: str = "",
    resume: bool = False,
    overwrite: bool = False,
    progress: NoProgress | None = None,
    precision: PrecisionChoice | None = None,
    input_range: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Runs the protocol and writes its folder: `results.json`, and the verdicts in `examples.npz`.

    Each batch of images is crafted on one network and judged on all at once, so that no adversarial image is
    stored. Every batch's verdicts are on disk before the next begins.

    Args:
        subjects: two classifiers or more, for the same images and classes.
        split: images and labels.
        protocol: the settings.
        output_dir: new or empty unless `resume` or `overwrite`.
        margins: also C&W-l2 on the first images; ensembles, which have no gradient, go without.
        seed: with an image's index and the run, decides its random starts.
        batch_size: images attacked at once.
        dataset_info: what to say of the data: `name`, `source`.
        command: the command line, for the record.
        resume: go on with the protocol in `output_dir`.
        overwrite: replace what is in `output_dir`.
        progress: told of every batch.
        precision: what `settle` chose; None: it is asked here.
        input_range: (low, high) of the pixels that `networks.load` gives the subjects, for the record; None: [0, 1],
            and what looks otherwise is refused or warned of.

    Returns:
        The content of `results.json`.

    Raises:
        UserError: for bad arguments, or an `output_dir` in use or with something else in it.
        OSError: if the folder cannot be written.
    """
    check_number("batch_size", batch_size, minimum=1, integer=True)
    examples = choose_examples(split)
    other_ranges = find_other_ranges(subjects, split) if input_range is None else []
    protocol, choice = settle(subjects, split, protocol, output_dir, resume=resume, precision=precision)
    networks = prepare(subjects, examples.first_image(), protocol)
    plan = describe_plan(subjects, split, protocol, margins=margins, seed=seed, input_range=input_range)
    folder = store.EvaluationFolder.open(output_dir, plan, resume=resume, overwrite=overwrite)
    finished = folder.results()
    if finished is not None:
        return finished
    count, size = len(networks), len(examples)
    chosen = folder.remember("precision", choice.as_dict)
    progress = progress or NoProgress()
    for line in warning_lines(finding.as_dict() for finding in other_ranges):
        progress.warn(line)
    work = Work(
        networks=networks,
        examples=examples,
        folder=folder,
        protocol=protocol,
        seed=seed,
        batch_size=min(batch_size, size),
        progress=progress,
        wrong=np.zeros((count, size), bool),
        broken=np.zeros((len(protocol.epsilons), count, count, size), bool),
    )
    work.wrong[:] = _predict_clean(work) != examples.labels
    for radius_number in range(len(protocol.epsilons)):
        for source in range(count):
            _attack(work, radius_number, source)
    described = figures.describe(work.wrong, work.broken)
    spreads = [_measure(work, number, margins) if margins else None for number in range(count)]
    results = {
        **plan,
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "batch_size": batch_size,
        "dataset": plain(dict(dataset_info or {})) | {"sha256": plan["examples"]["sha256"]},
        "examples": size,
        "step_sizes": [protocol.step_size(epsilon) for epsilon in protocol.epsilons],
        "attacks_per_model": sum(len(network.runs) for network in networks),
        "models": [
            plain(subject.about)
            | {"weights_sha256": entry["weights_sha256"], "runs": describe_runs(network)}
            | found
            | {"cw": spread}
            for subject, entry, network, found, spread in zip(
                subjects, plan["models"], networks, described, spreads, strict=True
            )
        ],
        RECORD: chosen,
        "images_crafted": work.images_crafted,
        "seconds": work.seconds,
    }
    results["warnings"] = [finding.as_dict() for finding in [*other_ranges, *find_doubts(results)]]
    white_box, combined = figures.surviving(work.wrong, work.broken)
    arrays = {
        "index": examples.indices,
        "label": examples.labels,
        "model": np.array([network.name for network in networks]),
        "epsilon": np.array(protocol.epsilons),
        "clean_wrong": work.wrong,
        "white_box_robust": white_box,
        "combined_robust": combined,
        "broken": work.broken,
    }
    folder.finish(results, arrays)
    return results


def describe_runs(network: Network) -> list[str]:
    """What the runs climb, in their order: `margin`, `cw`, ..."""
    return [each.choose_objective(None) for each in network.runs]


def _predict_clean(work: Work) -> np.ndarray:
    """(M, N) int32; an interrupted protocol's own ones are kept."""
    kept = work.folder.batches("clean")
    if kept:
        return kept[0]["predictions"]
    work.progress.start("clean", len(work.examples))
    predictions = np.zeros(work.wrong.shape, np.int32)
    for positions, count in full_batches(np.arange(len(work.examples)), work.batch_size):
        images = tf.constant(work.examples.take(positions)[0])
        for number, network in enumerate(work.networks):
            found = predict(Classifier.of(network.model).logits(images)).numpy()
            predictions[number, positions[:count]] = found[:count]
        work.progress.advance(count)
    work.progress.finish()
    work.folder.append("clean", {"predictions": predictions})
    return predictions


def _attack(work: Work, radius_number: int, source: int) -> None:
    """All runs on one network within one radius, on the images that no batch on disk holds yet."""
    epsilon = work.protocol.epsilons[radius_number]
    stage = f"radius-{radius_number}-model-{source}"
    candidates = work.wanted(radius_number, source)
    done = np.zeros(len(candidates), bool)
    for batch in work.folder.batches(stage):
        done[batch["positions"]] = True
        work.enter(radius_number, source, batch)
    label = f"{work.networks[source].name} {work.protocol.norm} {radius(epsilon)}"
    work.progress.start(label, int(candidates.sum()), int(done.sum()))
    for positions, count in full_batches(np.flatnonzero(candidates & ~done), work.batch_size):
        batch = _attack_batch(work, radius_number, source, positions, count)
        work.folder.append(stage, batch)
        work.enter(radius_number, source, batch)
        work.progress.advance(count)
    work.progress.finish()


def _attack_batch(
    work: Work, radius_number: int, source: int, positions: np.ndarray, count: int
) -> dict[str, np.ndarray]:
    """The runs one after the other, each on the images whose verdicts it can still change."""
    started = time.perf_counter()
    network, epsilon = work.networks[source], work.protocol.epsilons[radius_number]
    models = [other.model for other in work.networks]
    images, labels = work.examples.take(positions)
    fooled = np.zeros((len(network.runs), len(models), count), bool)
    attacked = np.zeros((len(network.runs), count), bool)
    # Of these images, what earlier networks' runs have done, to which this batch's are joined as they come.
    local = dataclasses.replace(
        work,
        wrong=work.wrong[:, positions[:count]],
        broken=work.broken[..., positions[:count]],
    )
    for number, each in enumerate(network.runs):
        attacked[number] = local.wanted(radius_number, source)
        if not attacked[number].any():
            break
        active = np.zeros(len(positions), bool)
        active[:count] = attacked[number]
        adversarial = craft(
            within(each, work.protocol, epsilon),
            network.crafted_on,
            images,
            labels,
            indices=work.examples.indices[positions],
            seed=seed_of(work.seed, number),
            active=active,
        )
        verdicts = judge(models, adversarial, images, labels, norm=work.protocol.norm, epsilon=epsilon)
        fooled[number] = verdicts[:, :count] & attacked[number]
        local.broken[radius_number, source] |= fooled[number]
    return {
        "positions": positions[:count],
        "fooled": fooled,
        "attacked": attacked,
        "seconds": np.float64(time.perf_counter() - started),
    }


def _measure(work: Work, number: int, margins: Margins) -> dict[str, Any] | None:
    """C&W's distances on one network; None for an ensemble."""
    network = work.networks[number]
    if network.is_vote:
        return None
    attack = CW(num_steps=margins.num_steps, epsilon=None)
    size = min(margins.examples, len(work.examples))
    wrong = work.wrong[number, :size]
    found, distance, done = np.zeros(size, bool), np.zeros(size), np.zeros(size, bool)

    def enter(batch: dict[str, np.ndarray]) -> None:
        positions = batch["positions"]
        done[positions] = True
        found[positions], distance[positions] = batch["found"], batch["distance"]
        work.seconds += float(batch["seconds"])

    stage = f"cw-model-{number}"
    for batch in work.folder.batches(stage):
        enter(batch)
    work.progress.start(f"{network.name} C&W", int((~wrong).sum()), int(done.sum()))
    for positions, count in full_batches(np.flatnonzero(~wrong & ~done), work.batch_size):
        started = time.perf_counter()
        images, labels = work.examples.take(positions)
        active = np.arange(len(positions)) < count
        result = attack(
            network.crafted_on,
            images,
            labels,
            indices=work.examples.indices[positions],
            seed=work.seed,
            active=active,
        )
        batch = {
            "positions": positions[:count],
            "found": result.found[:count],
            "distance": result.distance[:count],
            "seconds": np.float64(time.perf_counter() - started),
        }
        work.folder.append(stage, batch)
        enter(batch)
        work.progress.advance(count)
    work.progress.finish()
    return figures.summarize_margins(wrong, found, distance) | {"num_steps": margins.num_steps}
