"""What an attack on a majority vote sees of its members, and what it may climb there (MMA, Appendix D)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from mmc_tf.attacks.objectives import Objective, best_other, cw, objectives, pick
from mmc_tf.attacks.oracle import Oracle
from mmc_tf.classifier import Scores, members_behind, predict, read_scores


class Member(NamedTuple):
    """One classifier of an ensemble.

    Attributes:
        prediction: (N,) int32, its vote.
        scores: what objectives see of it.
    """

    prediction: tf.Tensor
    scores: Scores


Climb = Callable[[Sequence[Member], tf.Tensor], tf.Tensor]


def read_members(logits: tf.Tensor) -> list[Member]:
    """The members behind a vote's logits (N, L); any other classifier is an ensemble of one."""
    outputs = members_behind(logits) or (logits,)
    return [Member(predict(output), read_scores(output)) for output in outputs]


def sum_of_losses(members: Sequence[Member], labels: tf.Tensor, *, objective: str | None) -> tf.Tensor:
    """Σ_i J(h^i, y), the first strategy.

    Args:
        members: K of them.
        labels: (N,) int32.
        objective: name of J; None: for each member the one that fits its head, since cross-entropy is blind on
            heads of MMC.

    Returns:
        (N,).
    """

    def loss_of(head: Any) -> Objective:
        return objectives.get(objective or getattr(head, "adaptive_objective", "ce"))

    return sum(loss_of(member.scores.head)(member.scores, labels, None) for member in members)


def vote_loss(members: Sequence[Member], labels: tf.Tensor, *, sign: float) -> tf.Tensor:
    """The second strategy: Σ CW(h^i, y) over the members that are still right, while fewer than half are wrong;
    then sign·Σ_i (max_{j≠a} h^i_j - h^i_a) over all, with a the most frequent wrong label, the lowest of several.

    Args:
        members: K of them.
        labels: (N,) int32.
        sign: 1 as the paper states it, which leads away from a; -1 leads towards it.

    Returns:
        (N,).
    """
    predictions = tf.stack([member.prediction for member in members])
    wrong = tf.not_equal(predictions, labels)
    num_classes = members[0].scores.logits.shape[-1]
    counts = tf.reduce_sum(tf.one_hot(predictions, num_classes) * tf.cast(wrong, tf.float32)[:, :, None], 0)
    common = tf.argmax(counts, axis=-1, output_type=tf.int32)
    # `cw` is 0, with zero gradient, for a member that is wrong.
    still_right = sum(cw(member.scores, labels) for member in members)
    leads = sum(
        best_other(member.scores.logits, common) - pick(member.scores.logits, common) for member in members
    )
    few = 2 * tf.reduce_sum(tf.cast(wrong, tf.int32), axis=0) < len(members)
    return tf.where(few, still_right, sign * leads)


class MembersOracle(Oracle):
    """An oracle that answers for the vote, and differentiates what the members say.

    Args:
        climb: from members and labels (N,) to what is climbed, (N,).
    """

    def __init__(self, *args: Any, climb: Climb, **settings: Any):
        super().__init__(*args, **settings)
        self._climb = climb

    def _forward(self, images, labels, targets, objective):
        reading = self._model.read(images)
        return reading, self._climb(read_members(reading.logits), labels)
