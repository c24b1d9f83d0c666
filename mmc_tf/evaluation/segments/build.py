"""From runs to the folder with the losses along segments, their means, and the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mmc_tf.attacks import PGD
from mmc_tf.evaluation.checkpoints import Network, check_network_fits
from mmc_tf.evaluation.fingerprints import versions
from mmc_tf.evaluation.plan import check_attacks, default_epsilon, find_head
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.evaluation.records import attack_parameters
from mmc_tf.evaluation.segments.figure import draw_segments
from mmc_tf.evaluation.segments.subjects import Settings, Subject, choose
from mmc_tf.evaluation.segments.walk import POSITIONS, Segments, walk
from mmc_tf.evaluation.wording import percent, radius
from mmc_tf.files import replacing, write_arrays, write_record
from mmc_tf.report.drawing import to_png
from mmc_tf.training import runs

SUMMARY, VALUES, PICTURE = "segments.json", "segments.npz", "segments.png"
SCHEMA_VERSION = 1
HEADER = (
    "run",
    "split",
    "examples",
    "misclassified",
    "broken",
    "kept",
    "mean at 0",
    "mean at 1",
    "mean rise",
    "of the mean at 0 %",
)
_SPLITS = (("train", "training"), ("test", "test"))
_WORDS_BEFORE = 2  # columns that are set to the left


def build(
    subjects: Sequence[Subject],
    settings: Settings,
    output_dir: Path,
    *,
    command: str = "",
    progress: NoProgress | None = None,
) -> dict[str, Any]:
    """Walks the segments of every run, and writes `segments.json`, `segments.npz` and `segments.png`.

    Args:
        subjects: as `subjects.find` gives them.
        settings: what is walked.
        output_dir: where to; earlier files of these names are replaced.
        command: recorded.
        progress: told of every batch.

    Returns:
        What `segments.json` holds.

    Raises:
        UserError: for a network that cannot be read, or is one for other images or classes. OSError: if writing
            fails.
    """
    progress = progress or NoProgress()
    prepared = [_prepare(subject, settings) for subject in subjects]  # every mistake before the first walk
    walked, described = [], []
    for subject, (model, attack) in zip(subjects, prepared, strict=True):
        segments = _walk(subject, model, attack, settings, progress)
        walked.append(segments)
        described.append(_describe(subject, segments, attack))
    results = {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "seed": settings.seed,
        "positions": list(POSITIONS),
        "runs": described,
    }
    panels = [
        (_title(entry), _subtitle(entry), segments) for entry, segments in zip(described, walked, strict=True)
    ]
    write_arrays(output_dir / VALUES, _arrays(walked), compressed=True)
    with replacing(output_dir / PICTURE) as temporary:
        temporary.write_bytes(to_png(draw_segments(panels)))
    write_record(output_dir / SUMMARY, results)
    return results


def _prepare(subject: Subject, settings: Settings) -> tuple[keras.Model, PGD]:
    """The network, and the attack that fits it."""
    model, config = runs.load_run(subject.path)
    check_network_fits(Network(model, subject.path, config, chosen=False), subject.dataset, argument="runs")
    image = subject.dataset.test.part(0, 1).as_float()[0]
    epsilon = settings.epsilon
    if epsilon is None:
        epsilon = default_epsilon(subject.dataset.name, settings.norm)
    objective = settings.objective or choose_objective(find_head(model, image))
    attack = PGD(epsilon=epsilon, norm=settings.norm, num_steps=settings.num_steps, objective=objective)
    check_attacks(model, image, [(subject.name, attack)])
    return model, attack


def _walk(
    subject: Subject, model: keras.Model, attack: PGD, settings: Settings, progress: NoProgress
) -> list[Segments]:
    """The segments of both splits."""
    segments = []
    progress.start(subject.name, len(_SPLITS) * settings.examples)
    for name, split, first in (
        ("train", subject.dataset.train, subject.first_training_index),
        ("test", subject.dataset.test, 0),
    ):
        positions = choose(len(split), settings)
        how = {"first_index": first, "seed": settings.seed, "progress": progress}
        segments.append(walk(model, split, positions, attack, name=name, **how))
    progress.finish()
    return segments


def choose_objective(head: Any) -> str:
    """What PGD climbs on a head unless told otherwise: cross-entropy, as in the paper, where the head is made for it.

    On heads of centers, where it is blind, the loss that is drawn: their own untargeted objective (un1) leads away
    from the true center, also where that is no way to another one.
    """
    return "ce" if getattr(head, "adaptive_objective", "ce") == "ce" else "margin"


def _describe(subject: Subject, segments: Sequence[Segments], attack: PGD) -> dict[str, Any]:
    return {
        "name": subject.name,
        "path": subject.path.as_posix(),
        "model": subject.flags.get("model"),
        "loss": subject.flags.get("loss"),
        "method": subject.flags.get("method"),
        "dataset": {"name": subject.dataset.name, "source": subject.dataset.source},
        "attack": attack_parameters(attack),
        "splits": {each.split: each.summary() for each in segments},
    }


def _arrays(walked: Sequence[Sequence[Segments]]) -> dict[str, np.ndarray]:
    """One row an image: `run` (its number), `split`, `index`, `label`, `state`, `loss`; and the `position`s."""
    flat = [(number, each) for number, segments in enumerate(walked) for each in segments]
    return {
        "position": np.array(POSITIONS, np.float32),
        "run": np.concatenate([np.full(len(each.indices), number, np.int32) for number, each in flat]),
        "split": np.concatenate([np.full(len(each.indices), each.split) for _, each in flat]),
        "index": np.concatenate([each.indices for _, each in flat]),
        "label": np.concatenate([each.labels for _, each in flat]),
        "state": np.concatenate([each.states for _, each in flat]),
        "loss": np.concatenate([each.losses for _, each in flat]),
    }


def _title(entry: Mapping[str, Any]) -> str:
    return entry["name"] + (f" ({entry['loss']})" if entry["loss"] else "")


def _subtitle(entry: Mapping[str, Any]) -> str:
    attack, splits = entry["attack"], entry["splits"]
    kept = " and ".join(f"{splits[name]['kept']} {words}" for name, words in _SPLITS)
    return (
        f"{entry['dataset']['name']}: PGD-{attack['num_steps']} {attack['objective']}, "
        f"{attack['norm']} {radius(attack['epsilon'])}\n"
        f"failed on {kept} images"
    )


def format_terminal(results: Mapping[str, Any]) -> str:
    """How steep the losses are, one line a run and split."""
    table = [HEADER]
    for entry in results["runs"]:
        for split, found in entry["splits"].items():
            names = ("mean_clean", "mean_perturbed", "mean_rise")
            means = ["–" if found[name] is None else f"{found[name]:.4g}" for name in names]
            relative = "–" if found["relative_rise"] is None else percent(found["relative_rise"])
            counts = [str(found[name]) for name in HEADER[_WORDS_BEFORE : _WORDS_BEFORE + 4]]
            table.append((entry["name"], split, *counts, *means, relative))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if number < _WORDS_BEFORE else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
