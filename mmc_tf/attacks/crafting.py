"""Crafting on a copy of the classifier, and again on the classifier itself where the copy was mistaken."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.arguments import Batch
from mmc_tf.attacks.objectives import best_other, pick
from mmc_tf.attacks.packing import pack, unpack
from mmc_tf.attacks.result import AttackResult, join
from mmc_tf.classifier import Classifier, predict


def attack_on_copy(attack: Any, model: Classifier, batch: Batch) -> AttackResult:
    """What `Attack.attack` returns, by steps on the copy and verdicts of the classifier.

    An example is attacked if the classifier is right about its clean image, whatever the copy says of it.
    It is attacked again on the classifier, from the start, where the rank (`Oracle.rank`) that the copy gives the
    result is, up to rounding, above that of the classifier's verdict: an attack that stopped there stopped too
    soon, one that kept its first wrong class kept the wrong image, and one that took the clean image for
    misclassified did nothing.

    Args:
        attack: an `Attack`.
        model: the classifier, with its copies (`Classifier.crafting`).
        batch: what is attacked.

    Returns:
        The result; passes are those through copy and classifier together, and zero gradients are the copy's.
    """
    copy, slack = model.copy_for(attack)
    itself = Classifier.of(model.network, input_range=model.input_range)
    if copy is model:
        return attack.attack(itself, batch)
    images = tf.constant(batch.images)
    logits = model.logits(images)
    attacked = batch.active & (predict(logits).numpy() == batch.labels)
    adversarial, crafted, clean = attack.craft(copy, batch)
    adversarial = tf.where(attacked[:, None, None, None], adversarial, images)
    clean |= {"prediction": predict(logits), "logits": logits}
    result = attack.judged(itself, batch, adversarial, crafted, clean, more_passes=int(batch.active.sum()))
    known = ranks_of(result.prediction, batch)
    doubted = attacked & (known < 2)
    if not doubted.any():
        return result
    mistaken = doubted & (believed_ranks(copy, adversarial, batch, doubted, slack=slack) > known)
    if not mistaken.any():
        return result
    return join(result, attack.attack(itself, batch._replace(active=mistaken)), mistaken)


def ranks_of(prediction: np.ndarray, batch: Batch) -> np.ndarray:
    """`Oracle.rank` of predictions (N,): 2 the goal, 1 wrong but not the target, 0 the true label."""
    wrong = prediction != batch.labels
    goal = wrong if batch.targets is None else prediction == batch.targets
    return np.where(goal, 2, np.where(wrong, 1, 0))


def believed_ranks(
    copy: Classifier, adversarial: tf.Tensor, batch: Batch, asked: np.ndarray, *, slack: float
) -> np.ndarray:
    """The ranks that a copy gives to some images, by one compiled forward pass.

    Args:
        copy: the copy.
        adversarial: (N, H, W, C).
        batch: whose labels and targets they are.
        asked: (N,) bool, which images.
        slack: as `rank_of` has it.

    Returns:
        (N,) int32, 0 where it was not asked.
    """

    def ranks(model, images, labels, targets, asked, slack):
        places, (images, labels, targets) = pack(asked, images, labels, targets)
        scores = model.read(images).scores.logits
        return unpack(places, rank_of(scores, labels, targets if targeted else None, slack=slack))

    targeted = batch.targets is not None
    arguments = (
        adversarial,
        tf.constant(batch.labels),
        tf.constant(batch.targets if targeted else batch.labels),
        tf.constant(asked),
        tf.constant(slack, tf.float32),
    )
    return copy.compiled(("believed ranks", targeted), ranks, arguments)(*arguments).numpy()


def rank_of(
    scores: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor | None, *, slack: float | tf.Tensor
) -> tf.Tensor:
    """As `Oracle.rank`, but a class that trails by up to `slack` times the logits' spread counts as predicted.

    Args:
        scores: (N, L) logits, shifted or not.
        labels: (N,) int32.
        targets: (N,) int32 of a targeted attack.
        slack: >= 0; with 0, ties count for the goal.

    Returns:
        (N,) int32: 2 the goal, 1 wrong but not the target, 0 the true label.
    """
    allowed = slack * (tf.reduce_max(scores, axis=-1) - tf.reduce_min(scores, axis=-1))
    wrong = pick(scores, labels) - best_other(scores, labels) <= allowed
    if targets is None:
        return tf.where(wrong, 2, 0)
    goal = best_other(scores, targets) - pick(scores, targets) <= allowed
    return tf.where(goal, 2, tf.where(wrong, 1, 0))
