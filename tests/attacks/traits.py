"""What the contract test knows of each attack. A new attack needs one entry here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from mmc_tf import attacks


@dataclass(frozen=True)
class Traits:
    """Facts about an attack.

    Attributes:
        settings: cheap settings for the tests.
        random: the result depends on the seed.
        scale_free: a factor on all logits changes nothing.
        adds_steps: settings that only make the attack stronger, weakest first.
        members: of an ensemble, the attacks it is made of here.
        own_classes: knows the classes from elsewhere than the model, so that renaming the model's is no disguise.
        breaks_box: breaks all examples of a linear model when the ball holds the whole box.
        chance_radius: multiple of a small radius from which on the attack finds something, and so shows its seed.
        rounding: how far its images may move where a constant of 500 rounds the logits.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    random: bool = False
    scale_free: bool = True
    adds_steps: tuple[dict[str, Any], ...] = ()
    members: tuple[str, ...] = ()
    own_classes: bool = False
    breaks_box: bool = True
    chance_radius: float = 1.0
    rounding: float = 1e-6


def twin(images):
    """A linear classifier of the size of the test's networks, for attacks that transfer."""
    kernel = np.random.default_rng(11).normal(size=(72, 4)).astype(np.float32)
    return tf.reshape(images, (-1, 72)) @ kernel


STEPS = tuple({"num_steps": steps} for steps in (1, 5, 20))

TRAITS: dict[str, Traits] = {
    "fgsm": Traits(),
    "bim": Traits(settings={"num_steps": 4}, adds_steps=STEPS),
    "pgd": Traits(
        settings={"num_steps": 4},
        random=True,
        adds_steps=(*STEPS, {"num_steps": 20, "num_restarts": 2}, {"num_steps": 20, "num_restarts": 4}),
    ),
    "mim": Traits(settings={"num_steps": 4}, adds_steps=STEPS),
    "cw": Traits(
        settings={"num_steps": 15, "binary_search_steps": 3, "learning_rate": 0.05, "initial_const": 1.0},
        scale_free=False,
    ),
    "ead": Traits(
        settings={"num_steps": 15, "binary_search_steps": 3, "initial_const": 1.0}, scale_free=False
    ),
    "ddn": Traits(settings={"num_steps": 10}),
    "deepfool": Traits(adds_steps=tuple({"num_steps": steps} for steps in (0, 1, 5))),
    "fab": Traits(
        rounding=1e-5,
        settings={"num_steps": 6},
        adds_steps=(*STEPS, *({"num_restarts": runs} for runs in (1, 2, 4))),
    ),
    "fab_t": Traits(
        rounding=1e-5,
        settings={"num_steps": 6, "num_targets": 2},
        adds_steps=(*STEPS, *({"num_targets": targets} for targets in (1, 2, 3))),
    ),
    "an_pgd": Traits(
        settings={"num_steps": 8, "num_bisections": 8}, random=True, scale_free=False, adds_steps=STEPS
    ),
    "spsa": Traits(
        # Long probes: over short ones the rounding of large logits counts for more.
        settings={"num_steps": 4, "samples": 32, "learning_rate": 0.02, "delta": 0.1},
        random=True,
        adds_steps=tuple({"samples": samples, "num_steps": 10} for samples in (8, 64, 512)),
        breaks_box=False,  # goes no farther than num_steps * learning_rate
    ),
    "square": Traits(
        settings={"num_queries": 60},
        random=True,
        chance_radius=2.0,
        adds_steps=(
            *({"num_queries": queries} for queries in (1, 20, 400)),
            {"num_queries": 400, "num_restarts": 3},
        ),
    ),
    "gaussian": Traits(settings={"sigma": 0.2}, random=True),
    "rotation": Traits(settings={"worst_of": 3}, random=True),
    "apgd_ce": Traits(
        settings={"num_steps": 8},
        random=True,
        chance_radius=2.0,
        scale_free=False,
        adds_steps=(*STEPS, {"num_steps": 20, "num_restarts": 3}),
        rounding=5e-5,  # the gradient of cross-entropy follows the softmax continuously
    ),
    "apgd_dlr": Traits(
        settings={"num_steps": 8},
        random=True,
        chance_radius=2.0,
        adds_steps=(*STEPS, {"num_steps": 20, "num_restarts": 3}),
    ),
    "apgd_t": Traits(
        settings={"num_steps": 8},
        random=True,
        chance_radius=2.0,
        adds_steps=tuple({"num_steps": 10, "num_targets": targets} for targets in (1, 2, 3)),
    ),
    "slide": Traits(settings={"num_steps": 4}),
    # On an ensemble of one.
    "vote_pgd": Traits(settings={"num_steps": 4, "strategy": "cw"}, random=True, adds_steps=STEPS),
    "mt_pgd": Traits(
        settings={"num_steps": 6},
        random=True,
        adds_steps=tuple({"num_steps": 10, "num_targets": targets} for targets in (1, 2, 3)),
    ),
}
TRAITS |= {
    "autoattack": Traits(
        settings={"num_iterations": 5, "num_queries": 20},
        random=True,
        rounding=5e-5,
        scale_free=False,
        adds_steps=tuple({"num_iterations": n, "num_queries": 10 * n} for n in (1, 5, 20)),
    ),
    "transfer": Traits(
        settings={"num_steps": 4, "source": attacks.Source("twin", twin)},
        random=True,
        breaks_box=False,
        own_classes=True,
    ),
    "worst": Traits(members=("bim", "fab_t", "pgd"), random=True),
}

CASES = [(name, norm) for name in attacks.names() for norm in attacks.get(name).norms]
FIXED = [case for case in CASES if attacks.get(case[0]).radius == "fixed"]
JUDGED = [case for case in CASES if attacks.get(case[0]).radius != "none"]
TARGETED = [case for case in CASES if attacks.get(case[0]).can_target]
RADII = {"linf": 0.08, "l2": 0.6, "l1": 2.0}
# Several compiled attacks each, whose members have cases of their own: one norm shows what joining them does.
SLOW = [case for case in CASES if issubclass(attacks.get(case[0]), attacks.Ensemble) and case[1] != "linf"]


def parameters(cases: list[tuple[str, str]]) -> list[Any]:
    """Cases for `parametrize`, the slow ones marked."""
    return [pytest.param(*case, marks=pytest.mark.slow) if case in SLOW else case for case in cases]


def on_both_heads(cases: list[tuple[str, str]]) -> list[Any]:
    """Cases with the head before them: on the dense one all but a few attacks in their first norm are slow tests."""
    pairs = [(head, *case) for head in ("dense", "mmc") for case in cases]
    common = {("dense", name, attacks.get(name).norms[0]) for name in ("cw", "fgsm", "pgd", "spsa")}
    rare = [pair for pair in pairs if pair[0] == "dense" and pair not in common]
    slow = {*rare, *((head, *case) for head in ("dense", "mmc") for case in SLOW)}
    return [pytest.param(*pair, marks=pytest.mark.slow) if pair in slow else pair for pair in pairs]


def build(name: str, norm: str, **settings: Any) -> attacks.Attack:
    """The attack with its cheap settings and a radius that breaks some examples of the small models."""
    kind = attacks.get(name)
    objective = {"objective": "margin"} if kind.takes_objective else {}
    merged = {"epsilon": RADII[norm], **objective, **TRAITS[name].settings, **settings}
    if TRAITS[name].members:
        shared = {key: value for key, value in settings.items() if key != "objective"}
        known = [member for member in TRAITS[name].members if norm in attacks.get(member).norms]
        merged["members"] = tuple(build(member, norm, **shared) for member in known)
    if kind.radius == "none":
        del merged["epsilon"]
    return attacks.make(name, norm=norm, **merged)
