"""What has a closed form rather than a place in an order: noise, rotation, the estimate of SPSA."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mmc_tf.acceptance.lab import Lab
from mmc_tf.attacks import make
from mmc_tf.attacks.objectives import margin
from mmc_tf.attacks.oracle import Oracle
from mmc_tf.attacks.rotation import rotate
from mmc_tf.attacks.row_oracle import RowOracle
from mmc_tf.attacks.spsa import estimate_gradient

SAMPLES = 4096
NOISE_SHAPE = (340, 32, 32, 3)  # a million values


def noise_deviation(lab: Lab) -> float:
    """The standard deviation of the noise on a million values."""
    grey = tf.fill(NOISE_SHAPE, 0.5)
    labels = tf.zeros(len(grey), tf.int32)
    noisy = make("gaussian", clip=False).perturb(
        lambda images: tf.zeros((tf.shape(images)[0], 2)),
        grey,
        labels,
        indices=tf.range(len(grey)),
        seed=lab.seed,
    )
    return np.std(noisy.numpy().astype(np.float64) - 0.5)


def rotation_by_nothing(lab: Lab) -> float:
    """The largest change of a pixel by a rotation of 0 degrees."""
    images = _random_images(lab)
    return np.abs(rotate(images, tf.zeros(len(images))).numpy() - images).max()


def rotation_by_a_quarter(lab: Lab) -> float:
    """The largest difference of a pixel between a rotation of 90 degrees and transposing and flipping."""
    images = _random_images(lab)
    turned = rotate(images, tf.fill([len(images)], 90.0)).numpy()
    return np.abs(turned - np.rot90(images, axes=(1, 2))).max()


def spsa_cosine(lab: Lab) -> float:
    """The mean cosine between SPSA's estimate from 4,096 queries and the gradient."""
    place = lab.place("linear")
    images, labels = tf.constant(place.images[:16]), tf.constant(place.labels[:16])
    estimate = estimate_gradient(
        RowOracle(place.model, labels, None, choose_objective=lambda head: "margin"),
        images,
        tf.range(len(images)),
        indices=tf.range(len(images)),
        seed=lab.seed,
        stream=1,
        delta=1e-4,  # so short that the best other class stays the same
        samples=SAMPLES,
        max_images=2048,
    )
    oracle = Oracle(place.model, labels, None, choose_objective=lambda head: "margin")
    gradient = oracle.evaluate(images, objective=margin).gradient
    one, two = (tf.reshape(value, (len(images), -1)).numpy() for value in (estimate, gradient))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    return np.mean((one * two).sum(axis=1) / lengths)


def expected_spsa_cosine(dim: int, samples: int = SAMPLES) -> float:
    """1/√(1 + (D - 1)/(n/2)).

    Example:
        >>> round(expected_spsa_cosine(192), 3)
        0.956
    """
    return (1 + (dim - 1) / (samples / 2)) ** -0.5


def _random_images(lab: Lab) -> np.ndarray:
    return np.random.default_rng(lab.seed).uniform(size=(16, 9, 9, 3)).astype(np.float32)
