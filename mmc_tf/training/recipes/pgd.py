"""Adversarial training on the images of a fixed-ε attack (Madry et al., ICLR 2018; Pang et al., ICLR 2020)."""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.attacks import Attack, random_targets
from mmc_tf.checks import check_number
from mmc_tf.training.recipes.base import METHODS, Recipe, step_seed
from mmc_tf.training.recipes.crafting import described, growing_share, inner_attack, scaled_lengths
from mmc_tf.training.recipes.settings import MethodSettings


@METHODS.register("pgd")
class FixedEpsilonTraining(Recipe):
    """Minimizes (1 − r)·L(x, y) + r·L(x', y), with x' crafted on the current weights in inference mode.

    The attack is the one that evaluation uses. The loss of the MMC head is applied to x' alone at r = 1, which
    bounds logit pairing from above (Appendix B.2).

    Args:
        attack: FGSM, BIM, PGD or MIM, with `iterate="last"`. A targeted attack aims at a wrong class drawn
            anew at every step; the original scripts draw among all classes, the true one included.
        adv_ratio: r in [0, 1].
        epsilon_warmup_steps: the radius, and the attack's step with it, grows linearly to its value over so
            many training steps. From scratch at ε = 0.3 on MNIST small networks otherwise learn a constant.
        epsilon_delay_steps: training steps on clean images before the radius begins to grow.
        seed: of starts and targets.
        num_classes: L, for the targets.
    """

    has_first_gradient = True

    def __init__(
        self,
        attack: Attack,
        *,
        num_classes: int,
        adv_ratio: float = 1.0,
        epsilon_warmup_steps: int = 0,
        epsilon_delay_steps: int = 0,
        seed: int = 0,
    ):
        self.attack = attack
        self.num_classes = num_classes
        self.adv_ratio = check_number("adv_ratio", adv_ratio, minimum=0, maximum=1)
        self.epsilon_warmup_steps = check_number(
            "epsilon_warmup_steps", epsilon_warmup_steps, minimum=0, integer=True
        )
        self.epsilon_delay_steps = check_number(
            "epsilon_delay_steps", epsilon_delay_steps, minimum=0, integer=True
        )
        self.seed = seed
        self.accuracy_on = "adversarial" if adv_ratio else "clean"
        if adv_ratio and attack.radius == "fixed":
            self.reach = (attack.reach(), attack.epsilon)
        self.description = (
            f"adversarial training, {attack.settings()}, adv_ratio {adv_ratio:g}"
            f"{described(epsilon_warmup_steps, epsilon_delay_steps)}"
        )

    @classmethod
    def from_settings(cls, settings: MethodSettings) -> FixedEpsilonTraining:
        """With the settings' inner attack."""
        return cls(
            inner_attack(settings),
            num_classes=settings.num_classes,
            adv_ratio=settings.adv_ratio,
            epsilon_warmup_steps=settings.epsilon_warmup_steps,
            epsilon_delay_steps=settings.epsilon_delay_steps,
            seed=settings.seed,
        )

    def forward(self, model, loss, batch, step):
        """The mixed loss; accuracy is counted on x' where r > 0."""
        images, labels = batch["images"], batch["labels"]
        if not self.adv_ratio:
            clean_logits = model(images, training=True)
            return loss.per_example(labels, clean_logits), clean_logits
        logits = model(self.craft(model, batch, step), training=True)
        total = self.adv_ratio * loss.per_example(labels, logits)
        if self.adv_ratio < 1:
            clean_logits = model(images, training=True)
            total += (1.0 - self.adv_ratio) * loss.per_example(labels, clean_logits)
        return total, logits

    def first_gradient(self, model, batch, step):
        """The gradient of the attack's objective at x."""
        labels = tf.cast(batch["labels"], tf.int32)
        oracle = self.attack.oracle(model, labels, self._targets(batch, step), packing=False)
        return oracle.evaluate(batch["images"]).gradient

    def craft(self, model, batch: dict[str, tf.Tensor], step: tf.Tensor) -> tf.Tensor:
        """x' (B, H, W, C) of a batch, without gradient."""
        seed, labels, indices = step_seed(self.seed, step), batch["labels"], batch["indices"]
        targets = self._targets(batch, step)
        grows = self.epsilon_warmup_steps or self.epsilon_delay_steps
        radius = scaled_lengths(self.attack, self.share_of_radius(step)) if grows else {}
        return self.attack.perturb(
            model, batch["images"], labels, targets, indices=indices, seed=seed, **radius
        )

    def _targets(self, batch, step) -> tf.Tensor | None:
        if not self.attack.targeted:
            return None
        seed = step_seed(self.seed, step)
        return random_targets(batch["labels"], self.num_classes, indices=batch["indices"], seed=seed)

    def share_of_radius(self, step: tf.Tensor) -> tf.Tensor | float:
        """How much of its radius the attack has at `step`, in (0, 1]."""
        return growing_share(step, self.epsilon_warmup_steps, self.epsilon_delay_steps)
