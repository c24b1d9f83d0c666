"""Whether objectives have a gradient, at clean images and at random points of the ball around them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.base import ZERO_GRADIENT
from mmc_tf.attacks.oracle import Model, Oracle
from mmc_tf.attacks.starts import random_start
from mmc_tf.checks import UserError
from mmc_tf.classifier import Classifier


@dataclasses.dataclass(frozen=True)
class GradientProbe:
    """How often one objective's input gradient is of no use.

    Attributes:
        objective: its name.
        examples: number of images.
        zero_rate: share of them where the gradient is exactly zero, at the image or at the random point.
        nonfinite_rate: share of them where it holds NaN or inf, at either.
    """

    objective: str
    examples: int
    zero_rate: float
    nonfinite_rate: float


def probe_gradients(
    model: Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    indices: np.ndarray,
    objectives: Iterable[str],
    norm: str,
    epsilon: float,
    seed: int,
) -> list[GradientProbe]:
    """Two gradients per image and objective.

    Args:
        model: the classifier.
        images: float32 (N, H, W, C) in [0, 1].
        labels: (N,) int32.
        indices: (N,) indices of the examples in the data set.
        objectives: names.
        norm: of the ball that the random points are drawn from.
        epsilon: its radius.
        seed: integer >= 0.
    """
    images, labels = tf.constant(images), tf.constant(labels, tf.int32)
    indices = tf.constant(indices, tf.int64)
    start = random_start(images, indices, norm=norm, epsilon=tf.constant(epsilon, tf.float32), seed=seed)
    probes = []
    for name in objectives:
        arguments = (tf.concat([images, start], axis=0), tf.concat([labels, labels], axis=0))
        ask = Classifier.of(model).compiled(("probe_gradients", name), _look_at_gradients(name), arguments)
        zero, finite = (flags.numpy().reshape(2, -1) for flags in ask(*arguments))
        probes.append(
            GradientProbe(
                name, len(labels), float(zero.any(axis=0).mean()), float((~finite).any(axis=0).mean())
            )
        )
    return probes


def is_differentiable(model: Model, image: np.ndarray) -> bool:
    """Whether a model has gradients in its images at all, asked with one image (H, W, C)."""
    images = tf.constant(image[None])
    oracle = Oracle(model, tf.zeros(1, tf.int32), None, choose_objective=lambda head: "margin")
    try:
        oracle.evaluate(images)
    except UserError:
        return False
    return True


def _look_at_gradients(name: str):
    def look(model, images, labels):
        seen = Oracle(model, labels, None, choose_objective=lambda head: name).evaluate(images)
        size = tf.reduce_sum(tf.abs(seen.gradient), axis=[1, 2, 3])
        return (size < ZERO_GRADIENT) & seen.finite, seen.finite

    return look
