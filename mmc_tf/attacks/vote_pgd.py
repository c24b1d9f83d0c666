"""PGD on the members of a majority vote (Ding et al., "MMA Training", ICLR 2020, Appendix D)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from mmc_tf.attacks.members import MembersOracle, sum_of_losses, vote_loss
from mmc_tf.attacks.oracle import Model
from mmc_tf.attacks.pgd import PGD
from mmc_tf.attacks.registry import attacks
from mmc_tf.checks import check_choice

STRATEGIES = ("ce", "cw", "away", "towards")


@attacks.register("vote_pgd")
@dataclass(frozen=True, kw_only=True)
class VotePGD(PGD):
    """PGD whose objective is made of the members' logits, since the vote itself has no gradient.

    On any other classifier it is PGD on an ensemble of one.

    Args:
        strategy: what it climbs. `ce`, `cw`: the sum of the members' losses, the paper's first strategy; for
            heads that cross-entropy is blind on, `ce` stands for their own objective unless `adaptive` is False.
            `away`: the second one as the paper states it (`members.vote_loss`), which leads away from the most
            frequent wrong label once half of the members are wrong; `towards`: the same with that sign reversed.
        num_steps: 100 as in the paper.

    Example:
        >>> VotePGD(epsilon=0.3).settings()["num_steps"]
        100
    """

    name: ClassVar[str] = "vote_pgd"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    summary: ClassVar[str] = "PGD on the members of --ensemble: their summed losses, or the vote (MMA)"
    takes_objective: ClassVar[bool] = False
    can_target: ClassVar[bool] = False
    oracle_type: ClassVar[type[MembersOracle]] = MembersOracle

    num_steps: int = 100
    strategy: str = "ce"

    def __post_init__(self):
        super().__post_init__()
        check_choice("strategy", self.strategy, STRATEGIES)

    def details(self) -> tuple[str, ...]:
        """The strategy, and whether it overlooks the members' heads."""
        naive = self.strategy == "ce" and not self.adaptive
        return (self.strategy, *(["non-adaptive"] if naive else []))

    def choose_objective(self, head: Any) -> str:
        """What is climbed, in words: no single objective describes it."""
        if self.strategy in ("away", "towards"):
            return f"vote, {self.strategy}"
        return (
            "sum of the members' own"
            if self.strategy == "ce" and self.adaptive
            else f"sum of {self.strategy}"
        )

    def oracle(
        self, model: Model, labels: tf.Tensor, targets: tf.Tensor | None, **settings: Any
    ) -> MembersOracle:
        """One that looks at the members."""
        return super().oracle(model, labels, targets, climb=self._climb(), **settings)

    def _climb(self):
        if self.strategy in ("away", "towards"):
            return functools.partial(vote_loss, sign=1.0 if self.strategy == "away" else -1.0)
        own = self.strategy == "ce" and self.adaptive
        return functools.partial(sum_of_losses, objective=None if own else self.strategy)
