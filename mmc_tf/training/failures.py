"""The ways center training fails, recognized by the loop: divergence, and collapse to the origin."""

from __future__ import annotations

import math

from mmc_tf.training.growth import DEFAULTS, DELAY, GROWTH

PATIENCE = 500  # steps
REMEDY = "Remedy: --warmup_steps=200, --clip_norm=10, or a lower --lr"
# What keeps standard training of center heads stable (docs/architecture.md).
STABLE = "--lr=0.01 --warmup_steps=200 --clip_norm=10"


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


def collapse_remedy(
    *,
    learning_rate: float,
    warmup_steps: int,
    clip_norm: float,
    model_name: str,
    delay: int | None = None,
    growth: int | None = None,
    epsilon: float | None = None,
) -> str:
    """Return what to change of a run whose features collapsed: only what it does not do already.

    Args:
        learning_rate: of the run.
        warmup_steps: over which the rate rose.
        clip_norm: of the gradient; 0: it was not clipped.
        model_name: the backbone's full name, such as `resnet32v1`.
        delay: steps on clean images before the radius grew; None: standard training.
        growth: steps over which it grew; None: standard training.
        epsilon: the radius; None: standard training, or a method with a radius for each example.
    """
    grows = delay is not None and growth is not None and epsilon is not None
    if grows and (delay < DEFAULTS[DELAY] or growth < DEFAULTS[GROWTH]):
        return "train again with " + " ".join(f"--{name}={steps}" for name, steps in DEFAULTS.items())
    changes = [
        flag
        for flag, missing in zip(
            STABLE.split(),
            (learning_rate > 0.01, warmup_steps < 200, not 0 < clip_norm <= 10),
            strict=True,
        )
        if missing
    ]
    if changes:
        return f"train again with {' '.join(changes)}"
    if grows:
        return f"train again with --{DELAY}={2 * delay} --{GROWTH}={2 * growth}, or with --epsilon={epsilon / 2:.4g}"
    if model_name.startswith("resnet") and model_name.endswith("v1"):
        return "train again with --version=2"
    return "train again with --optimizer=adam --lr=0.001"


class CollapseDetector:
    """Recognizes features that fall to the origin, where the loss stays for good: MMC at C_MM².

    EMC's centers follow the features and stop where their prior holds them, at μ*/(1 + α), with the loss C_MM²/(1 + α).

    At the origin every center is C_MM away, and by symmetry the mean gradient over the classes is zero: only the
    noise of the batches moves the features, by some 4 % of C_MM at the default recipe. Slow beginnings pass nearby,
    so the detector waits until the mean loss is within 2 % of that value and the mean feature norm below 7 % of C_MM
    for 500 steps running.

    Args:
        scale: C_MM > 0, or None for heads without fixed centers, which never collapse this way.
        remedy: what the message advises; None: the stable recipe.
        alpha: α >= 0 of EMC; 0: MMC, whose centers are fixed.
    """

    def __init__(self, scale: float | None, remedy: str | None = None, *, alpha: float = 0.0):
        self.scale = scale
        self.alpha = alpha
        self.remedy = remedy or f"train again with {STABLE}"
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
        level = self.scale**2 / (1.0 + self.alpha)
        stuck = abs(loss - level) <= 0.02 * level and feature_norm < 0.07 * self.scale
        self.stuck_steps = self.stuck_steps + num_steps if stuck else 0
        if self.stuck_steps >= PATIENCE:
            name = "C_MM²/(1 + α)" if self.alpha else "C_MM²"
            raise TrainingFailedError(
                f"the features collapsed to the origin by step {step}: the loss stays at {loss:.2f}, within 2 % "
                f"of {name} = {level:.4g}, and the mean feature norm is {feature_norm:.2g} "
                f"(learning rate {learning_rate:g}). Remedy: {self.remedy}"
            )
