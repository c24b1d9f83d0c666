"""The library's verdict on an adversarial image, whatever the attack believed of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.arguments import Batch
from mmc_tf.attacks.majority import most_of
from mmc_tf.attacks.projections import measure
from mmc_tf.attacks.result import AttackResult
from mmc_tf.checks import NOT_FINITE, UNUSABLE_GRADIENT_RATE
from mmc_tf.classifier import Classifier, predict


def judge(
    model: Classifier,
    batch: Batch,
    adversarial: np.ndarray,
    *,
    norm: str,
    epsilon: float | None,
    clean_prediction: np.ndarray,
    num_passes: int = 1,
    majority: float = 0.0,
    **counts: Any,
) -> AttackResult:
    """The result of an attack that made these images, by a fresh forward pass.

    What the network is wrong about at any look is broken: also an example whose clean image it got wrong when the
    attack began and by luck gets right now, and one that it answers with NaN or infinity.

    Args:
        model: the classifier.
        batch: what was attacked.
        adversarial: (N, H, W, C) float32.
        norm: of the distance.
        epsilon: radius of the threat model; None: any distance is allowed.
        clean_prediction: (N,) int32, what the attack was told of the clean images.
        num_passes: passes over each image, for networks that draw at random.
        majority: share of the passes that must be more than wrong, or hit the target.
        counts: the result's other fields that only the attack knows, its own passes without this one.
    """
    prediction = decide(model, batch, adversarial, num_passes=num_passes, majority=majority)
    distance = distances(adversarial, batch.images, norm=norm)
    valid = is_valid(adversarial, distance)
    within = valid & is_within(distance, norm=norm, epsilon=epsilon)
    wrong = prediction != batch.labels
    goal = wrong if batch.targets is None else prediction == batch.targets
    wrong_before = batch.active & (clean_prediction != batch.labels)
    lucky = wrong_before & ~wrong  # the clean image itself is what breaks it
    reached = lucky if batch.targets is None else np.zeros_like(lucky)
    passes = counts.pop("forward_passes") + num_passes * int(batch.active.sum())
    return AttackResult(
        adversarial=adversarial,
        success=(within & goal) | reached,
        misclassified=(within & wrong) | lucky,
        found=(valid & goal) | reached,
        distance=distance.astype(np.float32),
        prediction=np.where(lucky, clean_prediction, prediction),
        clean_prediction=clean_prediction,
        targets=batch.targets,
        nonfinite_output=batch.active & (prediction == NOT_FINITE),
        forward_passes=passes,
        notes=_notes(model, batch.active, counts),
        **counts,
    )


def _notes(model: Classifier, active: np.ndarray, counts: dict[str, Any]) -> dict[str, str]:
    """What belongs beside the number of an attack: what was found of the network, and how blind the attack was."""
    notes = dict(model.found.notes)
    if counts.get("objective") != "margin":
        notes.pop("HEAD_UNKNOWN", None)
    for code, name, words in (
        ("ZERO_GRADIENT", "zero_gradient", "zero"),
        ("NONFINITE_GRADIENT", "nonfinite_gradient", "not finite"),
    ):
        flags = counts.get(name)
        rate = float(flags[active].mean()) if flags is not None and active.any() else 0.0
        if rate >= UNUSABLE_GRADIENT_RATE:
            notes[code] = (
                f"the gradient is {words} on {100 * rate:.0f} % of the attacked images, where the attack does not see "
                "where to go: its number is too high"
            )
    return notes


def decide(
    model: Classifier, batch: Batch, images: np.ndarray, *, num_passes: int = 1, majority: float = 0.0
) -> np.ndarray:
    """The classes (N,) int32 that count for success, by one pass or by what most of several passes say."""
    images = tf.constant(images)
    predictions = [predict(model.logits(images)).numpy() for _ in range(num_passes)]
    if num_passes == 1:
        return predictions[0]
    size = model.found.num_classes
    votes = sum(np.eye(size + 1, dtype=np.float32)[each] for each in predictions)  # -1 is the last column
    targets = None if batch.targets is None else tf.constant(batch.targets)
    return most_of(tf.constant(votes), tf.constant(batch.labels), targets, majority=majority).numpy()


def radius_limit(epsilon: float, *, norm: str) -> float:
    """The largest distance that counts as within ε.

    linf: ε + 1e-7, since storing x' in float32 alone costs up to 3e-8. l2 and l1: ε(1 + 1e-6) + 1e-6.
    """
    return epsilon + 1e-7 if norm == "linf" else epsilon * (1 + 1e-6) + 1e-6


def is_valid(adversarial: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Whether each image is one that any threat model allows: finite and within [0, 1].

    Args:
        adversarial: (N, H, W, C) images.
        distance: (N,) their distance from the clean images.

    Returns:
        (N,) bool.
    """
    flat = adversarial.reshape(len(adversarial), -1)
    # Comparisons with NaN are False, which is the verdict wanted.
    return (flat.min(axis=1) >= 0) & (flat.max(axis=1) <= 1) & np.isfinite(distance)


def is_within(distance: np.ndarray, *, norm: str, epsilon: float | None) -> np.ndarray:
    """Whether each distance (N,) is within ε, up to what rounding costs; all are where ε is None."""
    if epsilon is None:
        return np.ones(len(distance), bool)
    return distance <= radius_limit(epsilon, norm=norm)


def distances(adversarial: np.ndarray, images: np.ndarray, *, norm: str) -> np.ndarray:
    """(N,) norms of `adversarial - images`, computed in float64."""
    return measure(adversarial.astype(np.float64) - images.astype(np.float64), norm=norm)
