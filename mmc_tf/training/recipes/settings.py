"""What the recipes of adversarial training are made from, as plain values."""

from __future__ import annotations

import dataclasses

from mmc_tf.checks import check_choice, check_number

NORMS = ("linf", "l2", "l1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodSettings:
    """Settings of all methods; each recipe reads its own.

    Lengths are in pixels of [0, 1], in the norm `norm`.

    Args:
        num_classes: L.
        steps_per_epoch: of the run.
        seed: of starts and targets, >= 0.
        attack_method: what `pgd`, `pgdls` and `alp` craft with: `fgsm`, `bim`, `pgd` or `mim`.
        norm: `linf`, `l2` or `l1`.
        epsilon: radius > 0; not that of `mma` and `omma`, which have one for each example.
        step_size: of the attack, > 0; None: 2.5 ε/K.
        num_steps: K >= 1.
        targeted: aim at random wrong classes.
        objective: what the attack climbs; None: what fits the head.
        adaptive: whether it fits the head; else cross-entropy.
        adv_ratio: share of the loss on adversarial images, in [0, 1].
        epsilon_warmup_steps: over which ε grows from 0.
        epsilon_delay_steps: on clean images before ε begins to grow.
        epsilon_warmup_epochs: likewise in epochs, for `pgdls`.
        max_margin: d_max > 0 of the hinge (`mma`, `omma`).
        min_radius: e_min > 0, the first radius of an example without a history (`mma`, `omma`).
        num_bisections: halvings of AN-PGD's bracket (`mma`, `omma`).
        clean_weight: of the clean loss beside the margin loss, in [0, 1] (`mma`).
        temperature: what logits are divided by in soft margins and cross-entropy (`mma`, `omma`, `trades`); None: 1,
            or what the centers of the head ask for.
        margin_loss: `head` or `ce`: what is minimized at the boundary (`mma`, `omma`).
        correct_by: `slm` or `prediction`: which examples have a margin to enlarge (`mma`, `omma`).
        beta: >= 0, weight of the divergence (`trades`).
        pairing_weight: >= 0, weight of the distance of paired logits or features (`alp`).
        num_replays: m >= 1 steps on each batch (`free`).

    Raises:
        UserError: for a value out of range.
    """

    num_classes: int
    steps_per_epoch: int = 1
    seed: int = 0
    attack_method: str = "pgd"
    norm: str = "linf"
    epsilon: float = 0.3
    step_size: float | None = None
    num_steps: int = 10
    targeted: bool = False
    objective: str | None = None
    adaptive: bool = True
    adv_ratio: float = 1.0
    epsilon_warmup_steps: int = 0
    epsilon_delay_steps: int = 0
    epsilon_warmup_epochs: float = 50.0
    max_margin: float = 0.45
    min_radius: float = 0.1
    num_bisections: int = 10
    clean_weight: float = 1 / 3
    temperature: float | None = None
    margin_loss: str = "head"
    correct_by: str = "slm"
    beta: float = 6.0
    pairing_weight: float = 0.5
    num_replays: int = 8

    def __post_init__(self):
        check_choice("norm", self.norm, NORMS)
        check_choice("margin_loss", self.margin_loss, ("head", "ce"))
        check_choice("correct_by", self.correct_by, ("slm", "prediction"))
        for name in ("epsilon", "max_margin", "min_radius"):
            check_number(name, getattr(self, name), above=0)
        for name in ("step_size", "temperature"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), above=0)
        for name in ("adv_ratio", "clean_weight"):
            check_number(name, getattr(self, name), minimum=0, maximum=1)
        for name in ("beta", "pairing_weight", "epsilon_warmup_epochs"):
            check_number(name, getattr(self, name), minimum=0)
        for name in ("num_steps", "num_replays"):
            check_number(name, getattr(self, name), minimum=1, integer=True)
        for name in ("num_bisections", "epsilon_warmup_steps", "epsilon_delay_steps", "seed"):
            check_number(name, getattr(self, name), minimum=0, integer=True)

    @property
    def resolved_step_size(self) -> float:
        """The attack's step: 2.5 ε/K unless given (MMA, Appendix C)."""
        return self.step_size or 2.5 * self.epsilon / self.num_steps
