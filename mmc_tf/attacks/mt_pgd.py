"""Multi-targeted margin PGD: a run at each wrong class, the attack that settles MMC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from mmc_tf.attacks.base import Attack, Crafted
from mmc_tf.attacks.gradient_attack import GOAL
from mmc_tf.attacks.objectives import Objective, Scores, mmc, pick
from mmc_tf.attacks.oracle import Evaluation, Oracle
from mmc_tf.attacks.registry import attacks
from mmc_tf.attacks.starts import random_start
from mmc_tf.attacks.steps import dense_step, move
from mmc_tf.attacks.target_runs import aim, wrong_classes
from mmc_tf.checks import argument_error, check_choice, check_number

VARIANTS = ("margin", "tar1")
FIRST_STEP = 0.25  # of ε
FINE = 0.2  # by which the step shrinks after half of the steps
MOST_TARGETS = 20


@attacks.register("mt_pgd")
@dataclass(frozen=True, kw_only=True)
class MultiTargetedPGD(Attack):
    """PGD on J = h_t - h_y for each wrong class t in turn; any wrong class is success.

    On MMC heads the gradient of J in the features, 2(µ_t - µ_y), never vanishes, and a run per class avoids
    the untargeted margin's early commitment to the nearest one (Gowal et al., 2019, multi-targeted attack).

    Args:
        step_size: length a > 0 of the first half of the steps, in units of the pixels; the others have a/5.
            None: .25 ε, hence .05 ε.
        num_steps: steps >= 0 of one run.
        num_restarts: random starts >= 1 for each target; 5 for a final table.
        num_targets: highest wrong classes >= 1 of the clean logits to aim at, all of them if the model has
            fewer; None: 20.
        variant: `margin`, or `tar1` for the diagnostic J = -½‖z - µ_t‖² on MMC heads.

    Raises:
        UserError: for numbers out of range, and for `tar1` on a head without centers.

    Example:
        >>> MultiTargetedPGD(epsilon=8 / 255).settings()["step_size"] == 2 / 255
        True
    """

    name: ClassVar[str] = "mt_pgd"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    summary: ClassVar[str] = "multi-targeted PGD on h_t - h_y, a run for each wrong class; settles MMC"
    tunable_names: ClassVar[tuple[str, ...]] = (
        "epsilon",
        "step_size",
        "num_steps",
        "num_restarts",
        "num_targets",
    )
    takes_objective: ClassVar[bool] = False
    can_target: ClassVar[bool] = False

    step_size: float | None = None
    num_steps: int = 100
    num_restarts: int = 1
    num_targets: int | None = None
    variant: str = "margin"

    def __post_init__(self):
        super().__post_init__()
        if self.step_size is not None:
            check_number("step_size", self.step_size, above=0)
        check_number("num_steps", self.num_steps, minimum=0, integer=True)
        check_number("num_restarts", self.num_restarts, minimum=1, integer=True)
        if self.num_targets is not None:
            check_number("num_targets", self.num_targets, minimum=1, integer=True)
        check_choice("variant", self.variant, VARIANTS)

    def tunables(self) -> dict[str, float | int]:
        """The step size and the number of targets resolved."""
        return {
            **super().tunables(),
            "step_size": FIRST_STEP * self.epsilon if self.step_size is None else self.step_size,
            "num_targets": MOST_TARGETS if self.num_targets is None else self.num_targets,
        }

    def reach(self) -> float:
        """Half of the steps whole, the others a fifth of that."""
        whole = -(-self.num_steps // 2)
        return (whole + FINE * (self.num_steps - whole)) * self.tunables()["step_size"]

    def choose_objective(self, head: Any) -> str:
        """The untargeted relative of what is climbed, by which the clean images are looked at.

        Raises:
            UserError: for `tar1` on a head without centers.
        """
        if self.variant == "margin":
            return "margin"
        if not getattr(head, "has_centers", False):
            raise argument_error("variant", "margin for a model whose head has no MM centers", self.variant)
        return "mmc"

    def run(
        self,
        oracle: Oracle,
        images: tf.Tensor,
        *,
        indices: tf.Tensor,
        seed: tf.Tensor,
        tunables: Mapping[str, tf.Tensor],
        clean: Evaluation | None,
        active: tf.Tensor,
    ) -> Crafted:
        """Run after run on the examples that are not broken; those that stay so end with the last iterate."""
        scores = (oracle.look(images) if clean is None else clean).scores
        classes = wrong_classes(scores, oracle.labels)
        num_targets = tf.minimum(tunables["num_targets"], classes.shape[1])
        epsilon, num_steps = tunables["epsilon"], tunables["num_steps"]
        climbs: Objective = lead if self.variant == "margin" else mmc

        def run_once(run, best, rank, queries, gradients):
            place, stream = aim(run, num_targets)
            targets = tf.gather(classes, place, axis=1)
            start = random_start(images, indices, norm=self.norm, epsilon=epsilon, seed=seed, restart=stream)

            def step(k, point, rank, gradients):
                unbroken = rank < GOAL
                seen = oracle.evaluate(point, unbroken, objective=climbs, targets=targets)
                if self.iterate == "any":
                    rank = tf.where(unbroken, oracle.rank(seen.prediction), rank)
                size = tunables["step_size"] * tf.where(2 * k < num_steps, 1.0, FINE)
                moved = move(
                    point,
                    dense_step(seen.gradient, norm=self.norm, size=size),
                    clean=images,
                    norm=self.norm,
                    epsilon=epsilon,
                    box_first=self.norm == "l2",  # as PGD
                )
                point = tf.where(_spread(rank < GOAL), moved, point)
                return k + 1, point, rank, gradients + tf.cast(unbroken, tf.int32)

            def unfinished(k, point, rank, gradients):
                return (k < num_steps) & tf.reduce_any(rank < GOAL)

            point = tf.where(_spread(rank < GOAL), start, best)
            before = gradients
            _, point, rank, gradients = tf.while_loop(
                unfinished, step, (tf.constant(0), point, rank, gradients), parallel_iterations=1
            )
            unbroken = rank < GOAL
            rank = tf.where(unbroken, oracle.rank(oracle.predictions(point, unbroken)), rank)
            queries += gradients - before + tf.cast(unbroken, tf.int32)
            return run + 1, point, rank, queries, gradients

        def any_unbroken(run, best, rank, queries, gradients):
            return (run < num_targets * tunables["num_restarts"]) & tf.reduce_any(rank < GOAL)

        nothing = tf.zeros_like(oracle.labels)
        state = (tf.constant(0), images, tf.where(active, 0, GOAL), nothing, nothing)
        _, best, _, queries, gradients = tf.while_loop(any_unbroken, run_once, state, parallel_iterations=1)
        return Crafted(best, queries, gradients)


def lead(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None = None) -> tf.Tensor:
    """h_t - h_y (N,): twice tar2 of the MMC paper's Appendix B.4."""
    return pick(scores.logits, targets) - pick(scores.logits, labels)


def _spread(flags: tf.Tensor) -> tf.Tensor:
    return flags[:, None, None, None]
