"""What APGD-CE, APGD-DLR and APGD-T share: runs, radii, and which iterate counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf

from mmc_tf.attacks.apgd_climb import MomentumRule, set_out, spread
from mmc_tf.attacks.apgd_l1 import SparseRule
from mmc_tf.attacks.arguments import Batch
from mmc_tf.attacks.base import Attack, Crafted
from mmc_tf.attacks.gradient_attack import GOAL
from mmc_tf.attacks.oracle import Evaluation, Model, Oracle
from mmc_tf.attacks.result import AttackResult
from mmc_tf.checks import argument_error, check_number
from mmc_tf.classifier import Classifier

RADII = (3.0, 2.0, 1.0)  # of the l1 schedule, in units of ε
TARGETED_DLR = 4  # classes that its denominator takes
LENGTHS = (3, 3, 4)  # of its stages, in tenths of the steps


class Outcome(NamedTuple):
    """What an attack has so far.

    Attributes:
        images: (N, H, W, C) what it would return.
        rank: (N,) int32, of the best prediction seen (`Oracle.rank`).
        value: (N,) the objective of `images` where the best objective is what counts.
        evaluations: (N,) int32.
    """

    images: tf.Tensor
    rank: tf.Tensor
    value: tf.Tensor
    evaluations: tf.Tensor


class Plan(NamedTuple):
    """The runs of an attack.

    Attributes:
        num_runs: scalar int32.
        aim: maps the number of a run to its targets, (N,) int32 or None for the attack's own, and to its
            stream of random draws.
    """

    num_runs: tf.Tensor
    aim: Callable[[tf.Tensor], tuple[tf.Tensor | None, tf.Tensor]]


@dataclass(frozen=True, kw_only=True)
class APGD(Attack):
    """Auto-PGD: steps that adapt themselves, from random starts (`MomentumRule`, `SparseRule`).

    Returns a misclassified iterate, or the clean image if there was none. With `iterate="any"` that is the
    first, and the example leaves; with `last`, as in the authors' code, the last of all iterates of a run.

    Args:
        num_steps: iterations >= 0 of one run, each a forward and a backward pass beyond the start's.
        num_restarts: runs >= 1 from independent starts, each on the examples that are not broken yet.
        radius_schedule: in l1, climb in the balls of radius 3ε and 2ε first, for 30 % of the steps each, and
            begin where that ended; only iterates of the last 40 % count. No effect in linf and l2.
        eot_iterations: gradients >= 1 whose mean is one step's, for models that draw at random in every pass
            (expectation over transformation).
        eot_majority: the share in [0, 1) of several passes over one image that must be more than wrong for it to count
            as broken, in the attack and in the verdict: of `eot_iterations`, or of ten where the network draws at
            random and there is one gradient a step.

    Raises:
        UserError: for numbers out of range.
    """

    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    tunable_names: ClassVar[tuple[str, ...]] = ("epsilon", "num_steps", "num_restarts")
    family: ClassVar[str] = "apgd"
    takes_objective: ClassVar[bool] = False
    packs: ClassVar[bool] = True
    climbs: ClassVar[str] = ""  # the objective's name

    num_steps: int = 100
    num_restarts: int = 1
    radius_schedule: bool = True
    eot_iterations: int = 1
    eot_majority: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        check_number("num_steps", self.num_steps, minimum=0, integer=True)
        check_number("num_restarts", self.num_restarts, minimum=1, integer=True)
        check_number("eot_iterations", self.eot_iterations, minimum=1, integer=True)
        check_number("eot_majority", self.eot_majority, minimum=0, maximum=1)
        if self.eot_majority == 1:
            raise argument_error("eot_majority", "a share below 1, which more passes can exceed", 1)
        if not isinstance(self.radius_schedule, bool):
            raise argument_error("radius_schedule", "True or False", self.radius_schedule)

    def choose_objective(self, head: Any) -> str:
        """The attack's own objective, on every head."""
        return self.climbs

    def attack(self, model: Model, batch: Batch) -> AttackResult:
        """As every attack's.

        Raises:
            UserError: for a model of too few classes, which the objective would otherwise be blamed for.
        """
        self.check_classes(batch.num_classes)
        return super().attack(model, batch)

    def check_model(self, model: Model, batch: Batch) -> None:
        """As every attack's, and that a targeted one has the classes for it."""
        if batch.num_classes >= self.least_classes:
            self.check_classes(batch.num_classes)
        super().check_model(model, batch)

    def check_classes(self, num_classes: int) -> None:
        """Raises a UserError unless the model has the classes that the objective needs."""
        needed = TARGETED_DLR if self.targeted and self.climbs == "dlr" else self.least_classes
        if num_classes < needed:
            kind = "targeted" if needed == TARGETED_DLR else "untargeted"
            expected = f"one that works with {num_classes} classes ({kind} {self.climbs} needs {needed})"
            raise argument_error("attack", expected, self.name)

    def passes_per_look(self) -> int:
        """As many as a gradient is the mean of."""
        return self.eot_iterations

    def votes_on(self, classifier: Classifier) -> int:
        """As many as there are gradients, where there are several."""
        return self.eot_iterations if self.eot_iterations > 1 else super().votes_on(classifier)

    def majority(self) -> float:
        """As it was set."""
        return self.eot_majority

    def search_majority(self) -> float:
        """The same, where several gradients make a step."""
        return self.eot_majority if self.eot_iterations > 1 else super().search_majority()

    def clean_majority(self) -> float:
        """The same, where several gradients make a step."""
        return self.eot_majority if self.eot_iterations > 1 else super().clean_majority()

    def returns_best(self) -> bool:
        """Whether the iterate of largest objective is returned instead of a misclassified one."""
        return False

    def plan(
        self,
        oracle: Oracle,
        images: tf.Tensor,
        *,
        tunables: Mapping[str, tf.Tensor],
        clean: Evaluation | None,
    ) -> Plan:
        """The restarts, all with the same aim."""
        return Plan(tunables["num_restarts"], lambda run: (None, run))

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
        """Run after run on the examples that are not broken, until there are no more of one or the other."""
        plan = self.plan(oracle, images, tunables=tunables, clean=clean)
        scheduled = self.norm == "l1" and self.radius_schedule
        radii, lengths = (RADII, LENGTHS) if scheduled else ((1.0,), (10,))
        last = len(radii) - 1

        def length_of(stage):
            whole = tunables["num_steps"]
            rest = whole - sum(whole * tenths // 10 for tenths in lengths[:-1])
            return tf.where(stage < last, whole * tf.gather(lengths, stage) // 10, rest)

        def run_once(run, outcome):
            targets, stream = plan.aim(run)
            entered = outcome.rank < GOAL

            def climb_once(stage, point, outcome):
                num_steps = length_of(stage)
                rule = self._rule(images, tunables["epsilon"] * tf.gather(radii, stage), num_steps, scheduled)
                point = rule.enter(point)
                counts = tf.equal(stage, last)

                def visit(k, period, waited, climb, memory, outcome):
                    running = self._running(entered, outcome)
                    seen = oracle.evaluate(climb.point, running, targets=targets)
                    outcome = self._record(oracle, outcome, climb.point, seen, running, counts)
                    climb = climb.see(seen.objective, seen.gradient)
                    waited += tf.cast(k > 0, tf.int32)
                    climb, memory, period, waited = tf.cond(
                        tf.equal(waited, period),
                        lambda: (*rule.review(climb, memory, period), rule.next_period(period), 0),
                        lambda: (climb, memory, period, waited),
                    )
                    climb = climb.go(rule.step(climb, memory, tf.equal(k, 0)))
                    return k + 1, period, waited, climb, memory, outcome

                def unfinished(k, period, waited, climb, memory, outcome):
                    return (k <= num_steps) & tf.reduce_any(self._running(entered, outcome))

                zero = tf.constant(0)
                state = (zero, rule.first_period(), zero, set_out(point), rule.begin(point), outcome)
                *_, climb, _, outcome = tf.while_loop(unfinished, visit, state, parallel_iterations=1)
                if self.returns_best():
                    better = entered & counts & (climb.best_value > outcome.value)
                    outcome = outcome._replace(
                        images=tf.where(spread(better), climb.best_point, outcome.images),
                        value=tf.where(better, climb.best_value, outcome.value),
                    )
                return stage + 1, climb.best_point, outcome

            # The first stage's rule draws the start; where there are several, only `enter` knows the radius.
            first = self._rule(images, tunables["epsilon"], length_of(tf.constant(0)), scheduled)
            state = (tf.constant(0), first.start(indices, seed=seed, stream=stream), outcome)
            *_, outcome = tf.while_loop(
                lambda stage, point, outcome: stage <= last, climb_once, state, parallel_iterations=1
            )
            return run + 1, outcome

        nothing = tf.zeros_like(oracle.labels)
        low = tf.fill(tf.shape(nothing), -float("inf"))
        state = (tf.constant(0), Outcome(images, tf.where(active, 0, GOAL), low, nothing))
        _, outcome = tf.while_loop(
            lambda run, outcome: (run < plan.num_runs) & tf.reduce_any(outcome.rank < GOAL),
            run_once,
            state,
            parallel_iterations=1,
        )
        passes = self.eot_iterations * outcome.evaluations
        return Crafted(outcome.images, passes, passes)

    def _rule(self, images, epsilon, num_steps, scheduled):
        if self.norm == "l1":
            return SparseRule(images, epsilon=epsilon, num_steps=num_steps, given_start=scheduled)
        return MomentumRule(images, norm=self.norm, epsilon=epsilon, num_steps=num_steps)

    def _running(self, entered, outcome):
        return entered & (outcome.rank < GOAL) if self.iterate == "any" else entered

    def _record(self, oracle, outcome, point, seen, running, counts):
        """Keeps the iterate, if it counts and does at least as well as what there is."""
        outcome = outcome._replace(evaluations=outcome.evaluations + tf.cast(running, tf.int32))
        if self.returns_best():
            return outcome
        rank = tf.where(running & counts, oracle.rank(seen.prediction), 0)
        better = rank > outcome.rank
        if self.iterate == "last":
            better |= (rank > 0) & tf.equal(rank, outcome.rank)
        return outcome._replace(
            images=tf.where(spread(better), point, outcome.images), rank=tf.maximum(outcome.rank, rank)
        )
