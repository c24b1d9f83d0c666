"""What objectives see of a forward pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from mmc_tf.classifier.structure import origin_of
from mmc_tf.models.heads import head_call
from mmc_tf.models.voting import member_logits


class Scores(NamedTuple):
    """Logits up to one constant per example, and the head that made them.

    Attributes:
        logits: (N, L) shifted logits.
        head: the head that made them, or None for models without one of ours.
        features: (N, d) its inputs, or None.
    """

    logits: tf.Tensor
    head: Any = None
    features: tf.Tensor | None = None


class UnknownHead:
    """Stands for a head that nobody knows on a network where cross-entropy is blind: attacks climb the margin."""

    has_centers = False


UNKNOWN_HEAD = UnknownHead()


def read_scores(logits: tf.Tensor) -> Scores:
    """Reads shifted logits of the head behind logits, or h - max h where there is none.

    The head is found by the graph (`structure.origin_of`), whatever was added to its logits or how they were cast.

    Args:
        logits: (N, L), in the trace in which the model returned them; eager ones as the model returned them.
    """
    origin = origin_of(logits)
    call = head_call(origin.tensor)
    if call is None:
        # Objectives are shift invariant, so no gradient belongs to the shift.
        return Scores(logits - tf.stop_gradient(tf.reduce_max(logits, axis=1, keepdims=True)))
    shifted = call.head.shifted_logits(call.features)
    if origin.factor != 1.0:
        shifted = shifted * tf.cast(origin.factor, shifted.dtype)
    return Scores(shifted, call.head, call.features)


def members_behind(logits: tf.Tensor) -> tuple[tf.Tensor, ...] | None:
    """The logits (N, L) of the K members whose majority vote made `logits`; None for any other classifier."""
    return member_logits(origin_of(logits).tensor)
