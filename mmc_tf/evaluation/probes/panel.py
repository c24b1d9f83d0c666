"""Which short attacks look for what the attacks asked for may have missed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmc_tf.attacks import Attack, Ensemble, Source, make
from mmc_tf.attacks.oracle import Model
from mmc_tf.checks import falls_short
from mmc_tf.evaluation.diagnostics.finding import FIXED_STEPS, STRONG
from mmc_tf.evaluation.plan import CIFAR_EPSILON, OTHER_EPSILON, count_classes_of, find_head
from mmc_tf.evaluation.probes.gradients import is_differentiable

Labelled = Sequence[tuple[str, Attack]]

EXAMPLES = 100  # that are probed
TARGETS, LEAST_CLASSES = 3, 4  # APGD-T's, and what its objective needs
STEPS, CURVE_STEPS, QUERIES, DRAWS = 20, 10, 200, 20
BLACK_BOX = frozenset({"square", "spsa"})


@dataclasses.dataclass(frozen=True)
class Probe:
    """A short attack and whom it is asked about.

    Attributes:
        name: `margin`, `cross_entropy`, `targets`, `one_step`, `square`, `noise`, `surrogate`, or `curve`.
        words: what is run, in words.
        attack: what is run.
        on_survivors: asked only about what every attack with gradients left.
    """

    name: str
    words: str
    attack: Attack
    on_survivors: bool = False


@dataclasses.dataclass(frozen=True)
class Panel:
    """The probes of one diagnosis.

    Attributes:
        headline: (label, attack) that is examined.
        probes: in the order in which they run.
        answered: of each probe that is left out, the label of the attack that answers its question.
    """

    headline: tuple[str, Attack]
    probes: tuple[Probe, ...]
    answered: dict[str, str]


def default_attack(image_channels: int) -> Attack:
    """What is examined where no attack has a radius: PGD-10 within 8/255 (colour) or 0.3 (grey), linf."""
    return make("pgd", epsilon=CIFAR_EPSILON if image_channels == 3 else OTHER_EPSILON)


def choose_headline(attacks: Labelled, image_channels: int) -> tuple[str, Attack]:
    """The first attack with a radius (`verdict.find_headline`), or `default_attack` under `PGD-10`."""
    for label, attack in attacks:
        if attack.epsilon is not None:
            return label, attack
    return "PGD-10", default_attack(image_channels)


def plan_panel(
    attacks: Labelled,
    *,
    head: Any,
    num_classes: int,
    image_channels: int,
    surrogate: Source | None,
    differentiable: bool = True,
) -> Panel:
    """The probes whose questions no attack answers within the headline's ball.

    Args:
        attacks: (label, attack) pairs that were asked for.
        head: of the network, or None.
        num_classes: L.
        image_channels: C.
        surrogate: another network to craft on, or None.
        differentiable: whether the network has gradients; without, only probes that need none are left.
    """
    label, headline = choose_headline(attacks, image_channels)
    norm, epsilon = headline.norm, headline.epsilon
    ball = {"norm": norm, "epsilon": epsilon}
    inside = [(name, each) for name, each in attacks if (each.norm, each.epsilon) == (norm, epsilon)]
    ran = {kind: name for name, attack in reversed(inside) for kind in kinds_of(attack, num_classes)}
    objective = climbed_objective(headline, head)
    probes = [
        Probe(name, f"PGD-{STEPS} on {climbed}", make("pgd", num_steps=STEPS, objective=climbed, **ball))
        for name, climbed in (("margin", margin_of(head)), ("cross_entropy", "ce"))
    ]
    if num_classes >= LEAST_CLASSES:
        words = f"APGD-T with {STEPS} steps towards {TARGETS} classes"
        probes.append(Probe("targets", words, make("apgd_t", num_steps=STEPS, num_targets=TARGETS, **ball)))
    if headline.name in FIXED_STEPS and headline.settings().get("num_steps", 1) > 1 and not headline.targeted:
        probes.append(Probe("one_step", f"FGSM on {objective}", make("fgsm", objective=objective, **ball)))
    probes += [
        Probe("square", f"Square with {QUERIES} queries", make("square", num_queries=QUERIES, **ball), True),
        Probe(
            "noise",
            f"{DRAWS} random points of the ball",
            make("pgd", num_steps=0, num_restarts=DRAWS, **ball),
            True,
        ),
    ]
    if surrogate is not None and norm != "l1":
        crafted = make("transfer", source=surrogate, **ball)
        probes.append(Probe("surrogate", "images crafted on a linear imitation of it", crafted, True))
    probes += [
        Probe(
            "curve",
            f"PGD-{CURVE_STEPS} on {objective}",
            make("pgd", epsilon=radius, num_steps=CURVE_STEPS, objective=objective),
        )
        for radius in curve_radii(epsilon if norm == "linf" else CIFAR_EPSILON)
    ]
    answers = {
        "margin": _first(ran, STRONG),
        "targets": _first(ran, STRONG),
        "cross_entropy": ran.get("apgd_ce") if "apgd_t" in ran else None,
        "one_step": next(
            (
                name
                for name, each in inside
                if each.name == "fgsm" and climbed_objective(each, head) == objective
            ),
            None,
        ),
        "square": ran.get("square"),
        "noise": _first(ran, BLACK_BOX),
        "surrogate": ran.get("transfer"),
        "curve": next((name for name, each in attacks if answers_curve(each)), None),
    }
    asked = tuple(
        probe
        for probe in probes
        if answers[probe.name] is None and (differentiable or not probe.attack.differentiates)
    )
    left_out = {probe.name: answers[probe.name] for probe in probes if answers[probe.name] is not None}
    return Panel((label, headline), asked, left_out)


def describe_panel(attacks: Labelled, model: Model, image: np.ndarray) -> str:
    """One line with the probes of a diagnosis: `100 images: PGD-20 on margin, …`.

    Args:
        attacks: (label, attack) pairs that were asked for.
        model: the classifier.
        image: one image (H, W, C) float32.
    """
    stand_in = Source("none", model)  # the true one, made of predictions, costs a pass over a thousand images
    panel = plan_panel(
        attacks,
        head=find_head(model, image),
        num_classes=count_classes_of(model, image),
        image_channels=image.shape[-1],
        surrogate=stand_in,
        differentiable=is_differentiable(model, image),
    )
    words = list(dict.fromkeys(probe.words for probe in panel.probes if probe.name != "curve"))
    curve = [f"{probe.words} at growing radii up to 1" for probe in panel.probes if probe.name == "curve"]
    return f"on {EXAMPLES} images, for {panel.headline[0]}: {', '.join([*words, *curve[:1]])}"


def kinds_of(attack: Attack, num_classes: int) -> set[str]:
    """The name of an attack, or those of an ensemble's stages; not of those whose steps are too short for the ball,
    which answer nothing."""
    stages = attack.stages(num_classes) if isinstance(attack, Ensemble) else ((attack.name, attack),)
    return {stage.name for _, stage in stages if not falls_short(stage.reach(), stage.epsilon)}


def margin_of(head: Any) -> str:
    """The objective that sees most on a head."""
    return "mmc_margin" if getattr(head, "has_centers", False) else "margin"


def climbed_objective(attack: Attack, head: Any) -> str:
    """What an attack climbs; the margin for one that climbs nothing PGD could."""
    return attack.choose_objective(head) if attack.takes_objective else margin_of(head)


def curve_radii(epsilon: float) -> list[float]:
    """ε and its doubles below 1, at most six, and 1.

    Example:
        >>> curve_radii(0.3)
        [0.3, 0.6, 1.0]
    """
    radii = []
    while epsilon < 1 and len(radii) < 6:
        radii.append(epsilon)
        epsilon *= 2
    return [*radii, 1.0]


def answers_curve(attack: Attack) -> bool:
    """Whether an attack of many steps was asked for at a linf radius of 1 or more."""
    one_step = attack.name == "fgsm"
    weak = one_step or falls_short(attack.reach(), attack.epsilon)
    return attack.norm == "linf" and (attack.epsilon or 0) >= 1 and attack.differentiates and not weak


def _first(ran: dict[str, str], kinds: frozenset[str]) -> str | None:
    return next((label for kind, label in ran.items() if kind in kinds), None)
