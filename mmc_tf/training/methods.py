"""From a plan to the recipe of its method and the monitors it asks for."""

from __future__ import annotations

import dataclasses

import keras
import tensorflow as tf

from mmc_tf.attacks import Attack
from mmc_tf.attacks import make as make_attack
from mmc_tf.training.distribution import is_chief
from mmc_tf.training.margins import MarginSearch
from mmc_tf.training.monitors import (
    KeptWeights,
    MarginSelection,
    MarginTrack,
    Monitor,
    OverfittingGuard,
    ZeroGradients,
)
from mmc_tf.training.monitors.margin_track import random_part
from mmc_tf.training.plan import TrainingPlan
from mmc_tf.training.recipes import METHODS, MethodSettings, Recipe

# AN-PGD's first radius when margins are compared (MMA's code: the radius of its validation attack).
SELECTION_RADII = {
    ("linf", False): 0.3,
    ("l2", False): 2.0,
    ("linf", True): 8 / 255,
    ("l2", True): 1.0,
}
# How far it looks: 1.05 times the largest d_max of the paper.
SELECTION_LIMITS = {
    ("linf", False): 1.05 * 0.45,
    ("l2", False): 1.05 * 6.0,
    ("linf", True): 1.05 * 32 / 255,
    ("l2", True): 1.05 * 3.0,
}
# What the guard of one-step training attacks after every epoch: its images, and the steps.
GUARD_EXAMPLES = 500
GUARD_STEPS = 10
# Training images on which zero gradients are counted.
COUNTED_IMAGES = 500
DDN_STEPS = 1000  # MMA, Section 4.1


def make_recipe(plan: TrainingPlan) -> Recipe:
    """The recipe of an adversarial training command.

    Raises:
        UserError: for settings that the method cannot use.
    """
    flags = plan.flags
    names = {field.name for field in dataclasses.fields(MethodSettings)} & flags.keys()
    settings = MethodSettings(
        **{name: flags[name] for name in names if flags[name] is not None or name in ("objective",)}
        | {
            "num_classes": plan.dataset.num_classes,
            "steps_per_epoch": len(plan.dataset.train) // plan.settings.batch_size,
            "seed": plan.settings.seed,
        }
    )
    return METHODS.get(flags["method"]).from_settings(settings)


def make_monitors(
    plan: TrainingPlan,
    model: keras.Model,
    strategy: tf.distribute.Strategy,
    recipe: Recipe | None = None,
) -> list[Monitor]:
    """What looks at the network after every epoch of a plan's run."""
    flags = plan.flags
    monitors: list[Monitor] = []
    if flags.get("method") == "fast":
        # The first, so that what others measure and select are the weights that training goes on with.
        monitors.append(_overfitting_guard(plan, model, strategy))
    kept = KeptWeights(model, plan.folder.checkpoints, writes=is_chief(strategy))
    if flags.get("selection") == "margin":
        split = plan.dataset.validation
        if flags["selection_examples"]:
            split = split.part(0, flags["selection_examples"])
        monitors.append(
            MarginSelection(model, split, search=margin_search(plan), kept=kept, strategy=strategy)
        )
    if flags.get("track_margins"):
        monitors.append(
            MarginTrack(
                model,
                random_part(plan.dataset.train, flags["track_margins"], seed=plan.settings.seed),
                attack=_tracking_attack(plan),
                folder=plan.folder.margins if is_chief(strategy) else None,
                limit=margin_limit(plan),
                seed=plan.settings.seed,
            )
        )
    if plan.settings.precision == "mixed_float16" and recipe is not None and recipe.has_first_gradient:
        # The last one: checkpoints of runs from before it know nothing of it.
        images = random_part(plan.dataset.train, COUNTED_IMAGES, seed=plan.settings.seed)
        monitors.append(ZeroGradients(model, recipe, images, strategy=strategy))
    return monitors


def _tracking_attack(plan: TrainingPlan) -> Attack:
    flags, search = plan.flags, margin_search(plan)
    if flags["margin_attack"] == "ddn":
        return make_attack("ddn", norm="l2", num_steps=flags["margin_steps"] or DDN_STEPS)
    return make_attack(
        "an_pgd",
        norm=search.norm,
        initial_radius=search.initial_radius,
        max_radius=search.max_radius,
        num_steps=search.num_steps,
    )


def _overfitting_guard(
    plan: TrainingPlan, model: keras.Model, strategy: tf.distribute.Strategy
) -> OverfittingGuard:
    flags, seed = plan.flags, plan.settings.seed
    attack = make_attack(
        "pgd",
        norm=flags["norm"],
        epsilon=flags["epsilon"],
        step_size=2.5 * flags["epsilon"] / GUARD_STEPS,
        num_steps=GUARD_STEPS,
        # On every head: a difference of logits, which neither saturates nor mistakes the logits' size for safety.
        objective="margin",
        iterate="last",
    )
    return OverfittingGuard(
        model,
        random_part(plan.dataset.train, GUARD_EXAMPLES, seed=seed),
        attack=attack,
        kept=KeptWeights(
            model,
            plan.folder.checkpoints,
            writes=is_chief(strategy),
            name="guarded",
            more=model.optimizer.variables,
        ),
        strategy=strategy,
        action=flags["overfitting_guard"],
        seed=seed,
    )


def margin_limit(plan: TrainingPlan) -> float | None:
    """How far tracked margins are searched for; None where the run tracks none, or by DDN, which has no limit."""
    if not plan.flags.get("track_margins") or plan.flags["margin_attack"] == "ddn":
        return None
    return margin_search(plan).max_radius


def margin_search(plan: TrainingPlan) -> MarginSearch:
    """AN-PGD as margins are compared by, in the run's norm: the same for all runs of a data set."""
    flags = plan.flags
    norm = flags["margin_norm"]
    setting = (norm, flags["dataset"].startswith("cifar"))
    return MarginSearch(
        norm=norm,
        initial_radius=SELECTION_RADII[setting],
        max_radius=SELECTION_LIMITS[setting],
        num_steps=flags["margin_steps"] or (10 if setting[1] else 40),
        seed=plan.settings.seed,
    )
