"""Learning policies: for how long the sources train, and how they lower the learning rate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from mmc_tf.registry import Registry


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningPolicy:
    """A learning rate that is multiplied by `factors[i]` from the `milestones[i]`-th unit on.

    Args:
        source: where the policy comes from.
        epochs: the source's length in epochs; None where it counts steps.
        milestones: ascending, in epochs, or in steps where `steps` is set.
        factors: multipliers of the initial rate, one per milestone; in (0, 1].
        steps: the source's length in steps, where milestones count steps. They are stretched to the length of the run.
        cosine: whether the rate follows ½(1 + cos πt) over the run instead, t in [0, 1).
    """

    source: str
    epochs: int | None = None
    milestones: tuple[int, ...] = ()
    factors: tuple[float, ...] = ()
    steps: int | None = None
    cosine: bool = False

    def multiplier(self, step: int, *, steps_per_epoch: int, num_steps: int) -> float:
        """The factor of the initial learning rate at `step`, counted from 0."""
        if self.cosine:
            return 0.5 * (1.0 + math.cos(math.pi * step / num_steps))
        position = step * self.steps / num_steps if self.steps else step // steps_per_epoch
        passed = [
            factor for start, factor in zip(self.milestones, self.factors, strict=True) if position >= start
        ]
        return passed[-1] if passed else 1.0


POLICIES: Registry[LearningPolicy] = Registry("learning_policy")


def _tenths(source: str, epochs: int, *milestones: int) -> LearningPolicy:
    factors = tuple(0.1 ** (i + 1) for i in range(len(milestones)))
    return LearningPolicy(source=source, epochs=epochs, milestones=milestones, factors=factors)


for _name, _policy in {
    "MMC-C": _tenths("Pang et al., ICLR 2020, Section 4.1, CIFAR", 200, 100, 150),
    "MMC-M": _tenths("Pang et al.'s scripts, MNIST", 50, 30, 40),
    "STD": _tenths("PyTorch reimplementation, standard training", 164, 82, 123),
    "AT": _tenths("PyTorch reimplementation, adversarial training", 200, 102, 154),
    "TRADES": _tenths("PyTorch reimplementation, TRADES", 76, 75, 90, 100),
    "MMA-MNIST": LearningPolicy(source="Ding et al., ICLR 2020, Appendix C, MNIST", steps=100_000),
    "MMA-CIFAR": LearningPolicy(
        source="Ding et al., ICLR 2020, Appendix C, CIFAR-10",
        steps=50_000,
        milestones=(20_000, 30_000, 40_000),
        factors=(0.3, 0.1, 0.03),
    ),
    "constant": LearningPolicy(source="no decay", epochs=50),
    "cosine": LearningPolicy(source="Loshchilov and Hutter, ICLR 2017, one cycle", epochs=200, cosine=True),
}.items():
    POLICIES.register(_name)(_policy)


def default_epochs(policy: str, *, steps_per_epoch: int | None = None) -> int:
    """The length of a policy in epochs, as its source has it; steps are rounded up to whole epochs."""
    chosen = POLICIES.get(policy)
    if chosen.epochs is not None:
        return chosen.epochs
    return math.ceil(chosen.steps / (steps_per_epoch or 1))


def make_schedule(
    policy: str, *, learning_rate: float, steps_per_epoch: int, num_steps: int, warmup_steps: int = 0
) -> Callable[[int], float]:
    """The learning rate as a function of the step.

    The policy's rate, times (step + 1)/`warmup_steps` during the first `warmup_steps` steps.

    Args:
        policy: a name of `POLICIES`.
        learning_rate: the initial rate, > 0.
        steps_per_epoch: > 0.
        num_steps: length of the run in steps, > 0.
        warmup_steps: >= 0; 0 starts at the full rate.

    Returns:
        A function from the step, counted from 0, to the rate.

    Example:
        >>> rate = make_schedule("MMC-C", learning_rate=0.01, steps_per_epoch=10, num_steps=2000)
        >>> [round(rate(step), 6) for step in (0, 999, 1000, 1500)]
        [0.01, 0.01, 0.001, 0.0001]
    """
    chosen = POLICIES.get(policy)

    def rate(step: int) -> float:
        warmup = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
        multiplier = chosen.multiplier(step, steps_per_epoch=steps_per_epoch, num_steps=num_steps)
        return learning_rate * warmup * multiplier

    return rate
