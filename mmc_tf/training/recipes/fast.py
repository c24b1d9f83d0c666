"""Fast adversarial training: one step from a random start (Wong et al., ICLR 2020, Algorithm 3)."""

from __future__ import annotations

from mmc_tf.attacks import make as make_attack
from mmc_tf.training.recipes.base import METHODS
from mmc_tf.training.recipes.pgd import FixedEpsilonTraining
from mmc_tf.training.recipes.settings import MethodSettings

OVERSHOOT = 1.25  # step / ε


@METHODS.register("fast")
class FastTraining(FixedEpsilonTraining):
    """Minimizes L(x', y), x' = clip01(x + P_ε(u + 1.25·ε·s(∇J(x + u)))), with u uniform in the ball.

    s: sign(g) in linf, g/‖g‖₂ in l2; the step of FGSM, from a random start. The network is attacked in inference mode.
    Such training can collapse within an epoch: accuracy under FGSM rises to
    100 %, under PGD it falls to 0 ("catastrophic overfitting"). `OverfittingGuard` watches for that.
    """

    @classmethod
    def from_settings(cls, settings: MethodSettings) -> FastTraining:
        """With the settings' radius, and 1.25 times it as step unless they give one."""
        attack = make_attack(
            "pgd",
            epsilon=settings.epsilon,
            norm=settings.norm,
            step_size=settings.step_size or OVERSHOOT * settings.epsilon,
            num_steps=1,
            iterate="last",
        )
        return cls(
            attack,
            num_classes=settings.num_classes,
            epsilon_warmup_steps=settings.epsilon_warmup_steps,
            epsilon_delay_steps=settings.epsilon_delay_steps,
            seed=settings.seed,
        )
