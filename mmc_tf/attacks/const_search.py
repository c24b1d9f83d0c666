"""What C&W and EAD share: a hinge on the margin, weighed by a constant c, and the search for c."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf

from mmc_tf.attacks.base import Crafted
from mmc_tf.attacks.gradient_attack import GOAL
from mmc_tf.attacks.minimum_norm import MinimumNormAttack
from mmc_tf.attacks.objectives import Objective, Scores, margin, objectives
from mmc_tf.attacks.oracle import Evaluation, Look, Oracle
from mmc_tf.attacks.projections import example_axes
from mmc_tf.checks import check_choice, check_number

SCALES = {"margin": 1.0, "mmc_margin": 0.5}  # how many margins the objectives are
UNBOUNDED = 1e10  # the upper bound of c before any success
BOUNDED = 1e9
REPEATS = 10  # from this many steps on the last one repeats the least c that succeeded
CHECKS = 10  # how often a step looks whether its loss still falls
PROGRESS = 0.9999
TUNABLES = ("epsilon", "num_steps", "learning_rate", "initial_const", "confidence")

Variables = tuple[tf.Tensor, ...]


class Bracket(NamedTuple):
    """What the search knows of each example's c: (N,) bounds, and the value to try next."""

    lower: tf.Tensor
    upper: tf.Tensor
    const: tf.Tensor


class Found(NamedTuple):
    """The nearest adversarial images so far, (N, H, W, C), and how far they are, (N,)."""

    images: tf.Tensor
    cost: tf.Tensor


def first_bracket(initial: tf.Tensor, size: tf.Tensor) -> Bracket:
    """c = `initial` for each of N examples, between 0 and as good as infinity."""
    shape = tf.reshape(size, [1])
    return Bracket(tf.zeros(shape), tf.fill(shape, UNBOUNDED), tf.fill(shape, initial))


def narrow(bracket: Bracket, succeeded: tf.Tensor) -> Bracket:
    """Bisects where c is bounded from above, else multiplies it by ten (Carlini & Wagner, S&P 2017).

    Args:
        bracket: the bounds and the c that was tried.
        succeeded: (N,) bool, whether an iterate of that c reached the goal.

    Returns:
        The new bounds, and the next c.
    """
    lower = tf.where(succeeded, bracket.lower, tf.maximum(bracket.lower, bracket.const))
    upper = tf.where(succeeded, tf.minimum(bracket.upper, bracket.const), bracket.upper)
    const = tf.where(upper < BOUNDED, 0.5 * (lower + upper), 10.0 * bracket.const)
    return Bracket(lower, upper, const)


def hinge(choose_objective: Callable[[Any], str], confidence: tf.Tensor) -> Objective:
    """-f with f = s·max(0, h_y - max_{j≠y} h_j + κ), or s·max(0, max_{j≠t} h_j - h_t + κ).

    s is 1 for `margin`, ½ for `mmc_margin` (MMC, Appendix B.4: half the margin). The objective `mmc_margin` has
    h_y in the place of max_{j≠t} h_j, which would leave a third class in the lead: hence the untargeted form
    with t as the label, negated.

    Args:
        choose_objective: maps a head (or None) to one of the two names.
        confidence: scalar κ >= 0, in units of the logits.

    Returns:
        The objective.
    """

    def objective(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None = None) -> tf.Tensor:
        name = choose_objective(scores.head)
        value = objectives.get(name)
        lead = value(scores, labels, None) if targets is None else -value(scores, targets, None)
        return -tf.nn.relu(SCALES[name] * confidence - lead)

    return objective


def squared_distance(delta: tf.Tensor) -> tf.Tensor:
    """‖δ‖₂², (N, ...) -> (N,)."""
    return tf.reduce_sum(tf.square(delta), example_axes(delta))


def _spread(values: tf.Tensor) -> tf.Tensor:
    return values[:, None, None, None]


@dataclass(frozen=True, kw_only=True)
class ConstSearchAttack(MinimumNormAttack):
    """Minimises ‖x' - x₀‖₂² + c·f(x') for several c per example, and keeps the nearest success of all iterates.

    Subclasses say where each descent starts, how it steps, and what counts as near.

    Args:
        objective: `margin` or `mmc_margin` (half of it: c counts half); None: `mmc_margin` on heads with
            centers if `adaptive`, else `margin`.
        num_steps: iterations >= 1 for each c (MMC: 1000).
        binary_search_steps: values of c >= 1 to try (Carlini & Wagner: 9). With ten or more the last is the least
            that succeeded, once more.
        learning_rate: of the descent, > 0, in units of its variables.
        initial_const: the first c > 0.
        confidence: κ >= 0, the lead in logits that the goal must have (Carlini & Wagner: 0).
        abort_early: leave an example's descent when a tenth of its iterations lowered its loss by less than
            one in 10,000.

    Raises:
        UserError: for values out of range, and other objectives.
    """

    tunable_names: ClassVar[tuple[str, ...]] = TUNABLES

    num_steps: int = 1000
    binary_search_steps: int = 9
    learning_rate: float = 1e-2
    initial_const: float = 1e-3
    confidence: float = 0.0
    abort_early: bool = False

    def __post_init__(self):
        if self.objective is not None:
            check_choice("objective", self.objective, SCALES)
        super().__post_init__()
        check_number("num_steps", self.num_steps, minimum=1, integer=True)
        check_number("binary_search_steps", self.binary_search_steps, minimum=1, integer=True)
        check_number("learning_rate", self.learning_rate, above=0)
        check_number("initial_const", self.initial_const, above=0)
        check_number("confidence", self.confidence, minimum=0)

    def choose_objective(self, head: Any) -> str:
        """`mmc_margin` for heads with centers if adaptive, else `margin`: cross-entropy has no hinge."""
        if self.objective is not None:
            return self.objective
        return "mmc_margin" if self.adaptive and getattr(head, "has_centers", False) else "margin"

    def origin(self, images: tf.Tensor) -> tf.Tensor:
        """x₀: where every descent starts, and the distance of its loss is measured from."""
        return images

    @abc.abstractmethod
    def initial_variables(self, origin: tf.Tensor) -> Variables:
        """What a descent carries from step to step, beside the point whose gradient it asks for."""

    @abc.abstractmethod
    def advance(
        self,
        k: tf.Tensor,
        variables: Variables,
        point: tf.Tensor,
        slope: tf.Tensor,
        *,
        images: tf.Tensor,
        tunables: Mapping[str, tf.Tensor],
    ) -> tuple[Variables, tf.Tensor, tf.Tensor]:
        """Step k along the slope ∇(‖x' - x₀‖₂² + c·f) at the point.

        Returns:
            The new variables, the iterate to be judged, and the point to ask for the next gradient. Where the
            two are the same tensor, one pass answers both.
        """

    @abc.abstractmethod
    def cost(self, delta: tf.Tensor, tunables: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """(N,) what the attack keeps the least of."""

    def penalty(self, delta: tf.Tensor, tunables: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """(N,) what the loss holds beside c·f."""
        return squared_distance(delta)

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
        """Descends once for each c; the gradient at the common start is asked for once."""
        origin = self.origin(images)
        objective = hinge(self.choose_objective, tunables["confidence"])
        start = oracle.evaluate(origin, active, objective=objective)
        # Nothing is nearer than the start.
        there = active & _reaches(start, oracle, tunables["confidence"])
        cost = tf.where(there, 0.0, tf.fill(tf.shape(there), float("inf")))
        found = Found(tf.where(_spread(there), origin, images), cost)
        descend = _Descent(self, oracle, objective, images, origin, start.gradient, tunables, active & ~there)

        def try_const(step, bracket, found, queries, gradients):
            if self.binary_search_steps >= REPEATS:
                last = tf.equal(step, self.binary_search_steps - 1)
                bracket = bracket._replace(const=tf.where(last, bracket.upper, bracket.const))
            found, succeeded, asked, differentiated = descend(bracket.const, found)
            return step + 1, narrow(bracket, succeeded), found, queries + asked, gradients + differentiated

        once = tf.cast(active, tf.int32)
        bracket = first_bracket(tunables["initial_const"], tf.size(active))
        _, _, found, queries, gradients = tf.while_loop(
            lambda step, *_: (step < self.binary_search_steps) & tf.reduce_any(descend.active),
            try_const,
            (tf.constant(0), bracket, found, once, once),
            parallel_iterations=1,
        )
        return Crafted(found.images, queries, gradients)


@dataclass(frozen=True)
class _Descent:
    """One descent for every active example, each with its c."""

    attack: ConstSearchAttack
    oracle: Oracle
    objective: Objective
    images: tf.Tensor
    origin: tf.Tensor
    first_gradient: tf.Tensor
    tunables: Mapping[str, tf.Tensor]
    active: tf.Tensor

    def __call__(self, const: tf.Tensor, found: Found) -> tuple[Found, tf.Tensor, tf.Tensor, tf.Tensor]:
        """What is found then, who succeeded, and the images sent forward and backward, each (N,)."""
        attack, oracle, tunables = self.attack, self.oracle, self.tunables
        num_steps = tunables["num_steps"]
        interval = tf.maximum(num_steps // CHECKS, 1)

        def step(k, variables, point, gradient, alive, previous, found, succeeded, queries, gradients):
            # The gradient is that of -f.
            slope = 2.0 * (point - self.origin) - _spread(const) * gradient
            variables, iterate, point = attack.advance(
                k, variables, point, slope, images=self.images, tunables=tunables
            )
            evaluation = oracle.evaluate(point, alive, objective=self.objective)
            cost = attack.cost(iterate - self.images, tunables)
            judged, asked = evaluation, alive
            if iterate is not point:
                # The verdict on an iterate that is no nearer tells nothing once this c is known to succeed.
                asked = alive & ((cost < found.cost) | ~succeeded)
                judged = oracle.look(iterate, asked)
                queries += tf.cast(asked, tf.int32)
            queries += tf.cast(alive, tf.int32)
            gradients += tf.cast(alive, tf.int32)
            reached = asked & _reaches(judged, oracle, tunables["confidence"])
            better = reached & (cost < found.cost)
            found = Found(
                tf.where(_spread(better), iterate, found.images), tf.where(better, cost, found.cost)
            )
            if attack.abort_early:
                loss = attack.penalty(point - self.origin, tunables) - const * evaluation.objective
                checking = tf.equal(k % interval, 0)
                alive &= ~(checking & (loss > PROGRESS * previous))
                previous = tf.where(checking, loss, previous)
            gradient = evaluation.gradient
            succeeded |= reached
            return k + 1, variables, point, gradient, alive, previous, found, succeeded, queries, gradients

        def unfinished(k, variables, point, gradient, alive, *_):
            return (k < num_steps) & tf.reduce_any(alive)

        nothing = tf.zeros_like(oracle.labels)
        state = (
            tf.constant(0),
            attack.initial_variables(self.origin),
            self.origin,
            self.first_gradient,
            self.active,
            tf.fill(tf.shape(const), float("inf")),
            found,
            tf.zeros_like(self.active),
            nothing,
            nothing,
        )
        *_, found, succeeded, queries, gradients = tf.while_loop(
            unfinished, step, state, parallel_iterations=1
        )
        return found, succeeded, queries, gradients


def _reaches(judged: Evaluation | Look, oracle: Oracle, confidence: tf.Tensor) -> tf.Tensor:
    """(N,) bool: the goal is predicted, with a lead of κ where one is asked for."""
    lead = margin(Scores(judged.scores), oracle.labels, oracle.targets)
    # Without κ the prediction alone decides: it breaks ties and rounds as the final verdict does.
    confident = (confidence <= 0) | (lead >= confidence)
    return tf.equal(oracle.rank(judged.prediction), GOAL) & confident
