"""The runs of PGD that the protocol makes on one network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks import PGD, VotePGD
from mmc_tf.attacks.base import as_tensors
from mmc_tf.attacks.judging import distances, is_valid, is_within
from mmc_tf.attacks.norms import random_directions
from mmc_tf.attacks.oracle import Model
from mmc_tf.attacks.projections import clip_box
from mmc_tf.classifier import Classifier, predict
from mmc_tf.evaluation.mma.settings import Protocol


class _SphereStart:
    """PGD that starts on the sphere in l2, and uniformly in the ball in linf."""

    def start(self, images, *, indices, seed, restart, tunables) -> tf.Tensor:
        """x_0 = clip01(x + ε·u/‖u‖₂), u Gaussian (AdverTorch: x + u uniform in the box, cut to the ball)."""
        if self.norm != "l2":
            return super().start(images, indices=indices, seed=seed, restart=restart, tunables=tunables)
        directions = random_directions(images, indices, norm="l2", seed=seed, stream=restart)
        return clip_box(images + tunables["epsilon"] * directions)


@dataclass(frozen=True, kw_only=True)
class SpherePGD(_SphereStart, PGD):
    """`PGD` from the sphere."""


@dataclass(frozen=True, kw_only=True)
class SphereVotePGD(_SphereStart, VotePGD):
    """`VotePGD` from the sphere."""


Run = PGD | VotePGD


def plan_runs(protocol: Protocol, head: Any, *, is_vote: bool) -> list[Run]:
    """The runs on a network, in their order, at the protocol's first radius.

    Args:
        protocol: the settings.
        head: of the network, or None.
        is_vote: whether it is an ensemble: then N runs on the members' summed losses, and as many on the vote with
            each sign of the paper's second strategy.
    """
    epsilon = protocol.epsilons[0]
    shared = {
        "epsilon": epsilon,
        "norm": protocol.norm,
        "step_size": protocol.step_size(epsilon),
        "num_steps": protocol.num_steps,
        "iterate": "last",
    }
    objectives = protocol.objectives()
    if is_vote:
        signs = [sign for sign in ("away", "towards") for _ in objectives]
        strategies = [*objectives, *signs]
        return [SphereVotePGD(**shared, strategy=name, adaptive=protocol.adaptive) for name in strategies]
    # Cross-entropy is blind on some heads, which know what to climb in its place.
    own = getattr(head, "adaptive_objective", "ce") if protocol.adaptive else "ce"
    return [SpherePGD(**shared, objective=own if name == "ce" else name) for name in objectives]


def within(run: Run, protocol: Protocol, epsilon: float) -> Run:
    """The run at another radius; it takes no new trace."""
    return dataclasses.replace(run, epsilon=epsilon, step_size=protocol.step_size(epsilon))


def seed_of(seed: int, number: int) -> int:
    """The seed of a network's run by its number: other starts for each run, the same for each network."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def craft(
    run: Run,
    model: Classifier,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    indices: np.ndarray,
    seed: int,
    active: np.ndarray,
) -> np.ndarray:
    """The last iterates, (N, H, W, C), also of images that the network misclassifies: they may fool others.

    Args:
        run: what is run.
        model: the network, `crafting` on a copy.
        images: (N, H, W, C) float32.
        labels: (N,) int32.
        indices: (N,) int64 in the data set.
        seed: integer >= 0.
        active: (N,) bool; the others come back unchanged and cost nothing.
    """
    arguments = (
        tf.constant(images),
        tf.constant(labels),
        tf.constant(indices, tf.int64),
        tf.constant(seed, tf.int64),
        tf.constant(active),
        as_tensors(run.tunables()),
    )

    def crafted(model, images, labels, indices, seed, active, tunables):
        oracle = run.oracle(model, labels, None)
        settings = {"indices": indices, "seed": seed, "tunables": tunables, "clean": None, "active": active}
        return run.run(oracle, images, **settings).adversarial

    copy, _ = model.copy_for(run)
    return copy.compiled(("mma", *run.static_key()), crafted, arguments)(*arguments).numpy()


def judge(
    models: Sequence[Model],
    adversarial: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    norm: str,
    epsilon: float,
) -> np.ndarray:
    """Which images fool which network, (M, N) bool: finite, in the box, within ε, and misclassified."""
    asked = tf.constant(adversarial)
    distance = distances(adversarial, images, norm=norm)
    inside = is_within(distance, norm=norm, epsilon=epsilon)
    verdicts = []
    for model in models:
        prediction = predict(Classifier.of(model).logits(asked)).numpy()
        verdicts.append(inside & is_valid(adversarial, distance) & (prediction != labels))
    return np.stack(verdicts)
