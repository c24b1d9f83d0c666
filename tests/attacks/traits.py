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
        fixed_radius: has an ε that its results keep to (minimum-norm attacks have none).
        random: the result depends on the seed.
        objective: one that ignores shifts and scales of the logits; None: the attack takes no objective.
        adds_steps: settings that only make the attack stronger, weakest first.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    fixed_radius: bool = True
    random: bool = False
    objective: str | None = "margin"
    adds_steps: tuple[dict[str, Any], ...] = ()


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
RADII = {"linf": 0.08, "l2": 0.6, "l1": 2.0}


def build(name: str, norm: str, **settings: Any) -> attacks.Attack:
    """The attack with its cheap settings and a radius that breaks some examples of the small models."""
    traits = TRAITS[name]
    merged = {"epsilon": RADII[norm], "objective": traits.objective, **traits.settings, **settings}
    return attacks.make(name, norm=norm, **merged)
