"""The loop behind FAB and FAB-T: runs that walk along the decision boundary towards the clean image."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf

from mmc_tf.attacks.base import Crafted
from mmc_tf.attacks.hyperplane import step_to_hyperplane
from mmc_tf.attacks.minimum_norm import MinimumNormAttack
from mmc_tf.attacks.norms import lengths, random_directions, spread
from mmc_tf.attacks.objectives import without
from mmc_tf.attacks.oracle import Evaluation, Oracle
from mmc_tf.attacks.projections import clip_box
from mmc_tf.checks import check_number

# What random starts are scaled by where neither ε nor a distance found is finite: AutoAttack's own radii.
START_RADII = {"linf": 0.3, "l2": 1.0, "l1": 5.0}
LEAST_SHARE = 1e-4  # of the way from x to the plane, that a step from this side of it takes at least
SHORTEST = 1e-8  # floor of the lengths that α is computed from


class Plane(NamedTuple):
    """The boundary as it looks from x_k: w·(v - x_k) + f = 0.

    Attributes:
        value: (N,) f = h_j - h_y at x_k.
        normal: (N, H, W, C) w = ∇f at x_k.
    """

    value: tf.Tensor
    normal: tf.Tensor


@dataclass(frozen=True, kw_only=True)
class FABAttack(MinimumNormAttack):
    """x_{k+1} = clip01((1 - α)(x_k + η·d1) + α(x + η·d2)), then back towards x whenever it is misclassified.

    d1 and d2 lead from x_k and from the clean x to the plane `Plane` within the box; α =
    min(‖d1‖/(‖d1‖ + ‖d2‖), α_max) (Croce & Hein, ICML 2020, Section 2). A misclassified x_{k+1} is recorded if
    it is the nearest so far, and becomes x + β(x_{k+1} - x). Wrong means other than the true label. One thing
    is added to the paper: `LEAST_SHARE`, without which one example in fifty stops 10 % short in float32.

    The first run starts at x, others at x + ½·min(distance found, ε)·u with a random direction u of norm 1.
    Runs after the first leave out the examples that are broken within ε already; without ε there are none.

    Args:
        num_steps: steps >= 0 of one run; each costs two forward passes.
        num_restarts: runs >= 1.
        alpha_max: 0 <= α_max <= 1, the largest weight of the clean image.
        overshoot: η >= 1, how far past the plane.
        backward: 0 < β <= 1, what is kept of the distance from x after a success.
    """

    family: ClassVar[str] = "fab"
    tunable_names: ClassVar[tuple[str, ...]] = (
        "epsilon",
        "num_steps",
        "num_restarts",
        "alpha_max",
        "overshoot",
        "backward",
    )
    takes_objective: ClassVar[bool] = False
    packs: ClassVar[bool] = True
    can_target: ClassVar[bool] = False

    num_steps: int = 100
    num_restarts: int = 1
    alpha_max: float = 0.1
    overshoot: float = 1.05
    backward: float = 0.9

    def __post_init__(self):
        super().__post_init__()
        check_number("num_steps", self.num_steps, minimum=0, integer=True)
        check_number("num_restarts", self.num_restarts, minimum=1, integer=True)
        check_number("alpha_max", self.alpha_max, minimum=0, maximum=1)
        check_number("overshoot", self.overshoot, minimum=1)
        check_number("backward", self.backward, above=0, maximum=1)

    def choose_objective(self, head: Any) -> str:
        """Differences of logits, whatever the head: what the report on zero gradients is about."""
        return "margin"

    def count_targets(self, num_classes: int, tunables: Mapping[str, tf.Tensor]) -> tf.Tensor | int:
        """Runs from each start."""
        return 1

    @abc.abstractmethod
    def look_for_plane(
        self, oracle: Oracle, point: tf.Tensor, active: tf.Tensor, ranked: tf.Tensor, target: tf.Tensor
    ) -> tuple[Plane, int]:
        """The plane to go to from x_k, and the backward passes it took.

        Args:
            oracle: answers for the model.
            point: (N, H, W, C) x_k.
            active: (N,) bool, the examples in the run.
            ranked: (N, L - 1) int32 the wrong classes by falling clean logits.
            target: scalar int32, which of them the run is about.
        """

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
        """All runs; keeps the nearest misclassified iterate of each example, or the clean image."""
        nothing = tf.zeros_like(oracle.labels)
        queries, scores = nothing, None if clean is None else clean.scores
        if scores is None:
            look = oracle.look(images, active)
            scores, queries = look.scores, tf.cast(active, tf.int32)
            # Outside of the judged call the clean image may be wrong, and the nearest image it is then.
            active &= tf.equal(look.prediction, oracle.labels)
        ranked = rank_wrong_classes(scores, oracle.labels)
        num_targets = self.count_targets(scores.shape[-1], tunables)

        def start(r: tf.Tensor, distance: tf.Tensor) -> tf.Tensor:
            radius = tf.minimum(distance, tunables["epsilon"])
            radius = tf.where(tf.math.is_finite(radius), radius, START_RADII[self.norm])
            u = random_directions(images, indices, norm=self.norm, seed=seed, stream=r)
            return clip_box(images + spread(0.5 * radius) * u)

        def run_once(r, best, distance, queries, gradients):
            broken = (distance <= tunables["epsilon"]) & tf.math.is_finite(tunables["epsilon"])
            running = active & ~broken
            point = tf.cond(r < num_targets, lambda: images, lambda: start(r, distance))

            def step(k, point, running, best, distance, queries, gradients):
                plane, passes = self.look_for_plane(oracle, point, running, ranked, r % num_targets)
                asked = tf.cast(running, tf.int32)
                # Where the gradient is zero there is no plane, and never will be from here.
                running &= lengths(plane.normal, norm="linf") > 0
                queries, gradients = queries + asked + tf.cast(running, tf.int32), gradients + passes * asked
                moved = self.advance(point, images, plane, tunables)
                wrong = running & tf.not_equal(oracle.predictions(moved, running), oracle.labels)
                reached = lengths(moved - images, norm=self.norm)
                better = wrong & (reached < distance)
                best = tf.where(spread(better), moved, best)
                distance = tf.where(better, reached, distance)
                back = images + tunables["backward"] * (moved - images)
                moved = tf.where(spread(wrong), back, moved)
                point = tf.where(spread(running), moved, point)
                return k + 1, point, running, best, distance, queries, gradients

            def unfinished(k, point, running, *others):
                return (k < tunables["num_steps"]) & tf.reduce_any(running)

            state = (tf.constant(0), point, running, best, distance, queries, gradients)
            _, _, _, *kept = tf.while_loop(unfinished, step, state, parallel_iterations=1)
            return r + 1, *kept

        def more(r, *others):
            return r < num_targets * tunables["num_restarts"]

        far = tf.fill(tf.shape(oracle.labels), float("inf"))
        state = (tf.constant(0), images, far, queries, nothing)
        _, best, _, queries, gradients = tf.while_loop(more, run_once, state, parallel_iterations=1)
        return Crafted(best, queries, gradients)

    def advance(
        self, point: tf.Tensor, images: tf.Tensor, plane: Plane, tunables: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """x_{k+1} before the backward step, as x and a perturbation: pixels that no d moves keep x's values."""
        delta = point - images
        away = tf.reduce_sum(plane.normal * delta, [1, 2, 3])
        whole = away - plane.value
        # A step from beyond the plane lands on it but for terms of second order, and one from there would
        # vanish in the rounding of the pixels: examples would stand on the boundary for ever.
        rest = tf.where(plane.value <= 0, tf.maximum(-plane.value, LEAST_SHARE * whole), -plane.value)
        d1 = step_to_hyperplane(point, plane.normal, rest, norm=self.norm)
        d2 = step_to_hyperplane(images, plane.normal, whole, norm=self.norm)
        one, two = (tf.maximum(lengths(d, norm=self.norm), SHORTEST) for d in (d1, d2))
        alpha = spread(tf.minimum(one / (one + two), tunables["alpha_max"]))
        overshoot = tunables["overshoot"]
        return clip_box(images + (1 - alpha) * (delta + overshoot * d1) + alpha * (overshoot * d2))


def rank_wrong_classes(scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """(N, L), (N,) -> (N, L - 1) int32: all classes but the label, by falling scores."""
    return tf.math.top_k(without(scores, labels), k=scores.shape[-1] - 1).indices
