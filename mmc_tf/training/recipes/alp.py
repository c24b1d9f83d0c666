"""Adversarial logit pairing (Kannan et al., 2018), and for heads with centers its form on features."""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.attacks import Attack
from mmc_tf.checks import check_number
from mmc_tf.models.heads import head_call
from mmc_tf.training.recipes.base import METHODS
from mmc_tf.training.recipes.crafting import inner_attack
from mmc_tf.training.recipes.pgd import FixedEpsilonTraining
from mmc_tf.training.recipes.settings import MethodSettings


@METHODS.register("alp")
class LogitPairing(FixedEpsilonTraining):
    """Minimizes ½·L(x, y) + ½·L(x', y) + λ·D(x, x'), x' as in `FixedEpsilonTraining`, half of the images clean.

    D = ‖h(x) − h(x')‖²/L, the mean over the logits. For heads with centers, whose logits are squared distances up to
    1e5: D = ‖z(x) − z(x')‖² (MMC, Appendix B.2, Eq. 20). There L(x, y) + L(x', y) >= ½·D already (ibid.), so that
    pairing adds less to MMC than to softmax cross-entropy. Accuracy is counted on x'.

    Args:
        attack: as in `FixedEpsilonTraining`.
        num_classes: L.
        pairing_weight: λ >= 0; 0.5 in the paper on ImageNet and SVHN, 1 on MNIST.
        epsilon_warmup_steps, epsilon_delay_steps: as in `FixedEpsilonTraining`.
        seed: of starts and targets.

    Raises:
        UserError: for a value out of range.
    """

    def __init__(
        self,
        attack: Attack,
        *,
        num_classes: int,
        pairing_weight: float = 0.5,
        epsilon_warmup_steps: int = 0,
        epsilon_delay_steps: int = 0,
        seed: int = 0,
    ):
        super().__init__(
            attack,
            num_classes=num_classes,
            adv_ratio=0.5,
            epsilon_warmup_steps=epsilon_warmup_steps,
            epsilon_delay_steps=epsilon_delay_steps,
            seed=seed,
        )
        self.pairing_weight = check_number("pairing_weight", pairing_weight, minimum=0)
        self.description = f"{self.description}, logit pairing with weight {pairing_weight:g}"

    @classmethod
    def from_settings(cls, settings: MethodSettings) -> LogitPairing:
        """With the settings' inner attack and λ."""
        return cls(
            inner_attack(settings),
            num_classes=settings.num_classes,
            pairing_weight=settings.pairing_weight,
            epsilon_warmup_steps=settings.epsilon_warmup_steps,
            epsilon_delay_steps=settings.epsilon_delay_steps,
            seed=settings.seed,
        )

    def forward(self, model, loss, batch, step):
        """The mixed loss and the distance of the pairs."""
        labels = batch["labels"]
        logits = model(self.craft(model, batch, step), training=True)
        clean_logits = model(batch["images"], training=True)
        mixed = 0.5 * (loss.per_example(labels, clean_logits) + loss.per_example(labels, logits))
        return mixed + self.pairing_weight * pair_distance(clean_logits, logits), logits


def pair_distance(clean_logits: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """‖h − h'‖²/L, or ‖z − z'‖² where a head with centers made both.

    Args:
        clean_logits: (N, L), the very tensor that the model returned.
        logits: (N, L), likewise.

    Returns:
        (N,).
    """
    clean, other = head_call(clean_logits), head_call(logits)
    if clean is None or other is None or not clean.head.has_centers:
        return tf.reduce_mean(tf.square(clean_logits - logits), axis=-1)
    # Features may be of half precision, in which their squares are not.
    features = [tf.cast(call.features, tf.float32) for call in (clean, other)]
    return tf.reduce_sum(tf.square(features[0] - features[1]), axis=-1)
