"""From settings as a command line has them to the attacks of an evaluation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from mmc_tf import attacks as attack_room
from mmc_tf.attacks import Attack
from mmc_tf.attacks.oracle import Model, Oracle, call_model
from mmc_tf.checks import argument_error
from mmc_tf.evaluation.wording import radius
from mmc_tf.models import head_call

CIFAR_EPSILON, OTHER_EPSILON = 8 / 255, 0.3


class AttackOptions(Protocol):
    """The settings of the attacks, under the names of the flags of `eval_attacks.py`."""

    attack: list[str]
    norm: str
    epsilon: list[float] | None
    step_size: float | None
    num_steps: list[int] | None
    num_restarts: int | None
    objective: str | None
    adaptive: bool
    targeted: bool
    iterate: str


def default_epsilon(dataset: str, norm: str) -> float:
    """The radius where none is given: 8/255 on CIFAR (the MMC paper's), 0.3 on the others (Madry's for
    MNIST), linf.

    Raises:
        UserError: in another norm, where the sources agree on none.
    """
    if norm != "linf":
        raise argument_error("epsilon", f"a radius, since {norm} has no default", "None")
    return CIFAR_EPSILON if dataset.startswith("cifar") else OTHER_EPSILON


def name_attack(attack: Attack) -> str:
    """A label that tells the attacks of one evaluation apart: `pgd-50 targeted linf 8/255`."""
    settings = attack.settings()
    num_steps, num_restarts = settings.get("num_steps", 1), settings.get("num_restarts", 1)
    words = (
        attack.name + (f"-{num_steps}" if num_steps > 1 else ""),
        f"x{num_restarts}" if num_restarts > 1 else "",
        attack.objective or ("" if attack.adaptive else "non-adaptive"),
        "targeted" if attack.targeted else "",
        "last" if attack.iterate == "last" else "",
        attack.norm,
        radius(attack.epsilon),
    )
    return " ".join(word for word in words if word)


def plan_attacks(options: AttackOptions, *, dataset: str) -> list[tuple[str, Attack]]:
    """Every attack with every radius and every number of steps, each once, radius by radius.

    Args:
        options: the settings; lists multiply, and None stands for the default of the attack's source.
        dataset: the data set's name, which decides the default radius.

    Returns:
        (label, attack) pairs.

    Raises:
        UserError: for an unknown attack, a norm that an attack does not have, or a value out of range.
    """
    # Every name first, so that a typing error in the third does not speak of the first one's norm.
    for name in options.attack:
        attack_room.get(name)
    epsilons = options.epsilon or [default_epsilon(dataset, options.norm)]
    planned: dict[str, Attack] = {}
    for epsilon, name, num_steps in itertools.product(epsilons, options.attack, options.num_steps or [None]):
        attack = attack_room.make(
            name,
            epsilon=epsilon,
            norm=options.norm,
            step_size=options.step_size,
            num_steps=num_steps,
            num_restarts=options.num_restarts,
            objective=options.objective,
            adaptive=options.adaptive,
            targeted=options.targeted,
            iterate=options.iterate,
        )
        # FGSM has one step whatever --num_steps says.
        planned.setdefault(name_attack(attack), attack)
    return list(planned.items())


def find_head(model: Model, image: np.ndarray) -> Any:
    """The model's head, or None if it has none of ours.

    Args:
        model: the classifier.
        image: one image (H, W, C) float32.
    """
    call = head_call(call_model(model, tf.constant(image[None])))
    return None if call is None else call.head


def check_attacks(model: Model, image: np.ndarray, attacks: Sequence[tuple[str, Attack]]) -> None:
    """Makes sure that there are attacks, that labels tell them apart, and that their objectives fit the
    model.

    Each objective is asked for one gradient, so that a mistake shows before the long work starts.

    Args:
        model: the classifier.
        image: one image (H, W, C) float32.
        attacks: (label, attack) pairs.

    Raises:
        UserError: otherwise; also for targets in a model of one class.
    """
    if not attacks:
        raise argument_error("attacks", "at least one (label, attack)", "none")
    labels = [label for label, _ in attacks]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise argument_error("attacks", "labels that differ", ", ".join(repeated) + " more than once")
    images, label = tf.constant(image[None]), tf.constant([0])
    num_classes = call_model(model, images).shape[-1]
    tried = set()
    for _, attack in attacks:
        key = (attack.objective, attack.adaptive, attack.targeted)
        if key in tried:
            continue
        tried.add(key)
        targets = None
        if attack.targeted:
            targets = attack_room.random_targets(label, num_classes, indices=tf.constant([0]), seed=0)
        Oracle(model, label, targets, choose_objective=attack.choose_objective).evaluate(images)


def describe_attack(label: str, attack: Attack, head: Any) -> str:
    """One line with everything that an attack will do, defaults resolved."""
    settings = attack.settings()
    words = [f"objective {attack.choose_objective(head)}"]
    if settings.get("step_size"):
        words.append(f"step {radius(settings['step_size'])}")
    restarts = settings.get("num_restarts", 1)
    words.append("1 run" if restarts == 1 else f"{restarts} restarts")
    words.append("success at any iterate" if attack.iterate == "any" else "success at the last iterate")
    return f"{label}: {', '.join(words)}"
