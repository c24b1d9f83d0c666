"""DeepFool: steps onto the nearest of the linearised decision boundaries (Moosavi-Dezfooli et al., CVPR 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from mmc_tf.attacks.base import Crafted
from mmc_tf.attacks.minimum_norm import MinimumNormAttack
from mmc_tf.attacks.norms import DUALS, lengths, spread
from mmc_tf.attacks.objectives import pick, without
from mmc_tf.attacks.oracle import ClassGradients, Evaluation, Oracle
from mmc_tf.attacks.projections import clip_box, project_ball
from mmc_tf.attacks.registry import attacks
from mmc_tf.checks import argument_error, check_number

XI = 1e-6
FOOLBOX_XI = 1e-4


@attacks.register("deepfool")
@dataclass(frozen=True, kw_only=True)
class DeepFool(MinimumNormAttack):
    """x_{i+1} = clip01(x + (1 + o)·Σ_{k<=i} r_k), r_k onto the nearest linearised boundary of x_k, and ξ beyond.

    With y0 the predicted class, f_j = h_j - h_{y0} and w_j = ∇f_j at x_k, for the classes j that lead the
    clean logits:

        j* = argmin |f_j| / (‖w_j‖_q + 1e-8)
        l2 (q = 2): r = (|f|/‖w‖₂ + ξ)·w/‖w‖₂;   linf (q = 1): r = (|f|/‖w‖₁ + ξ)·sign(w)

    An example stops once misclassified; the last iterate is returned. The overshoot o is applied in every
    step, as Foolbox does it.

    Args:
        num_steps: steps >= 0.
        overshoot: o >= 0, relative to the way gone so far.
        num_candidates: k >= 2 classes among which the boundary is sought, the predicted one included; at most
            L are. A step takes one gradient for each.
        xi: ξ >= 0, what each step goes too far, in units of the pixels; None: 1e-6.
        foolbox_compatible: ξ = 1e-4 as in Foolbox, 1.6 times a margin of 0.00017.
        clip_to_epsilon: scale (l2) or clip (linf) the result into the ball of radius ε and judge it there, as
            the PyTorch reimplementation of MMC did: at a fixed radius a weak attack.

    Raises:
        UserError: also for `clip_to_epsilon` without a radius, and for ξ given twice.

    Example:
        >>> DeepFool(norm="l2").settings()["xi"], DeepFool(foolbox_compatible=True).settings()["xi"]
        (1e-06, 0.0001)
    """

    name: ClassVar[str] = "deepfool"
    norms: ClassVar[tuple[str, ...]] = ("l2", "linf")
    summary: ClassVar[str] = "DeepFool: least norm, steps onto the nearest linearised boundary"
    tunable_names: ClassVar[tuple[str, ...]] = ("epsilon", "num_steps", "overshoot", "xi")
    takes_objective: ClassVar[bool] = False
    can_target: ClassVar[bool] = False

    norm: str = "l2"
    num_steps: int = 50
    overshoot: float = 0.02
    num_candidates: int = 10
    xi: float | None = None
    foolbox_compatible: bool = False
    clip_to_epsilon: bool = False

    def __post_init__(self):
        super().__post_init__()
        check_number("num_steps", self.num_steps, minimum=0, integer=True)
        check_number("overshoot", self.overshoot, minimum=0)
        check_number("num_candidates", self.num_candidates, minimum=2, integer=True)
        if self.xi is not None:
            check_number("xi", self.xi, minimum=0)
            if self.foolbox_compatible:
                raise argument_error("xi", f"None with foolbox_compatible, which sets {FOOLBOX_XI}", self.xi)
        if self.clip_to_epsilon and self.epsilon is None:
            raise argument_error("epsilon", "a radius to clip to (clip_to_epsilon is set)", None)

    def tunables(self) -> dict[str, float | int]:
        """Also ξ, resolved."""
        xi = FOOLBOX_XI if self.foolbox_compatible else XI
        return {**super().tunables(), "xi": xi if self.xi is None else self.xi}

    def choose_objective(self, head: Any) -> str:
        """Differences of logits, whatever the head: what the report on zero gradients is about."""
        return "margin"

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
        """Steps until misclassified; returns the last iterates."""
        queries = tf.zeros_like(oracle.labels)
        scores = None if clean is None else clean.scores
        if scores is None:
            look = oracle.look(images, active)
            scores, queries = look.scores, tf.cast(active, tf.int32)
            active &= tf.equal(look.prediction, oracle.labels)
        count = min(self.num_candidates, scores.shape[-1])
        rivals = tf.math.top_k(without(scores, oracle.labels), k=count - 1).indices
        # The examples attacked are classified correctly: y0 is the label.
        candidates = tf.concat([oracle.labels[:, None], rivals], axis=1)

        def step(k, point, way, active, queries, gradients):
            seen = oracle.class_gradients(point, candidates, active)
            asked = tf.cast(active, tf.int32)
            onward = step_to_nearest(seen, candidates, norm=self.norm, xi=tunables["xi"])
            way = tf.where(spread(active), way + onward, way)
            moved = clip_box(images + (1 + tunables["overshoot"]) * way)
            # Without a gradient the example would stand still for ever.
            active &= lengths(onward, norm="linf") > 0
            point = tf.where(spread(active), moved, point)
            queries, gradients = queries + asked + tf.cast(active, tf.int32), gradients + count * asked
            active &= tf.equal(oracle.predictions(point, active), oracle.labels)
            return k + 1, point, way, active, queries, gradients

        def unfinished(k, point, way, active, queries, gradients):
            return (k < tunables["num_steps"]) & tf.reduce_any(active)

        nothing = tf.zeros_like(oracle.labels)
        state = (tf.constant(0), images, tf.zeros_like(images), active, queries, nothing)
        _, point, _, _, queries, gradients = tf.while_loop(unfinished, step, state, parallel_iterations=1)
        if self.clip_to_epsilon:
            delta = project_ball(point - images, norm=self.norm, epsilon=tunables["epsilon"])
            point = clip_box(images + delta)
        return Crafted(point, queries, gradients)


def step_to_nearest(
    seen: ClassGradients, candidates: tf.Tensor, *, norm: str, xi: float | tf.Tensor
) -> tf.Tensor:
    """r, the least step onto the nearest linearised boundary between the first candidate and the others, and ξ.

    Args:
        seen: shifted logits and their gradients for the candidates.
        candidates: (N, K) int32, the predicted class first.
        norm: `linf` or `l2`.
        xi: how far beyond, in units of the pixels.

    Returns:
        (N, H, W, C), zero where the gradients are.
    """
    values = tf.gather(seen.scores, candidates, batch_dims=1)
    values = tf.abs(values[:, 1:] - values[:, :1])
    normals = seen.gradients[:, 1:] - seen.gradients[:, :1]
    slopes = lengths(normals, norm=DUALS[norm], first_axis=2)
    nearest = tf.argmin(values / (slopes + 1e-8), axis=1, output_type=tf.int32)
    value, slope, normal = (pick(each, nearest) for each in (values, slopes, normals))
    size = spread(tf.math.divide_no_nan(value, slope) + xi)
    if norm == "linf":
        return size * tf.sign(normal)
    return size * tf.math.divide_no_nan(normal, spread(slope))
