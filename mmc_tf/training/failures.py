"""The ways center training fails, recognized by the loop: divergence, and collapse to the origin."""

from __future__ import annotations

import math

PATIENCE = 500  # steps
REMEDY = "Remedy: --warmup_steps=200, --clip_norm=10, or a lower --lr"


class TrainingFailedError(RuntimeError):
    """Training cannot go on; the message names the step, the learning rate, and what to do."""


def check_divergence(value: float, *, what: str, step: int, learning_rate: float, kept: str) -> None:
    """Stops when the loss or the weights are no longer finite.

    Args:
        value: to be finite.
        what: its name.
        step: at which it came about.
        learning_rate: of that step.
        kept: what is left to go on from.

    Raises:
        TrainingFailedError: if `value` is NaN or infinite.
    """
    if not math.isfinite(value):
        raise TrainingFailedError(
            f"the {what} became {value} at step {step} with learning rate {learning_rate:g}; {kept}. {REMEDY}"
        )


class CollapseDetector:
    """Recognizes features that fall to the origin, where the MMC loss stays at C_MM² for good.

    At the origin every center is C_MM away, and by symmetry the mean gradient over the classes is zero: only the
    noise of the batches moves the features, by some 4 % of C_MM at the default recipe. Slow beginnings pass nearby,
    so the detector waits until the mean loss is within 2 % of C_MM² and the mean feature norm below 7 % of C_MM for
    500 steps running.

    Args:
        scale: C_MM > 0, or None for heads without fixed centers, which never collapse this way.
    """

    def __init__(self, scale: float | None):
        self.scale = scale
        self.stuck_steps = 0

    def check(
        self, loss: float, feature_norm: float, *, num_steps: int, step: int, learning_rate: float
    ) -> None:
        """Looks at the means of an interval of `num_steps` steps.

        Args:
            loss: mean of ‖z − μ_y‖², without the L2 penalty.
            feature_norm: mean of ‖z‖.

        Raises:
            TrainingFailedError: when the features have collapsed.
        """
        if self.scale is None:
            return
        stuck = abs(loss - self.scale**2) <= 0.02 * self.scale**2 and feature_norm < 0.07 * self.scale
        self.stuck_steps = self.stuck_steps + num_steps if stuck else 0
        if self.stuck_steps >= PATIENCE:
            raise TrainingFailedError(
                f"the features collapsed to the origin by step {step}: the loss stays at {loss:.2f}, within 2 % "
                f"of C_MM² = {self.scale**2:g}, and the mean feature norm is {feature_norm:.2g} "
                f"(learning rate {learning_rate:g}). Remedy: train again with --lr=0.01 --warmup_steps=200 "
                "--clip_norm=10, or with ResNet version 2"
            )
