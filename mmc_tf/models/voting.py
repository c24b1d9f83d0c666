"""A classifier that predicts by the vote of others, as an ordinary model from images to logits."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mmc_tf.checks import argument_error
from mmc_tf.models.heads import head_call

_TAG = "_mmc_tf_member_logits"
LEAST_MEMBERS = 2


def member_logits(logits: Any) -> tuple[Any, ...] | None:
    """The members' logits, K of (N, L), whose vote made `logits`; None if no `MajorityVote` made them."""
    return getattr(logits, _TAG, None)


@keras.saving.register_keras_serializable("mmc_tf")
class MajorityVote(keras.layers.Layer):
    """h_l = v_l - max v + 2^-k·Σ_i softmax(h^i)_l, 2^k > K, with v_l members of K that predict l.

    Its arg max is the majority's label, and of labels with as many votes the one with the largest sum of
    softmax scores (Ding et al., "MMA Training", ICLR 2020, Appendix D). In floating point too: the sum of scores
    of the labels in front is scaled by a power of two and shifted by nothing, and never makes up for a vote.

    It has no gradient: that of the votes is 0 everywhere, and that of the scores is not the vote's. Attacks along
    gradients look at the members (`member_logits`).

    Input shape: K tensors (N, L). Output shape: (N, L).
    """

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, members):
        """The logits (N, L) of the vote."""
        num_classes = members[0].shape[-1]
        votes = sum(ops.one_hot(ops.argmax(logits, axis=-1), num_classes) for logits in members)
        scores = ops.stop_gradient(sum(ops.softmax(_differences(logits), axis=-1) for logits in members))
        share = 2.0 ** -math.ceil(math.log2(len(members) + 1))
        logits = votes - ops.max(votes, axis=-1, keepdims=True) + share * scores
        if not isinstance(logits, keras.KerasTensor):
            with contextlib.suppress(AttributeError):  # arrays that JAX traces take no attributes
                setattr(logits, _TAG, tuple(members))
        return logits

    def compute_output_shape(self, input_shape):
        """(N, L)."""
        return input_shape[0]


def _differences(logits: Any) -> Any:
    """Logits up to a constant per example, by the head that made them: those near -1e5 are coarse."""
    call = head_call(logits)
    return logits if call is None else call.head.shifted_logits(call.features)


def build_ensemble(members: Sequence[keras.Model], *, name: str = "ensemble") -> keras.Model:
    """The majority vote of classifiers for the same images and classes; it shares their weights.

    Args:
        members: two models or more, images (N, H, W, C) to logits (N, L).
        name: of the model.

    Raises:
        UserError: for fewer members, or members that differ in images or classes.

    Example:
        >>> from mmc_tf.models import build_classifier
        >>> members = [build_classifier("lenet5", input_shape=(8, 8, 1), num_classes=3, head="dense") for _ in "AB"]
        >>> build_ensemble(members).output_shape
        (None, 3)
    """
    if len(members) < LEAST_MEMBERS:
        raise argument_error("ensemble", f"{LEAST_MEMBERS} members or more", f"{len(members)}")
    for kind in ("input_shape", "output_shape"):
        shapes = [tuple(getattr(member, kind)[1:]) for member in members]
        if len(set(shapes)) > 1:
            what = "images" if kind == "input_shape" else "classes"
            raise argument_error("ensemble", f"members for the same {what}", " and ".join(map(str, shapes)))
    shape = members[0].input_shape[1:]
    inputs = keras.Input(shape)
    # Layers of one model need names that differ, and members of two runs often have the same.
    wrapped = [_renamed(member, shape, f"member_{number}") for number, member in enumerate(members)]
    return keras.Model(inputs, MajorityVote()([member(inputs) for member in wrapped]), name=name)


def _renamed(model: keras.Model, shape: tuple[int | None, ...], name: str) -> keras.Model:
    inputs = keras.Input(shape)
    return keras.Model(inputs, model(inputs), name=name)
