"""PGDLS: adversarial training whose radius grows linearly (Ding et al., "MMA Training", ICLR 2020, Section 4.2)."""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.checks import argument_error
from mmc_tf.training.recipes.base import METHODS
from mmc_tf.training.recipes.crafting import inner_attack
from mmc_tf.training.recipes.pgd import FixedEpsilonTraining
from mmc_tf.training.recipes.settings import MethodSettings


@METHODS.register("pgdls")
class LinearlyScaledTraining(FixedEpsilonTraining):
    """`FixedEpsilonTraining` with ε_s = ε·min(1, s/S) at step s, from 0 on; S is 50 epochs in the paper.

    The step size grows with the radius. A radius below the margin enlarges a lower bound of the margin, which one
    above it need not (Remark 3.1): so PGDLS trains where a large fixed ε fails.
    """

    @classmethod
    def from_settings(cls, settings: MethodSettings) -> LinearlyScaledTraining:
        """With S of `epsilon_warmup_epochs`."""
        steps = round(settings.epsilon_warmup_epochs * settings.steps_per_epoch)
        if settings.epsilon_warmup_steps:
            expected = "--epsilon_warmup_epochs with the method pgdls"
            raise argument_error("epsilon_warmup_steps", expected, settings.epsilon_warmup_steps)
        if not steps:
            raise argument_error(
                "epsilon_warmup_epochs", "a number > 0 for pgdls", settings.epsilon_warmup_epochs
            )
        return cls(
            inner_attack(settings),
            num_classes=settings.num_classes,
            adv_ratio=settings.adv_ratio,
            epsilon_warmup_steps=steps,
            seed=settings.seed,
        )

    def share_of_radius(self, step: tf.Tensor) -> tf.Tensor:
        """min(1, s/S): the first step sees clean images."""
        return tf.minimum(tf.cast(step, tf.float32) / self.epsilon_warmup_steps, 1.0)
