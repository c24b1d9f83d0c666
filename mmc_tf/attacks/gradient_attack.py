"""The loop behind FGSM, BIM, PGD and MIM: steps along gradients, restarts, and which iterate counts."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from mmc_tf.attacks.base import Attack, Crafted
from mmc_tf.attacks.oracle import Evaluation, Oracle
from mmc_tf.attacks.steps import move
from mmc_tf.checks import argument_error

GOAL = 2  # the rank of a prediction that ends the attack on an example (`Oracle.rank`)
Memory = tuple[tf.Tensor, ...]


def _spread(flags: tf.Tensor) -> tf.Tensor:
    return flags[:, None, None, None]


@dataclass(frozen=True, kw_only=True)
class GradientAttack(Attack):
    """x_{k+1} = clip01(x + P_ε(x_k + s(∇J(x_k)) - x)), from x_0, as one compiled loop.

    The prediction that freezes an example comes from the forward pass that its gradient needs anyway, so that
    a step costs one forward and one backward pass. An example that reached its goal stands still, and the
    loop ends early once every example has: neither changes the outcome for any other example.

    Subclasses give `direction`, and `tunables` with `num_steps` and `num_restarts` among them.
    """

    def starts_clean(self) -> bool:
        """Whether x_0 is the clean image."""
        return True

    def several_runs(self) -> bool:
        """Whether there are restarts: the one thing about their number that a trace depends on."""
        return False

    def perturb(self, *args: Any, **keywords: Any) -> tf.Tensor:
        """As every attack's; the number of restarts can be changed where there are several.

        Raises:
            UserError: for `num_restarts` where the attack has one run.
        """
        if "num_restarts" in keywords and not self.several_runs():
            expected = (
                f"no override for the attack {self.name} with one run (make it with num_restarts=2 or more)"
            )
            raise argument_error("num_restarts", expected, keywords["num_restarts"])
        return super().perturb(*args, **keywords)

    def start(self, images, *, indices, seed, restart, tunables) -> tf.Tensor:
        """x_0 of one run, (N, H, W, C)."""
        return images

    def initial_memory(self, images: tf.Tensor) -> Memory:
        """What `direction` carries from step to step."""
        return ()

    @abc.abstractmethod
    def direction(
        self, gradient: tf.Tensor, memory: Memory, tunables: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, Memory]:
        """The step along a gradient, (N, H, W, C), and the new memory."""

    def advance(
        self,
        point: tf.Tensor,
        images: tf.Tensor,
        gradient: tf.Tensor,
        memory: Memory,
        tunables: Mapping[str, tf.Tensor],
    ) -> tuple[tf.Tensor, Memory]:
        """One step from `point`, back into ball and box, and the new memory."""
        step, memory = self.direction(gradient, memory, tunables)
        # CleverHans' FGM and PGD clip to the box on both sides of the ball.
        box_first = self.norm == "l2"
        epsilon = tunables["epsilon"]
        return move(point, step, clean=images, norm=self.norm, epsilon=epsilon, box_first=box_first), memory

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
        """Runs from every start; keeps, per example, the first iterate of the highest rank (`Oracle.rank`).

        If no iterate has a rank above 0, the last iterate of the last run is kept.
        """
        several = self.several_runs()
        # The last iterate is not looked at in the loop. The final verdict does that, unless the outcome
        # decides what to keep: among restarts, or between a hit target and an earlier wrong class.
        look_at_last = several or (self.targeted and self.iterate == "any")
        clean_known = clean is not None and self.starts_clean()

        def step(k, point, memory, best, rank, queries):
            unbroken = rank < GOAL
            evaluation = oracle.evaluate(point, unbroken)
            queries += tf.cast(unbroken, tf.int32)
            if self.iterate == "any":
                seen = tf.where(unbroken, oracle.rank(evaluation.prediction), rank)
                best = tf.where(_spread(seen > rank), point, best)
                rank = tf.maximum(rank, seen)
            moved, memory = self.advance(point, images, evaluation.gradient, memory, tunables)
            return k + 1, tf.where(_spread(rank < GOAL), moved, point), memory, best, rank, queries

        def unfinished(k, point, memory, best, rank, queries):
            return (k < tunables["num_steps"]) & tf.reduce_any(rank < GOAL)

        def run_once(restart, best, rank, queries, gradients):
            point = self.start(images, indices=indices, seed=seed, restart=restart, tunables=tunables)
            memory, k = self.initial_memory(images), tf.constant(0)
            if clean_known:
                # The first iterate is the clean image, whose evaluation is there already.
                moved, memory = self.advance(point, images, clean.gradient, memory, tunables)
                point = tf.where(_spread(rank < GOAL) & (tunables["num_steps"] > 0), moved, point)
                k = tf.constant(1)
            before = queries
            _, point, memory, best, rank, queries = tf.while_loop(
                unfinished, step, (k, point, memory, best, rank, queries), parallel_iterations=1
            )
            gradients += queries - before
            seen = tf.zeros_like(rank)
            if look_at_last:
                unbroken = rank < GOAL
                seen = tf.where(unbroken, oracle.rank(oracle.predictions(point, unbroken)), rank)
                queries += tf.cast(unbroken, tf.int32)
            best = tf.where(_spread((seen > rank) | (rank == 0)), point, best)
            return restart + 1, best, tf.maximum(rank, seen), queries, gradients

        def any_unbroken(restart, best, rank, queries, gradients):
            return (restart < tunables["num_restarts"]) & tf.reduce_any(rank < GOAL)

        nothing = tf.zeros_like(oracle.labels)
        state = (tf.constant(0), images, tf.where(active, 0, GOAL), nothing, nothing)
        state = (
            tf.while_loop(any_unbroken, run_once, state, parallel_iterations=1)
            if several
            else run_once(*state)
        )
        _, best, _, queries, gradients = state
        return Crafted(best, queries, gradients)

    def static_key(self) -> tuple:
        """Adds whether there are several runs."""
        return (*super().static_key(), self.several_runs())
