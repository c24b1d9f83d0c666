"""Checks of what a caller passes to an attack, beyond the named checks of `mmc_tf.checks`."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np

from mmc_tf.attacks.starts import random_targets
from mmc_tf.checks import argument_error, check_images, check_labels, check_number
from mmc_tf.classifier import Classifier, look_at

MOST_SEED = 2**63 - 1  # what a graph takes as int64


class Batch(NamedTuple):
    """The checked arguments of an attack's call.

    Attributes:
        images: (N, H, W, C) float32 in [0, 1].
        labels: (N,) int32.
        indices: (N,) int32.
        seed: integer >= 0.
        targets: (N,) int32 of a targeted attack, else None.
        active: (N,) bool, the examples to attack if they are classified correctly.
        num_classes: L.
    """

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    seed: int
    targets: np.ndarray | None
    active: np.ndarray
    num_classes: int


def check_call(
    classifier: Classifier,
    images: Any,
    labels: Any,
    *,
    indices: Any,
    seed: Any,
    targets: Any,
    active: Any,
    targeted: bool,
) -> Batch:
    """Returns the arguments of an attack's call, checked, with defaults filled in.

    Raises:
        UserError: for arguments out of range.
    """
    images = check_batch(classifier.network, images)
    check_seed(seed)
    size = len(images)
    indices = np.arange(size) if indices is None else check_labels("indices", indices, size=size)
    num_classes = look_at(classifier, images, targeted=targeted)
    labels = check_labels("labels", labels, size=size, num_classes=num_classes)
    targets = resolve_targets(
        labels, targets, targeted=targeted, num_classes=num_classes, indices=indices, seed=seed
    )
    active = np.ones(size, bool) if active is None else np.asarray(active)
    if active.shape != (size,) or active.dtype != bool:
        received = f"an array of shape {active.shape} and dtype {active.dtype}"
        raise argument_error("active", f"booleans of shape ({size},)", received)
    return Batch(images, labels, indices, seed, targets, active, num_classes)


def check_seed(seed: Any) -> None:
    """Raises a UserError unless a seed is an integer that a graph takes."""
    check_number("seed", seed, minimum=0, maximum=MOST_SEED, integer=True)


def check_batch(network: Any, images: Any) -> np.ndarray:
    """Returns the images as float32 if the model can take them.

    Raises:
        UserError: for no image, images the model was not built for, or pixels outside [0, 1].
    """
    images = check_images("images", images)
    if not len(images):
        raise argument_error("images", "one image or more", "none")
    expected = getattr(network, "input_shape", None)
    if isinstance(network, keras.Model) and isinstance(expected, tuple):
        pairs = zip(expected[1:], images.shape[1:], strict=False)
        if len(expected) != 4 or any(side not in (None, got) for side, got in pairs):
            shape = ", ".join(map(str, expected[1:]))
            raise argument_error("images", f"images of shape (N, {shape}) for this model", str(images.shape))
    return images


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
