"""The library's verdict on an adversarial image, whatever the attack believed of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.arguments import Batch
from mmc_tf.attacks.compiling import forward
from mmc_tf.attacks.oracle import Model, predict
from mmc_tf.attacks.projections import measure
from mmc_tf.attacks.result import AttackResult


def judge(
    model: Model,
    batch: Batch,
    adversarial: np.ndarray,
    *,
    norm: str,
    epsilon: float | None,
    **counts: Any,
) -> AttackResult:
    """The result of an attack that made these images, by a fresh forward pass.

    Args:
        model: the classifier.
        batch: what was attacked.
        adversarial: (N, H, W, C) float32.
        norm: of the distance.
        epsilon: radius of the threat model; None: any distance is allowed.
        counts: the result's fields that only the attack knows, its own passes without this one.
    """
    logits = forward(model, tf.constant(adversarial))(tf.constant(adversarial))
    prediction = predict(logits).numpy()
    distance = distances(adversarial, batch.images, norm=norm)
    valid = is_valid(adversarial, distance, logits.numpy())
    within = valid & is_within(distance, norm=norm, epsilon=epsilon)
    wrong = prediction != batch.labels
    goal = wrong if batch.targets is None else prediction == batch.targets
    return AttackResult(
        adversarial=adversarial,
        success=within & goal,
        misclassified=within & wrong,
        found=valid & goal,
        distance=distance.astype(np.float32),
        prediction=prediction,
        targets=batch.targets,
        **(counts | {"forward_passes": counts["forward_passes"] + int(batch.active.sum())}),
    )


def radius_limit(epsilon: float, *, norm: str) -> float:
    """The largest distance that counts as within ε.

    linf: ε + 1e-7, since storing x' in float32 alone costs up to 3e-8. l2 and l1: ε(1 + 1e-6) + 1e-6.
    """
    return epsilon + 1e-7 if norm == "linf" else epsilon * (1 + 1e-6) + 1e-6


def is_valid(adversarial: np.ndarray, distance: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Whether each image is one that any threat model allows: finite, within [0, 1], with finite logits.

    Args:
        adversarial: (N, H, W, C) images.
        distance: (N,) their distance from the clean images.
        logits: (N, L) the model's output on them.

    Returns:
        (N,) bool.
    """
    flat = adversarial.reshape(len(adversarial), -1)
    # Comparisons with NaN are False, which is the verdict wanted.
    inside = (flat.min(axis=1) >= 0) & (flat.max(axis=1) <= 1)
    return inside & np.isfinite(logits).all(axis=1) & np.isfinite(distance)


def is_within(distance: np.ndarray, *, norm: str, epsilon: float | None) -> np.ndarray:
    """Whether each distance (N,) is within ε, up to what rounding costs; all are where ε is None."""
    if epsilon is None:
        return np.ones(len(distance), bool)
    return distance <= radius_limit(epsilon, norm=norm)


def distances(adversarial: np.ndarray, images: np.ndarray, *, norm: str) -> np.ndarray:
    """(N,) norms of `adversarial - images`, computed in float64."""
    return measure(adversarial.astype(np.float64) - images.astype(np.float64), norm=norm)
