"""Cheaper copies of a network to craft on, and whether they can be trusted."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmc_tf.classifier.calling import call_model
from mmc_tf.classifier.outputs import spacing
from mmc_tf.models.folding import folded_copy

CHECKED_IMAGES, FAITHFUL = 4, 1e-3  # how many images, and how far logits may be off, in units of their spread
# How far a copy's verdict on an image may change with the batch around it, in units of the logits' spread.
ROUNDING = {"float32": 1e-4, "bfloat16": 1e-2}


def copies_of(network: Any, precision: str, *, input_range: tuple[float, float]) -> dict[str, Any]:
    """The copies that attacks need: in float32, and in the precision asked for.

    Args:
        network: the network; what cannot be copied (`folded_copy`), or not faithfully, is its own copy.
        precision: `float32` or `bfloat16`.
        input_range: of the values that the network expects.

    Raises:
        UserError: for another precision.
    """
    copies = {each: folded_copy(network, precision=each) for each in dict.fromkeys(["float32", precision])}
    faithful = all(each is network for each in copies.values()) or _is_faithful(
        copies["float32"], network, input_range
    )
    return copies if faithful else dict.fromkeys(copies, network)


def differ(ours: np.ndarray, theirs: np.ndarray, *, tolerance: float = FAITHFUL) -> bool:
    """Whether two passes over the same images (N, L) differ by more than rounding, or in what is not finite.

    Args:
        ours: of one pass.
        theirs: of the other.
        tolerance: what counts as rounding, in units of the logits' spread.
    """
    finite = np.isfinite(theirs)
    if ours.shape != theirs.shape or not np.array_equal(np.isfinite(ours), finite):
        return True
    known = np.where(finite, theirs, 0).astype(np.float64)
    spread = np.ptp(known, axis=1).max(initial=0) if known.ndim == 2 else 0.0
    difference = np.abs(np.where(finite, ours, 0).astype(np.float64) - known).max(initial=0)
    return bool(difference > tolerance * spread + 4 * spacing(theirs) * np.abs(known).max(initial=0))


def _is_faithful(copy: Any, network: keras.Model, input_range: tuple[float, float]) -> bool:
    """Whether two models have the same logits up to rounding; not those that draw at random in every pass."""
    shape = network.input_shape[1:]
    if len(shape) != 3 or None in shape:
        return False
    images = np.random.default_rng(0).uniform(*input_range, size=(CHECKED_IMAGES, *shape)).astype(np.float32)
    ours, theirs, again = (call_model(each, tf.constant(images)).numpy() for each in (copy, network, network))
    if theirs.ndim != 2 or not np.isfinite(theirs).all():
        return False
    return not differ(ours, theirs) and not differ(again, theirs)
