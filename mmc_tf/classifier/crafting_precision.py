"""What attacks compute in on this machine: one gradient towards the pixels, timed in each precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.classifier.classifier import Classifier
from mmc_tf.models.folding import COMPUTED, folded_copy
from mmc_tf.models.precision import PrecisionChoice, choose_precision, measure_steps, unmeasured


def faster_precision(model: Any, image_shape: Sequence[int]) -> PrecisionChoice:
    """Choose what attacks on a classifier craft in: the faster of its folded copies, by measurement.

    Args:
        model: a network or a `Classifier`, images float32 (N, H, W, C) to logits (N, L).
        image_shape: (H, W, C).

    Returns:
        The choice; float32 without a measurement where there is no copy in bfloat16 (`folded_copy`).

    Example:
        >>> faster_precision(lambda images: images[:, 0, 0, :], (1, 1, 10)).reason
        'float32: this network has no copy in bfloat16'
    """
    return faster_for_all([model], image_shape)


def faster_for_all(models: Sequence[Any], image_shape: Sequence[int]) -> PrecisionChoice:
    """As `faster_precision`, one choice for several classifiers: by the sum of their seconds."""
    totals = dict.fromkeys(COMPUTED, 0.0)
    for classifier in map(Classifier.of, models):
        copies = {each: folded_copy(classifier.network, precision=each) for each in COMPUTED}
        if copies["bfloat16"] is classifier.network:
            continue
        steps = {
            name: _gradient_step(Classifier.of(copy, input_range=classifier.input_range), tuple(image_shape))
            for name, copy in copies.items()
        }
        for name, seconds in measure_steps(steps).items():
            totals[name] += seconds
    if not any(totals.values()):
        which = "this network has" if len(models) == 1 else "these networks have"
        return unmeasured(f"{which} no copy in bfloat16")
    return choose_precision(totals)


def _gradient_step(model: Classifier, image_shape: tuple[int, ...]) -> Callable[[int], None]:
    """One pass forward and back to the pixels of so many images, as every step of an attack does it."""

    @tf.function(input_signature=[tf.TensorSpec((None, *image_shape), tf.float32)])
    def gradient(images: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(images)
            height = tf.reduce_sum(model(images)[:, 0])
        return tape.gradient(height, images, unconnected_gradients="zero")

    pool = np.random.default_rng(0).uniform(size=image_shape).astype(np.float32)

    def step(count: int) -> None:
        gradient(tf.constant(np.repeat(pool[None], count, axis=0))).numpy()

    return step
