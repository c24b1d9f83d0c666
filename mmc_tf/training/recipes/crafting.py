"""What the recipes that craft within a fixed radius share: the inner attack, and a radius that grows to its value."""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.attacks import Attack
from mmc_tf.attacks import make as make_attack
from mmc_tf.checks import falls_short, format_number
from mmc_tf.training.growth import describe_growth
from mmc_tf.training.recipes.settings import MethodSettings

_LENGTHS = ("epsilon", "step_size")


def inner_attack(settings: MethodSettings) -> Attack:
    """The attack of a fixed radius that a recipe crafts with."""
    return make_attack(
        settings.attack_method,
        epsilon=settings.epsilon,
        norm=settings.norm,
        step_size=settings.resolved_step_size,
        num_steps=settings.num_steps,
        targeted=settings.targeted,
        objective=settings.objective,
        adaptive=settings.adaptive,
        iterate="last",
    )


def growing_share(step: tf.Tensor, num_steps: int, delay: int = 0) -> tf.Tensor | float:
    """min(1, (s + 1 − D)/S), not below 0: how much of the radius a step has that grows over S steps after D without.

    Args:
        step: int64 scalar, the steps done before this one.
        num_steps: S >= 0.
        delay: D >= 0. For S = D = 0 the share is 1.
    """
    if not (num_steps or delay):
        return 1.0
    return tf.clip_by_value((tf.cast(step, tf.float32) + (1.0 - delay)) / max(num_steps, 1), 0.0, 1.0)


def scaled_lengths(attack: Attack, share: tf.Tensor | float) -> dict[str, tf.Tensor | float]:
    """A share of an attack's radius and step, as `Attack.perturb` takes them instead of its own."""
    numbers = attack.tunables()
    return {name: share * numbers[name] for name in attack.tunable_names if name in _LENGTHS}


def warn_of_reach(reach: tuple[float, float] | None) -> str | None:
    """The line to print where the steps of a recipe's inner attack do not cover its radius; else None.

    Args:
        reach: as `Recipe.reach`.
    """
    if reach is None or not falls_short(*reach):
        return None
    covered, epsilon = map(format_number, reach)
    return (
        f"warning UNREACHABLE_RADIUS: the steps of the inner attack together cover {covered} of the radius {epsilon}, "
        "so training does not see the border of the ball. See docs/warnings.md#unreachable_radius."
    )


def described(growth: int, delay: int) -> str:
    """What a recipe's description says of a radius that grows; nothing where it does not."""
    text = describe_growth(delay, growth)
    return f", {text}" if text else ""
