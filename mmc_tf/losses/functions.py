"""The losses as pure functions: one value per example, no reduction, `keras.ops` only.

Shapes: labels int (N,), logits (N, L), features (N, d), centers (L, d); every result is float32 (N,).
Classes for `compile` are in `mmc_tf.losses.classes`.
"""

from __future__ import annotations

from keras import ops


def own_class(labels, values):
    """`values[i, labels[i]]` for every example: (N,) from (N, L)."""
    column = ops.reshape(ops.cast(labels, "int32"), (-1, 1))
    return ops.squeeze(ops.take_along_axis(values, column, axis=1), axis=1)


def softmax_cross_entropy(labels, logits):
    """SCE: −log softmax(h)_y = logsumexp(h) − h_y (Pang et al., ICLR 2020, Eq. 2)."""
    shifted = logits - ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    return ops.logsumexp(shifted, axis=-1) - own_class(labels, shifted)


def mmc_loss(labels, logits):
    """MMC in the original scripts' form: ‖z − μ_y‖² = −h_y, twice Eq. 8, which their learning rates fit."""
    return -own_class(labels, logits)


def mmc_absolute_loss(labels, logits):
    """The absolute form of MMC: ‖z − μ_y‖ (Pang et al., Appendix B.2); at the center its gradient is taken as 0."""
    squared = mmc_loss(labels, logits)
    away = squared > 0
    # The root of what is not at the center alone: its slope at 0 is infinite, and infinity times 0 is NaN.
    return ops.where(away, ops.sqrt(ops.where(away, squared, 1.0)), 0.0)


def mmc_huber_loss(labels, logits, *, delta):
    """The Huber form of MMC (Pang et al., Appendix B.2), with r = ‖z − μ_y‖:

        r² up to r = δ,   2δr − δ² beyond

    Twice Huber's function, as `mmc_loss` is twice Eq. 8; δ → ∞ gives `mmc_loss`.

    Args:
        labels: int (N,).
        logits: h = −‖z − μ_l‖² (N, L).
        delta: δ > 0, in units of the features, whose centers have norm C_MM.
    """
    squared = mmc_loss(labels, logits)
    beyond = squared > delta**2
    distance = ops.sqrt(ops.where(beyond, squared, delta**2))
    return ops.where(beyond, 2.0 * delta * distance - delta**2, squared)


def mmc_loss_from_features(labels, features, centers):
    """MMC as in the paper: ½‖z − μ_y‖² (Eq. 8)."""
    own_center = ops.take(centers, ops.cast(labels, "int32"), axis=0)
    return 0.5 * ops.sum(ops.square(features - own_center), axis=-1)


def mmlda_loss(labels, features, centers):
    """MMLDA as in the paper: −log softmax(z·μ)_y for centers of equal norm (Eq. 10)."""
    return softmax_cross_entropy(labels, ops.matmul(features, ops.transpose(centers)))


def center_loss(labels, features, class_centers):
    """½‖z − c_y‖², the center term that joins SCE (Wen et al., ECCV 2016, Eq. 2)."""
    return mmc_loss_from_features(labels, features, class_centers)


def updated_class_centers(labels, features, class_centers, *, alpha, weights=None):
    """c_j − α Σ_{i: y_i=j} w_i (c_j − z_i) / (1 + Σ_{i: y_i=j} w_i): with weights 1, Wen et al., Eq. 4.

    Args:
        labels: int (N,).
        features: z (N, d).
        class_centers: c (L, d).
        alpha: the step α.
        weights: w (N,), the share that each example has in the batch's loss; None: 1.

    Returns:
        The new centers (L, d). A class without members keeps its center.
    """
    members = ops.one_hot(ops.cast(labels, "int32"), class_centers.shape[0], dtype=class_centers.dtype)
    if weights is not None:
        members = members * ops.expand_dims(ops.cast(weights, class_centers.dtype), axis=-1)
    counts = ops.expand_dims(ops.sum(members, axis=0), axis=-1)
    pull = counts * class_centers - ops.matmul(ops.transpose(members), features)
    return class_centers - alpha * pull / (1.0 + counts)


def lgm_loss(labels, logits, half_log_determinants, *, margin, weight):
    """L-GM: SCE with the true class's distance enlarged by the margin, plus a likelihood term (Wan et al., 2018).

    With d_l = (z − μ_l)ᵀ Σ_l⁻¹ (z − μ_l) and h_l = −½ d_l − ½ log det Σ_l:

        −log softmax(h − α·½ d_y·1_y)_y + λ (½ d_y + ½ log det Σ_y)          (Eq. 12 and 17)

    Args:
        labels: int (N,).
        logits: h (N, L).
        half_log_determinants: ½ log det Σ_l (L,).
        margin: α >= 0.
        weight: λ >= 0 of the likelihood term.
    """
    own_logit = own_class(labels, logits)
    half_distance = -own_logit - ops.take(half_log_determinants, ops.cast(labels, "int32"), axis=0)
    true_class = ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1], dtype=logits.dtype)
    with_margin = logits - margin * ops.expand_dims(half_distance, axis=-1) * true_class
    return softmax_cross_entropy(labels, with_margin) - weight * own_logit


def lgm_summary_loss(labels, logits, *, margin):
    """L-GM as Pang et al. summarize it: −log softmax(h − m·1_y)_y with a constant margin m (Section 3.2)."""
    true_class = ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1], dtype=logits.dtype)
    return softmax_cross_entropy(labels, logits - margin * true_class)


def emc_loss(labels, features, centers, prior_centers, *, alpha):
    """EMC: ½‖z − μ_y‖² + ‖μ_y − μ*_y‖² / 2α (Pang et al., ICLR 2020, Eq. 21), α > 0 the prior's variance."""
    labels = ops.cast(labels, "int32")
    drift = ops.sum(ops.square(centers - prior_centers), axis=-1)
    return mmc_loss_from_features(labels, features, centers) + ops.take(drift, labels, axis=0) / (2.0 * alpha)
