"""This library's contenders: the same attack on the network as it is, on a folded copy, and on one in bfloat16."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from mmc_tf.attacks import Attack, AutoAttack
from mmc_tf.classifier import Classifier
from speed.contest import Contender, timed
from speed.network import Subject

TINY = 1e-6  # a radius at which nothing breaks early, so that every stage of an ensemble is compiled


def in_batches(attack: Attack, model: Any, subject: Subject, batch_size: int) -> Callable[[], np.ndarray]:
    """Attacks a subject's images batch by batch, as one's own program would."""

    def run() -> np.ndarray:
        starts = range(0, len(subject.images), batch_size)
        return np.concatenate(
            [
                attack(
                    model,
                    subject.images[start : start + batch_size],
                    subject.labels[start : start + batch_size],
                    indices=np.arange(start, min(start + batch_size, len(subject.images))),
                ).adversarial
                for start in starts
            ]
        )

    return run


def shortened(attack: Attack) -> Attack:
    """The attack with numbers that cost least and are compiled alike: counts and radius are tensors."""
    if isinstance(attack, AutoAttack):
        return dataclasses.replace(attack, epsilon=TINY, num_iterations=1, num_queries=2)
    changes = {"num_steps": 1} if hasattr(attack, "num_steps") else {}
    return dataclasses.replace(attack, **changes)


def models_of(subject: Subject) -> dict[str, Any]:
    """What our contenders attack, by name."""
    return {
        "as is": subject.model,
        "folded": Classifier.of(subject.model).crafting(),
        "bfloat16": Classifier.of(subject.model).crafting("bfloat16"),
    }


def contender(name: str, attack: Attack, model: Any, subject: Subject, batch_size: int) -> Contender:
    """One of ours.

    Args:
        name: what is shown.
        attack: the attack.
        model: the network or one with a copy; both are compiled before the clock runs.
        subject: network and images.
        batch_size: of a call.
    """

    def prepare() -> None:
        each_shape = subject.part(min(batch_size, len(subject.images)))
        for each in {id(value): value for value in (model, getattr(model, "network", model))}.values():
            in_batches(shortened(attack), each, each_shape, batch_size)()

    run = in_batches(attack, model, subject, batch_size)
    return Contender(name, lambda: timed(run), prepare, ours=True)
