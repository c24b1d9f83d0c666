"""From settings as a command line has them to the attacks of an evaluation."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from mmc_tf import attacks as attack_room
from mmc_tf.attacks import Attack, Ensemble, Source
from mmc_tf.attacks.arguments import check_call
from mmc_tf.attacks.blindness import MOST_IMAGES, settle_blindness
from mmc_tf.attacks.oracle import Model
from mmc_tf.attacks.transfer import METHODS, Transfer
from mmc_tf.attacks.vote_pgd import STRATEGIES
from mmc_tf.checks import argument_error, check_epsilon, falls_short
from mmc_tf.classifier import Classifier, look_at
from mmc_tf.classifier.look import check_finite
from mmc_tf.data import Split
from mmc_tf.evaluation.presets import Subject, find_entries
from mmc_tf.evaluation.wording import radius

CIFAR_EPSILON, OTHER_EPSILON = 8 / 255, 0.3
# Attacks that are run with every value of a field, unless one is chosen.
_ALL_OF = {"transfer": ("method", METHODS), "vote_pgd": ("strategy", STRATEGIES)}


class AttackOptions(Protocol):
    """The settings of the attacks, under the names of the flags of `eval_attacks.py`.

    A setting that only one attack has is an attribute with the attack's name before it: `spsa_samples`.
    """

    attack: list[str]
    preset: str | None
    norm: str | None
    epsilon: list[float] | None
    step_size: float | None
    num_steps: list[int] | None
    num_restarts: int | None
    random_start: bool | None
    decay: float | None
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
        *attack.details(),
        (attack.objective or ("" if attack.adaptive else "non-adaptive")) if attack.takes_objective else "",
        "targeted" if attack.targeted else "",
        "last" if attack.iterate == "last" and attack.takes_iterate else "",
        attack.norm if attack.radius != "none" else "",
        "" if attack.epsilon is None else radius(attack.epsilon),
    )
    return " ".join(word for word in words if word)


def plan_attacks(
    options: AttackOptions,
    *,
    dataset: str,
    sources: Sequence[Source] = (),
    head: Any = None,
    is_vote: bool = False,
) -> list[tuple[str, Attack]]:
    """Every attack with every radius and every number of steps, each once, radius by radius.

    Args:
        options: the settings; lists multiply, and None stands for the default of the attack's source.
        dataset: the data set's name, which decides the default radius.
        sources: the networks that transfer attacks are crafted on.
        head: of the network attacked, or None: some presets depend on whether it has centers.
        is_vote: whether the network is an ensemble.

    Returns:
        (label, attack) pairs. `worst` among the attacks takes all others of its ball as its members.

    Raises:
        UserError: for an unknown attack, a norm that an attack does not have, or a value out of range.
    """
    # Every name first, so that a typing error in the third does not speak of the first one's norm.
    for name in options.attack:
        attack_room.get(name)
    if options.preset is not None:
        subject = Subject(dataset, getattr(head, "adaptive_objective", "ce"), is_vote)
        return _labelled(_make_entry(entry) for entry in find_entries(options, subject))
    names = [name for name in options.attack if name != "worst"]
    planned = []
    for epsilon in options.epsilon or [None]:
        members = [
            attack
            for name, num_steps in itertools.product(names, options.num_steps or [None])
            for attack in _make(name, options, epsilon, num_steps, dataset, sources)
        ]
        planned += _worst_of(members, options, epsilon, dataset) if "worst" in options.attack else members
    return _labelled(planned)


def _labelled(attacks: Iterable[Attack]) -> list[tuple[str, Attack]]:
    """Each attack once under its label: FGSM has one step whatever `num_steps` says."""
    labelled: dict[str, Attack] = {}
    for attack in attacks:
        labelled.setdefault(name_attack(attack), attack)
    return list(labelled.items())


def _make(
    name: str,
    options: AttackOptions,
    epsilon: float | None,
    num_steps: int | None,
    dataset: str,
    sources: Sequence[Source],
) -> list[Attack]:
    """The attack of that name with the options' settings; one per source and method for `transfer`, one per
    strategy for `vote_pgd`."""
    kind = attack_room.get(name)
    norm = options.norm or kind.norms[0]
    if epsilon is None and kind.radius == "fixed":
        epsilon = default_epsilon(dataset, norm)
    settings = {
        "norm": norm if kind.radius != "none" else kind.norms[0],
        "epsilon": epsilon if kind.radius != "none" else None,
        "step_size": options.step_size,
        "num_steps": num_steps,
        "num_restarts": options.num_restarts,
        "random_start": options.random_start,
        "decay": options.decay,
        "objective": options.objective if kind.takes_objective else None,
        "adaptive": options.adaptive,
        "targeted": options.targeted if kind.can_target else False,
        "iterate": options.iterate,
    }
    prefix = kind.family or name
    own = {field.name: getattr(options, f"{prefix}_{field.name}", None) for field in dataclasses.fields(kind)}
    settings |= {key: value for key, value in own.items() if value is not None}
    variants = [{"source": source} for source in sources] if name == "transfer" else [{}]
    if name in _ALL_OF:
        field, values = _ALL_OF[name]
        chosen = [settings.pop(field)] if field in settings else values
        variants = [variant | {field: value} for variant in variants for value in chosen]
    return [attack_room.make(name, **settings, **variant) for variant in variants]


def _worst_of(
    members: list[Attack], options: AttackOptions, epsilon: float | None, dataset: str
) -> list[Attack]:
    """One `worst` per ball of the members, before the attacks without a ball; of its own members if none."""
    balls: dict[tuple[str, float], list[Attack]] = {}
    for member in members:
        if member.epsilon is not None:
            balls.setdefault((member.norm, member.epsilon), []).append(member)
    if not members:
        norm = options.norm or "linf"
        balls[norm, epsilon or default_epsilon(dataset, norm)] = []
    worst = [
        attack_room.make("worst", norm=norm, epsilon=radius, members=tuple(group))
        for (norm, radius), group in balls.items()
    ]
    return worst + [member for member in members if member.epsilon is None]


def _make_entry(entry: Mapping[str, Any]) -> Attack:
    return attack_room.make(
        entry["attack"], **{key: value for key, value in entry.items() if key != "attack"}
    )


def find_head(model: Model, image: np.ndarray) -> Any:
    """The model's head, or None if it has none of ours.

    Args:
        model: the classifier.
        image: one image (H, W, C) float32.
    """
    classifier = Classifier.of(model)
    look_at(classifier, image[None])
    return classifier.head


def settle_objectives(model: Model, attacks: Sequence[tuple[str, Attack]], split: Split) -> None:
    """Finds out whether cross-entropy is blind on networks whose head is not known, by the first images of a split.

    The same images for every shard and after every kill, so that all climb the same.

    Args:
        model: the classifier.
        attacks: (label, attack) pairs, whose sources are asked, too.
        split: the data set, which may begin elsewhere than what is evaluated.
    """
    some = split.part(0, min(MOST_IMAGES, len(split)))
    images, labels = some.as_float(), np.asarray(some.labels, np.int32)
    sources = [attack.source.model for _, attack in attacks if isinstance(attack, Transfer)]
    for classifier in map(Classifier.of, [model, *sources]):
        look_at(classifier, images)
        settle_blindness(classifier, images, labels)


def head_climbed(model: Model, attack: Attack, image: np.ndarray) -> Any:
    """The head that decides an attack's objective: the source's for transfer; `UNKNOWN_HEAD` where it is needed.

    Args:
        model: the classifier that is attacked.
        attack: the attack.
        image: one image (H, W, C) float32.
    """
    classifier = Classifier.of(attack.source.model if isinstance(attack, Transfer) else model)
    look_at(classifier, image[None])
    return classifier.climbed_head


def check_attacks(model: Model, image: np.ndarray, attacks: Sequence[tuple[str, Attack]]) -> None:
    """Makes sure that there are attacks, that labels tell them apart, and that their objectives fit the
    model.

    Each objective is asked for one gradient, so that a mistake shows before the long work starts.

    Args:
        model: the classifier.
        image: one image (H, W, C) float32.
        attacks: (label, attack) pairs.

    Raises:
        UserError: otherwise; also for targets in a model of one class, and a model that returns NaN or what is no
            (N, L) at all.
    """
    if not attacks:
        raise argument_error("attacks", "at least one (label, attack)", "none")
    labels = [label for label, _ in attacks]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise argument_error("attacks", "labels that differ", ", ".join(repeated) + " more than once")
    for _, attack in attacks:
        check_epsilon("epsilon", attack.epsilon, norm=attack.norm)
    images, label = image[None], np.zeros(1, np.int32)
    plain = {"indices": None, "seed": 0, "targets": None, "active": None}
    classifier = Classifier.of(model)
    batches = [
        check_call(classifier, images, label, **plain, targeted=attack.targeted) for _, attack in attacks
    ]
    check_finite(classifier.logits(images).numpy())
    for (_, attack), batch in zip(attacks, batches, strict=True):
        attack.check_model(classifier, batch)


def count_classes_of(model: Model, image: np.ndarray) -> int:
    """L, asked of the model with one image (H, W, C)."""
    return look_at(Classifier.of(model), image[None])


def describe_attack(label: str, attack: Attack, head: Any, num_classes: int) -> str:
    """One line with everything that an attack will do, defaults resolved."""
    settings = attack.settings()
    words = [f"objective {attack.choose_objective(head)}"] if attack.takes_objective else []
    if settings.get("step_size"):
        words.append(f"step {radius(settings['step_size'])}")
    restarts = settings.get("num_restarts", 1)
    words.append("1 run" if restarts == 1 else f"{restarts} restarts")
    if isinstance(attack, Ensemble):
        words = [", then ".join(name for name, _ in attack.stages(num_classes)) + " on survivors"]
    elif attack.radius == "least":
        words.append("least distance" + ("" if attack.epsilon is None else ", judged within epsilon"))
    elif attack.radius == "fixed" and attack.takes_objective and attack.takes_iterate:
        words.append("success at any iterate" if attack.iterate == "any" else "success at the last iterate")
    stages = attack.stages(num_classes) if isinstance(attack, Ensemble) else (("", attack),)
    words += [
        f"UNREACHABLE_RADIUS: {name or 'its'} steps together cover {radius(each.reach())} of {radius(each.epsilon)}"
        for name, each in stages
        if falls_short(each.reach(), each.epsilon)
    ]
    return f"{label}: {', '.join(words)}"
