"""The detection scores of images, asked of a network."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.objectives import pick
from mmc_tf.attacks.oracle import Model
from mmc_tf.classifier import Classifier, predict
from mmc_tf.evaluation.detection import suspicion
from mmc_tf.evaluation.examples import Examples, full_batches


def _look(model: Classifier, images: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Shifted logits (N, L) and, of a head with centers, ½‖z − μ_ŷ‖² (N,)."""
    logits, scores, _ = model.read(images)
    if not getattr(scores.head, "has_centers", False):
        return (scores.logits,)
    distances = scores.head.squared_distances(scores.features)
    return scores.logits, 0.5 * pick(distances, predict(logits))


def score_images(model: Model, images: np.ndarray, *, batch_size: int = 100) -> np.ndarray:
    """How suspicious images look to a network, by the scores of `mmc_tf.evaluation.detection`.

    Args:
        model: a classifier, images (N, H, W, C) in [0, 1] to logits (N, L).
        images: float32 (N, H, W, C), clean, adversarial, or of something that the network does not know.
        batch_size: images at once.

    Returns:
        (N, 3) float64.

    Example:
        >>> score_images(model, split.as_float()).shape
        (25, 3)
    """
    classifier, rows = Classifier.of(model), []
    for start in range(0, len(images), batch_size):
        batch = tf.constant(images[start : start + batch_size])
        looks = classifier.compiled("detection", _look, (batch,))(batch)
        rows.append(suspicion(*(look.numpy() for look in looks)))
    return np.concatenate(rows)


def score_examples(model: Model, examples: Examples, *, batch_size: int = 100) -> np.ndarray:
    """`score_images` of an evaluation's clean images, read batch by batch; (N, 3) float64."""
    scores = [
        score_images(model, examples.take(positions)[0], batch_size=batch_size)[:count]
        for positions, count in full_batches(np.arange(len(examples)), batch_size)
    ]
    return np.concatenate(scores)
