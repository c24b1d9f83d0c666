"""The worst case over any attacks that share a ball."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mmc_tf.attacks.base import Attack
from mmc_tf.attacks.ensemble import Ensemble, Stages, fit_to_classes
from mmc_tf.attacks.registry import attacks, get
from mmc_tf.checks import argument_error

DEFAULT_MEMBERS = ("pgd", "apgd_t", "mt_pgd", "fab_t", "square")


@attacks.register("worst")
@dataclass(frozen=True, kw_only=True)
class Worst(Ensemble):
    """Robust accuracy against everything asked for: an example counts as robust if it survives every attack.

    Args:
        members: the attacks in order, all with the norm and the radius of the whole; none: `pgd`, `apgd_t`,
            `mt_pgd`, `fab_t`, `square` with their defaults, as far as they have the norm; with fewer than four classes
            what AutoAttack has in APGD-T's place.

    Example:
        >>> [label for label, _ in Worst(epsilon=0.5, norm="l2").stages(10)]
        ['pgd', 'apgd_t', 'mt_pgd', 'fab_t', 'square']
    """

    name: ClassVar[str] = "worst"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    summary: ClassVar[str] = "everything asked for, each attack on the survivors of the ones before"

    members: tuple[Attack, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        for member in self.members:
            if member.targeted:
                raise argument_error("members", "untargeted attacks", f"{member.name} with targets")
            if (member.norm, member.epsilon) != (self.norm, self.epsilon):
                raise argument_error(
                    "members",
                    f"attacks in the ball {self.norm} {self.epsilon:g}",
                    f"{member.name} in {member.norm} {member.epsilon}",
                )

    def stages(self, num_classes: int) -> Stages:
        """The members."""
        if self.members:
            return tuple((member.name, member) for member in self.members)
        kinds = [fit_to_classes(get(name), num_classes) for name in DEFAULT_MEMBERS]
        fit = [kind for kind in kinds if self.norm in kind.norms]
        return tuple((kind.name, kind(epsilon=self.epsilon, norm=self.norm)) for kind in fit)

    def settings(self) -> dict[str, Any]:
        """The members by their settings."""
        return super().settings() | {"members": [member.settings() for member in self.members]}
