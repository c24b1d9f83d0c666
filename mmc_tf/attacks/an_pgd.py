"""AN-PGD: PGD for the direction, bisection for the length (Ding et al., "MMA Training", ICLR 2020, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from mmc_tf.attacks.base import Crafted
from mmc_tf.attacks.minimum_norm import MinimumNormAttack
from mmc_tf.attacks.norms import lengths, spread
from mmc_tf.attacks.oracle import Evaluation, Oracle
from mmc_tf.attacks.registry import attacks
from mmc_tf.attacks.shortest import BOUNDARIES, NORMS, search
from mmc_tf.checks import argument_error, check_choice, check_number

# The largest d_max that the paper trained with on CIFAR-10, and M as a multiple of d_max (its code).
LARGEST_MARGINS = {"linf": 32 / 255, "l2": 3.0}
MAX_OVER_MARGIN = 1.05
INITIAL_SHARE = 0.25  # of M, where neither a radius nor ε is given


@attacks.register("an_pgd")
@dataclass(frozen=True, kw_only=True)
class ANPGD(MinimumNormAttack):
    """δ_1 = PGD on the soft logit margin in a first radius e; then bisection along u = δ_1/‖δ_1‖ up to M.

    With `boundary="prediction"` and ε as first radius this is the paper's test mode: PGD at a fixed radius,
    whose success within ε is that of the attack, and the distance for the average margin. `boundary="slm"` is
    what training does: SLM = 0, where the true class has probability ½, mostly lies before the boundary of
    the prediction, and the image there is mostly not misclassified.

    Args:
        initial_radius: first radius 0 < e <= M; None: ε if there is one, else M/4.
        max_radius: M > 0, how far the search goes; None: 1.05·max(d_max, ε) with the largest d_max of the
            paper's CIFAR-10 models, 32/255 (linf) or 3 (l2).
        num_steps: K >= 1 steps of PGD, of length 2.5·e/K.
        num_bisections: halvings >= 0 of the bracket: the distance is known to M/2^num_bisections.
        num_restarts: runs >= 1; a later run takes the radius that the one before it found, as training does
            from epoch to epoch, and the nearest image of all runs is kept.
        boundary: `prediction` or `slm`.

    Raises:
        UserError: also for a first radius beyond M.

    Example:
        >>> ANPGD(epsilon=8 / 255).settings()["initial_radius"] == 8 / 255
        True
    """

    name: ClassVar[str] = "an_pgd"
    norms: ClassVar[tuple[str, ...]] = NORMS
    summary: ClassVar[str] = "adaptive-norm PGD of MMA: PGD for the direction, bisection for the distance"
    tunable_names: ClassVar[tuple[str, ...]] = (
        "epsilon",
        "initial_radius",
        "max_radius",
        "num_steps",
        "num_bisections",
        "num_restarts",
    )
    takes_objective: ClassVar[bool] = False
    can_target: ClassVar[bool] = False

    initial_radius: float | None = None
    max_radius: float | None = None
    num_steps: int = 40
    num_bisections: int = 10
    num_restarts: int = 1
    boundary: str = "prediction"

    def __post_init__(self):
        super().__post_init__()
        if self.max_radius is not None:
            check_number("max_radius", self.max_radius, above=0)
        if self.initial_radius is not None:
            check_number("initial_radius", self.initial_radius, above=0)
        check_number("num_steps", self.num_steps, minimum=1, integer=True)
        check_number("num_bisections", self.num_bisections, minimum=0, integer=True)
        check_number("num_restarts", self.num_restarts, minimum=1, integer=True)
        check_choice("boundary", self.boundary, BOUNDARIES)
        tunables = self.tunables()
        if tunables["initial_radius"] > tunables["max_radius"]:
            raise argument_error(
                "initial_radius",
                f"a radius <= max_radius = {tunables['max_radius']:g} (None takes epsilon)",
                tunables["initial_radius"],
            )

    def tunables(self) -> dict[str, float | int]:
        """With both radii resolved."""
        values = super().tunables()
        epsilon = self.epsilon or 0.0
        if self.max_radius is None:
            values["max_radius"] = MAX_OVER_MARGIN * max(LARGEST_MARGINS[self.norm], epsilon)
        if self.initial_radius is None:
            values["initial_radius"] = epsilon or INITIAL_SHARE * values["max_radius"]
        return values

    def reach(self) -> float:
        """M."""
        return self.tunables()["max_radius"]

    def choose_objective(self, head: Any) -> str:
        """The soft logit margin, whatever the head."""
        return "slm"

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
        """Searches once or more; returns the nearest image found, or the clean one."""

        def run_once(r, radius, best, distance):
            shortest = search(
                oracle,
                images,
                active=active,
                norm=self.norm,
                boundary=self.boundary,
                initial_radius=radius,
                max_radius=tunables["max_radius"],
                num_steps=tunables["num_steps"],
                num_bisections=tunables["num_bisections"],
                indices=indices,
                seed=seed,
                stream=r,
            )
            reached = lengths(shortest.adversarial - images, norm=self.norm)
            better = shortest.success & (reached < distance)
            best = tf.where(spread(better), shortest.adversarial, best)
            return r + 1, shortest.radius, best, tf.where(better, reached, distance)

        def more(r, *others):
            return (r < tunables["num_restarts"]) & tf.reduce_any(active)

        far = tf.fill(tf.shape(oracle.labels), float("inf"))
        first = tf.ones_like(far) * tunables["initial_radius"]
        _, _, best, _ = tf.while_loop(
            more, run_once, (tf.constant(0), first, images, far), parallel_iterations=1
        )
        asked = tf.cast(active, tf.int32) * tunables["num_restarts"]
        steps, halvings = tunables["num_steps"], tunables["num_bisections"]
        return Crafted(best, asked * (steps + 1 + halvings), asked * steps)
