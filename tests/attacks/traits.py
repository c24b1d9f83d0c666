"""What the contract test knows of each attack. A new attack needs one entry here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mmc_tf import attacks


@dataclass(frozen=True)
class Traits:
    """Facts about an attack.

    Attributes:
        settings: cheap settings for the tests.
        random: the result depends on the seed.
        scale_free: a factor on all logits changes nothing.
        adds_steps: settings that only make the attack stronger, weakest first.
        breaks_box: breaks all examples of a linear model when the ball holds the whole box.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    random: bool = False
    scale_free: bool = True
    adds_steps: tuple[dict[str, Any], ...] = ()
    breaks_box: bool = True


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
}

CASES = [(name, norm) for name in attacks.names() for norm in attacks.get(name).norms]
FIXED = [case for case in CASES if attacks.get(case[0]).radius == "fixed"]
JUDGED = [case for case in CASES if attacks.get(case[0]).radius != "none"]
TARGETED = [case for case in CASES if attacks.get(case[0]).can_target]
RADII = {"linf": 0.08, "l2": 0.6, "l1": 2.0}


def build(name: str, norm: str, **settings: Any) -> attacks.Attack:
    """The attack with its cheap settings and a radius that breaks some examples of the small models."""
    kind = attacks.get(name)
    objective = {"objective": "margin"} if kind.takes_objective else {}
    merged = {"epsilon": RADII[norm], **objective, **TRAITS[name].settings, **settings}
    if kind.radius == "none":
        del merged["epsilon"]
    return attacks.make(name, norm=norm, **merged)
