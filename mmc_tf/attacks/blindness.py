"""Whether cross-entropy has hardly a gradient on a network, where the margin of its logits has one."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.objectives import objectives
from mmc_tf.attacks.oracle import Oracle
from mmc_tf.checks import UserError
from mmc_tf.classifier import Classifier

MOST_IMAGES = 32
# 1 - p_y is this part of the margin's gradient; float32 rounds what is smaller to 0, and with it the true class.
LEAST_PART = 2.0**-23
BLIND_SHARE = 0.05  # of the images
ENOUGH = 8  # correctly classified images that settle it


def settle_blindness(classifier: Classifier, images: np.ndarray, labels: np.ndarray) -> None:
    """Measures whether cross-entropy is blind on a network without a head of ours, and takes note of it.

    Once found blind, a network stays so. One that was not is asked again where its logits look like it, on the images
    that it was measured on, so that every batch of an evaluation climbs the same: weights grow in training. Where too
    few images told, the next ones are asked.
    """
    found = classifier.found
    if found.is_blind or classifier.head is not None or not len(images):
        return
    images, labels = found.measured_on or (images[:MOST_IMAGES], labels[:MOST_IMAGES])
    if found.is_blind is False and not _looks_blind(classifier, images, labels):
        return
    found.is_blind, asked = measure_blindness(classifier, images, labels)
    if asked >= ENOUGH:
        found.measured_on = (images, labels)
    if found.is_blind:
        found.notes["HEAD_UNKNOWN"] = (
            "no head of ours is behind the logits, and cross-entropy's gradient is zero or less than a ten-millionth "
            "of the margin's on some images: attacks whose objective was not chosen climb the margin"
        )


def _looks_blind(classifier: Classifier, images: np.ndarray, labels: np.ndarray) -> bool:
    """As `measure_blindness`, of the gradients in the logits, where the margin's has length 2: by one forward pass."""
    rows = np.arange(len(labels))
    logits = classifier.logits(images).numpy().astype(np.float64)
    logits -= logits[rows, labels][:, None]
    logits[rows, labels] = -np.inf
    correct = logits.max(axis=1) < 0
    others = np.exp(logits[correct]).sum(axis=1)
    return bool(correct.any() and (others < LEAST_PART * (1 + others)).mean() > BLIND_SHARE)


def measure_blindness(classifier: Classifier, images: np.ndarray, labels: np.ndarray) -> tuple[bool, int]:
    """Whether an attack along cross-entropy would stand still, or stumble, on more than a twentieth of the images.

    Measured on those that are classified correctly; it is if the l1 norm of cross-entropy's gradient is less than a
    ten-millionth of the margin's, zero included. False where there are no such images, or no gradients at all.

    Args:
        classifier: a network whose head is not known.
        images: (N, H, W, C) float32 in [0, 1].
        labels: (N,) int32.

    Returns:
        Whether it is, and how many images told.
    """
    some = (tf.constant(images), tf.constant(labels))
    try:
        sizes = [_gradients(classifier, *some, name) for name in ("ce", "margin")]
    except UserError:
        return False, 0
    (ce, correct), (margin, _) = sizes
    asked = correct & (margin > 0)
    blind = ce[asked] < LEAST_PART * margin[asked]
    return bool(len(blind) and blind.mean() > BLIND_SHARE), len(blind)


def _gradients(
    classifier: Classifier, images: tf.Tensor, labels: tf.Tensor, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """The l1 norms (N,) of an objective's gradients, and whether the images are classified correctly."""

    def ask(model: Classifier, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        oracle = Oracle(model, labels, None, choose_objective=lambda head: name)
        seen = oracle.evaluate(images, objective=objectives.get(name))
        size = tf.reduce_sum(tf.abs(tf.cast(seen.gradient, tf.float64)), axis=[1, 2, 3])
        return size, tf.equal(seen.prediction, labels)

    graph = classifier.compiled(("blindness", name), ask, (images, labels))
    size, correct = graph(images, labels)
    return size.numpy(), correct.numpy()
