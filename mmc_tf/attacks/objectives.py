"""What attacks climb: one number per example, larger where the attack is closer to its goal.

Every objective has an untargeted form (`targets=None`) and a targeted one. All but `mmc` depend on
differences of logits alone and are evaluated on shifted logits, the same differences without the cancellation
at |h| = 1e5.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from mmc_tf.checks import argument_error
from mmc_tf.classifier.scores import Scores
from mmc_tf.registry import Registry

Objective = Callable[[Scores, tf.Tensor, "tf.Tensor | None"], tf.Tensor]
objectives: Registry[Objective] = Registry("objective")


def pick(values: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """The entry of each row that belongs to its class: (N, L), (N,) -> (N,)."""
    return tf.gather(values, classes, batch_dims=1)


def without(values: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """`values` with each row's class at -inf.

    Subtracting a large constant instead, as the usual implementations do, fails for logits beyond that
    constant.
    """
    excluded = tf.one_hot(classes, values.shape[-1], on_value=True, off_value=False, dtype=tf.bool)
    return tf.where(excluded, tf.constant(float("-inf"), values.dtype), values)


def best_other(values: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """The largest entry of each row outside its class: (N, L), (N,) -> (N,)."""
    return tf.reduce_max(without(values, classes), axis=-1)


@objectives.register("ce")
def ce(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None = None) -> tf.Tensor:
    """Softmax cross-entropy: CE(h, y), or -CE(h, t). Blind once the true logit leads by 88 or more."""
    classes = labels if targets is None else targets
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, scores.logits)
    return loss if targets is None else -loss


@objectives.register("margin")
def margin(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None = None) -> tf.Tensor:
    """The lead of the goal: max_{j≠y} h_j - h_y, or h_t - max_{j≠t} h_j."""
    if targets is None:
        return best_other(scores.logits, labels) - pick(scores.logits, labels)
    return pick(scores.logits, targets) - best_other(scores.logits, targets)


@objectives.register("cw")
def cw(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None = None) -> tf.Tensor:
    """min(margin, 0) (MMA, footnote to Section 4): nothing is gained beyond the boundary."""
    return tf.minimum(margin(scores, labels, targets), 0.0)


@objectives.register("slm")
def slm(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None = None) -> tf.Tensor:
    """Soft logit margin (MMA, Section 2.2): logsumexp_{j≠y} h_j - h_y, or h_t - logsumexp_{j≠t} h_j."""
    classes = labels if targets is None else targets
    others = tf.reduce_logsumexp(without(scores.logits, classes), axis=-1)
    lead = others - pick(scores.logits, classes)
    return lead if targets is None else -lead


def tempered_slm(temperature: float | tf.Tensor) -> Objective:
    """T·SLM(h/T): from the margin itself at T → 0 to a margin that heeds all classes where T is the logits' size.

    margin <= T·SLM(h/T) <= margin + T·log(L - 1), as MMA's Proposition 2.3 with T = 1. Logits of center heads differ
    by ‖µ_i - µ_j‖², some hundreds, where SLM at T = 1 is the margin with its kinks.

    Args:
        temperature: T > 0.
    """

    def objective(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None = None) -> tf.Tensor:
        return temperature * slm(scores._replace(logits=scores.logits / temperature), labels, targets)

    return objective


@objectives.register("dlr")
def dlr(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None = None) -> tf.Tensor:
    """Difference of logits ratio (Croce & Hein 2020, Equations 6 and 8), with π sorting the logits downwards.

    Untargeted: -(h_y - max_{j≠y} h_j) / (h_π1 - h_π3 + 1e-12), L >= 3.
    Targeted: -(h_y - h_t) / (h_π1 - ½(h_π3 + h_π4) + 1e-12), L >= 4.

    Raises:
        UserError: if there are fewer classes.
    """
    logits = scores.logits
    needed = 3 if targets is None else 4
    if logits.shape[-1] < needed:
        kind = "untargeted" if targets is None else "targeted"
        raise argument_error(
            "objective", f"one that works with {logits.shape[-1]} classes ({kind} dlr needs {needed})", "dlr"
        )
    ranked = tf.math.top_k(logits, k=needed).values
    own = pick(logits, labels)
    if targets is None:
        return -(own - best_other(logits, labels)) / (ranked[:, 0] - ranked[:, 2] + 1e-12)
    spread = ranked[:, 0] - 0.5 * (ranked[:, 2] + ranked[:, 3])
    return -(own - pick(logits, targets)) / (spread + 1e-12)


def _require_centers(scores: Scores, name: str) -> None:
    if not getattr(scores.head, "has_centers", False):
        raise argument_error(
            "objective", "one that works without MM centers, such as margin, for this model's head", name
        )


@objectives.register("mmc")
def mmc(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None = None) -> tf.Tensor:
    """The paper's adaptive objective (MMC, Appendix B.4): un1 ½‖z - µ_y‖², or tar1 -½‖z - µ_t‖².

    Raises:
        UserError: if the model's head has no centers.
    """
    _require_centers(scores, "mmc")
    distances = scores.head.squared_distances(scores.features)
    return 0.5 * pick(distances, labels) if targets is None else -0.5 * pick(distances, targets)


@objectives.register("mmc_margin")
def mmc_margin(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None = None) -> tf.Tensor:
    """MMC, Appendix B.4: un2 ½‖z - µ_y‖² - ½‖z - µ_ỹ‖², or tar2 ½‖z - µ_y‖² - ½‖z - µ_t‖².

    ỹ is the best other class of the moment. Both are ½ a difference of shifted logits; their feature gradient
    has constant length and never vanishes.

    Raises:
        UserError: if the model's head has no centers.
    """
    _require_centers(scores, "mmc_margin")
    own = pick(scores.logits, labels)
    other = best_other(scores.logits, labels) if targets is None else pick(scores.logits, targets)
    return 0.5 * (other - own)
