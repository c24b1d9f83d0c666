"""Training on the nearest adversarial images that DDN finds (Rony et al., CVPR 2019, Section 5)."""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.attacks import make as make_attack
from mmc_tf.attacks.projections import clip_box, project_ball
from mmc_tf.checks import check_choice, check_number
from mmc_tf.training.recipes.base import METHODS
from mmc_tf.training.recipes.pgd import FixedEpsilonTraining
from mmc_tf.training.recipes.settings import MethodSettings


@METHODS.register("ddn")
class NearestImageTraining(FixedEpsilonTraining):
    """Minimizes (1 − r)·L(x, y) + r·L(x', y), x' = x + δ·min(1, ε/‖δ‖₂), δ the least perturbation that DDN finds.

    An image that is misclassified is its own nearest adversarial image: δ = 0. So it is where DDN finds nothing.
    The network is attacked in inference mode.

    Args:
        epsilon: radius > 0 in l2, in pixels of [0, 1] (2.4 on MNIST, 1 on CIFAR-10 in the paper).
        num_classes: L.
        num_steps: of DDN, >= 1; 100 in the paper.
        adv_ratio: r in [0, 1]; 1 in the paper.
        seed: of the directions where there is no gradient.

    Raises:
        UserError: for a value out of range.
    """

    def __init__(
        self,
        *,
        epsilon: float,
        num_classes: int,
        num_steps: int = 100,
        adv_ratio: float = 1.0,
        seed: int = 0,
    ):
        self.epsilon = check_number("epsilon", epsilon, above=0)
        attack = make_attack("ddn", norm="l2", num_steps=num_steps)
        super().__init__(attack, num_classes=num_classes, adv_ratio=adv_ratio, seed=seed)
        self.description = (
            f"training on nearest images, {num_steps} steps of DDN, within {epsilon:.4g} in l2, "
            f"adv_ratio {adv_ratio:g}"
        )

    @classmethod
    def from_settings(cls, settings: MethodSettings) -> NearestImageTraining:
        """With the settings' radius and number of steps.

        Raises:
            UserError: for another norm than l2.
        """
        check_choice("norm", settings.norm, ("l2",))
        return cls(
            epsilon=settings.epsilon,
            num_classes=settings.num_classes,
            num_steps=settings.num_steps,
            adv_ratio=settings.adv_ratio,
            seed=settings.seed,
        )

    def craft(self, model, batch, step):
        """x' (B, H, W, C) of a batch, without gradient."""
        images = batch["images"]
        delta = super().craft(model, batch, step) - images
        return clip_box(images + project_ball(delta, norm="l2", epsilon=tf.constant(self.epsilon)))
