"""Checks of what a caller passes to an attack, beyond the named checks of `mmc_tf.checks`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmc_tf.attacks.oracle import Model
from mmc_tf.attacks.starts import random_targets
from mmc_tf.checks import argument_error, check_images, check_labels


def check_batch(model: Model, images: Any) -> np.ndarray:
    """Returns the images as float32 if the model can take them.

    Raises:
        UserError: for no image, images the model was not built for, or pixels outside [0, 1].
    """
    images = check_images("images", images)
    if not len(images):
        raise argument_error("images", "one image or more", "none")
    expected = getattr(model, "input_shape", None)
    if isinstance(model, keras.Model) and isinstance(expected, tuple):
        pairs = zip(expected[1:], images.shape[1:], strict=False)
        if len(expected) != 4 or any(side not in (None, got) for side, got in pairs):
            shape = ", ".join(map(str, expected[1:]))
            raise argument_error("images", f"images of shape (N, {shape}) for this model", str(images.shape))
    return images


def count_classes(logits: tf.TensorSpec, *, size: int, targeted: bool) -> int:
    """Returns the number of classes L of a model whose output has this shape.

    Raises:
        UserError: unless it is (N, L) with L >= 2.
    """
    shape = tuple(getattr(logits, "shape", ()))
    if targeted and len(shape) == 2 and shape[1] == 1:
        raise argument_error("targeted", "a model with two classes or more, one of them to aim at", "1 class")
    if len(shape) != 2 or shape[0] not in (None, size) or (shape[1] or 0) < 2:
        raise argument_error("model", f"one that returns logits of shape ({size}, L) with L >= 2", str(shape))
    return shape[1]


def check_targets_given(targets: Any, *, targeted: bool) -> None:
    """Raises a UserError unless there are targets if and only if the attack is targeted."""
    if targeted and targets is None:
        raise argument_error("targets", "a class per example for a targeted attack", "None")
    if not targeted and targets is not None:
        raise argument_error("targets", "None for an untargeted attack (targeted=True uses them)", "an array")


def resolve_targets(
    labels: np.ndarray,
    targets: Any,
    *,
    targeted: bool,
    num_classes: int,
    indices: np.ndarray,
    seed: int,
) -> np.ndarray | None:
    """Returns the targets given, checked, or random ones; None for an untargeted attack.

    Raises:
        UserError: for targets out of range, equal to the label, or not asked for.
    """
    if targeted and targets is None:
        return random_targets(labels, num_classes, indices=indices, seed=seed).numpy()
    check_targets_given(targets, targeted=targeted)
    if targets is None:
        return None
    targets = check_labels("targets", targets, size=len(labels), num_classes=num_classes)
    if (targets == labels).any():
        raise argument_error("targets", "classes other than the true ones", "a target equal to its label")
    return targets
