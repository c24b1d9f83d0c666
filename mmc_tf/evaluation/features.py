"""The features of the test images, for the picture of how they lie around the centers."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.oracle import Model
from mmc_tf.classifier import Classifier
from mmc_tf.evaluation.examples import Examples, full_batches
from mmc_tf.evaluation.merged_pictures import MAX_IMAGES

_CENTERS = ("centers", "class_centers", "means")


def _features_of(model: Classifier, images: tf.Tensor) -> tf.Tensor:
    return model.read(images).scores.features


def compute_features(model: Model, images: np.ndarray, *, batch_size: int = 100) -> np.ndarray:
    """Features z (N, d) of images (N, H, W, C), of a model that ends in a head of ours."""
    classifier, rows = Classifier.of(model), []
    for start in range(0, len(images), batch_size):
        batch = tf.constant(images[start : start + batch_size])
        rows.append(classifier.compiled("features", _features_of, (batch,))(batch).numpy())
    return np.concatenate(rows).astype(np.float32)


def centers_of(head: Any) -> np.ndarray | None:
    """The classes' centers (L, d) of a head: fixed, trained, or followed; None where it has none."""
    for name in _CENTERS:
        if getattr(head, name, None) is not None:
            return np.asarray(getattr(head, name), np.float32)
    return None


def gather_features(
    model: Model, head: Any, examples: Examples, adversarial: np.ndarray, *, batch_size: int = 100
) -> dict[str, np.ndarray]:
    """What `features.npz` holds.

    Args:
        model: ends in `head`.
        head: one of ours.
        examples: those of the evaluation; the first `MAX_IMAGES` by index are taken.
        adversarial: the samples' images under each attack (A, K, H, W, C).
        batch_size: images at once.

    Returns:
        `indices` (M,), `labels` (M,), `features` (M, d), `adversarial_features` (A, K, d) where there are samples,
        and `centers` (L, d) where the head has centers.
    """
    positions = np.argsort(examples.indices, kind="stable")[:MAX_IMAGES]
    features = [
        compute_features(model, examples.take(batch)[0], batch_size=batch_size)[:count]
        for batch, count in full_batches(positions, min(batch_size, len(positions)))
    ]
    arrays = {
        "indices": examples.indices[positions],
        "labels": examples.labels[positions],
        "features": np.concatenate(features),
    }
    if adversarial.size:
        flat = adversarial.reshape(-1, *adversarial.shape[2:])
        features = compute_features(model, flat, batch_size=batch_size)
        arrays["adversarial_features"] = features.reshape(*adversarial.shape[:2], -1)
    centers = centers_of(head)
    return arrays if centers is None else arrays | {"centers": centers}
