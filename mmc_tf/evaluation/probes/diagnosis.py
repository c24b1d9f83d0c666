"""A diagnosis: short attacks on a hundred images, to see what the attacks asked for may have missed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks import Attack
from mmc_tf.attacks.oracle import Model
from mmc_tf.checks import check_number
from mmc_tf.classifier import Classifier, predict
from mmc_tf.classifier.notes import told_elsewhere
from mmc_tf.data import Split
from mmc_tf.evaluation.diagnostics import Finding, find_in_diagnosis
from mmc_tf.evaluation.examples import Examples, choose_examples, full_batches
from mmc_tf.evaluation.plan import count_classes_of, find_head
from mmc_tf.evaluation.probes.gradients import is_differentiable, probe_gradients
from mmc_tf.evaluation.probes.output import MAX_IMAGES, probe_output
from mmc_tf.evaluation.probes.panel import (
    EXAMPLES,
    Labelled,
    Panel,
    climbed_objective,
    margin_of,
    plan_panel,
)
from mmc_tf.evaluation.probes.surrogate import fit_surrogate
from mmc_tf.evaluation.records import is_adaptive, plain

IMITATED = 1000


@dataclasses.dataclass(frozen=True)
class Subjects:
    """The examples that are probed, all classified correctly.

    Attributes:
        images: (N, H, W, C) float32.
        labels: (N,) int32.
        indices: (N,) int64 in the data set.
    """

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray


def look_at_output(model: Model, examples: Examples) -> dict[str, Any]:
    """The figures of `probe_output` on the first images, as plain data."""
    return dataclasses.asdict(probe_output(model, examples.take(_in_order(examples)[:MAX_IMAGES])[0]))


def _in_order(examples: Examples) -> np.ndarray:
    """Positions by index in the data set, so that a diagnosis does not depend on an evaluation's order."""
    return np.argsort(examples.indices)


def broken_by(
    attack: Attack, model: Model, subjects: Subjects, active: np.ndarray, *, seed: int, batch_size: int
) -> np.ndarray:
    """(N,) bool, which of the `active` (N,) bool examples an attack breaks."""
    broken = np.zeros(len(active), bool)
    for rows, count in full_batches(np.flatnonzero(active), batch_size):
        with told_elsewhere():
            result = attack(
                model,
                subjects.images[rows],
                subjects.labels[rows],
                indices=subjects.indices[rows],
                seed=seed,
                active=np.arange(len(rows)) < count,
            )
        broken[rows[:count]] = result.misclassified[:count]
    return broken


def examine(
    model: Model,
    examples: Examples,
    clean: np.ndarray,
    attacks: Labelled,
    misclassified: Sequence[np.ndarray],
    *,
    seed: int,
    batch_size: int,
    count: int = EXAMPLES,
) -> dict[str, Any]:
    """Runs the panel of probes on the first correctly classified examples.

    Args:
        model: the classifier.
        examples: of the evaluation, N of them.
        clean: (N,) int32 predictions on the clean images.
        attacks: (label, attack) pairs that were asked for.
        misclassified: of each of them, (N,) bool; an attack without verdicts is run on the subjects.
        seed: integer >= 0.
        batch_size: examples in one forward pass.
        count: how many examples are probed at most.

    Returns:
        What was run and what it left, as plain data: see docs/warnings.md, Diagnosis.
    """
    positions = _in_order(examples)
    positions = positions[clean[positions] == examples.labels[positions]][:count]
    if not len(positions):
        return {"examples": 0}
    subjects = Subjects(*examples.take(positions), examples.indices[positions])
    differentiable = is_differentiable(model, subjects.images[0])
    panel = _plan(model, examples, clean, attacks, differentiable)
    label, headline = panel.headline
    known = {name: broken[positions] for (name, _), broken in zip(attacks, misclassified, strict=False)}
    everybody = np.ones(len(positions), bool)
    if label not in known:
        known[label] = broken_by(headline, model, subjects, everybody, seed=seed, batch_size=batch_size)
    ball = (headline.norm, headline.epsilon)
    inside = {label} | {name for name, each in attacks if (each.norm, each.epsilon) == ball}
    survivors = ~np.any([known[name] for name in inside if name in known], axis=0)
    probes, curve = [], []
    for probe in panel.probes:
        asked = survivors if probe.on_survivors else everybody
        broken = broken_by(probe.attack, model, subjects, asked, seed=seed, batch_size=batch_size)
        if probe.name == "curve":
            curve.append({"epsilon": probe.attack.epsilon, "left": int((~broken).sum())})
            continue
        if not probe.on_survivors:
            survivors = survivors & ~broken
        figures = {"name": probe.name, "words": probe.words, "asked": int(asked.sum())}
        probes.append(figures | {"broken": int(broken.sum())})
    head = find_head(model, subjects.images[0])
    objective = climbed_objective(headline, head)
    gradients = [
        dataclasses.asdict(each)
        for each in probe_gradients(
            model,
            subjects.images,
            subjects.labels,
            indices=subjects.indices,
            objectives=dict.fromkeys([objective, margin_of(head), "ce"]) if differentiable else (),
            norm=headline.norm,
            epsilon=headline.epsilon,
            seed=seed,
        )
    ]
    words = next((probe.words for probe in panel.probes if probe.name == "curve"), None)
    return plain(
        {
            "examples": len(positions),
            "norm": headline.norm,
            "epsilon": headline.epsilon,
            "headline": {
                "label": label,
                "left": int((~known[label]).sum()),
                "objective": objective,
                "adaptive": is_adaptive(objective, head),
                "differentiates": headline.differentiates,
            },
            "probes": probes,
            "curve": {"words": words, "norm": "linf", "points": curve} if curve else None,
            "gradients": gradients,
            "answered": panel.answered,
        }
    )


def _plan(
    model: Model, examples: Examples, clean: np.ndarray, attacks: Labelled, differentiable: bool
) -> Panel:
    imitated = _in_order(examples)[:IMITATED]
    images = examples.take(imitated)[0]
    num_classes = count_classes_of(model, images[0])
    return plan_panel(
        attacks,
        head=find_head(model, images[0]),
        num_classes=num_classes,
        image_channels=images.shape[-1],
        surrogate=fit_surrogate(images, clean[imitated], num_classes=num_classes),
        differentiable=differentiable,
    )


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What the probes measured, and what follows.

    Attributes:
        figures: as `results.json` has them under `diagnosis`.
        findings: the gravest first.
    """

    figures: dict[str, Any]
    findings: list[Finding]


def diagnose(
    model: Model,
    split: Split,
    attack: Attack | None = None,
    *,
    examples: int = EXAMPLES,
    seed: int = 0,
    batch_size: int = 100,
) -> Diagnosis:
    """Says whether a network misleads attacks, and whether the number of one attack would be an artefact.

    It needs no folder and writes nothing. All probes are short: a diagnosis that finds nothing proves nothing.

    Args:
        model: a classifier, images float32 (N, H, W, C) in [0, 1] to logits (N, L).
        split: images and labels; the first correctly classified ones are probed, the first thousand imitated.
        attack: whose number is examined; None: PGD-10 within 8/255 (colour images) or 0.3 (grey ones), linf.
        examples: how many images to probe, >= 1.
        seed: with an example's index, decides all random draws.
        batch_size: examples in one forward pass.

    Returns:
        The diagnosis.

    Raises:
        UserError: for bad arguments, and for a model that returns no logits.

    Example:
        >>> from mmc_tf.attacks import make
        >>> diagnosis = diagnose(model, split, make("pgd", epsilon=0.1, objective="ce"))
        >>> [finding.code for finding in diagnosis.findings]  # of a network that hides nothing
        []
    """
    check_number("examples", examples, minimum=1, integer=True)
    check_number("batch_size", batch_size, minimum=1, integer=True)
    some = choose_examples(split)
    clean = np.concatenate(
        [
            predict(Classifier.of(model).logits(images)).numpy()[:count]
            for rows, count in full_batches(
                np.arange(min(max(IMITATED, examples), len(some))), min(batch_size, len(some))
            )
            for images in [tf.constant(some.take(rows)[0])]
        ]
    )
    looked_at = Examples(split, some.indices[: len(clean)])
    attacks = [] if attack is None else [(attack.name, attack)]
    figures = {"output": look_at_output(model, looked_at)} | examine(
        model, looked_at, clean, attacks, [], seed=seed, batch_size=batch_size, count=examples
    )
    return Diagnosis(figures, find_in_diagnosis(figures))
