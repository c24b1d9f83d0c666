"""The losses as `keras.losses.Loss` classes, registered by the names of the command line.

Each works in plain `compile` / `fit`, also under a `tf.distribute` strategy, on a model that ends in the fitting head
of `mmc_tf.models.heads`, and names that head in `head`. Labels are integers (N,) or (N, 1), or one-hot (N, L);
predictions are the head's logits (N, L).
"""

from __future__ import annotations

import keras
from keras import ops
from keras.src.backend.common.symbolic_scope import in_symbolic_scope  # has no public name

from mmc_tf.checks import UserError, argument_error, check_choice, check_number
from mmc_tf.losses import functions
from mmc_tf.models.heads import CenterLossLogits, EMCLogits, HeadCall, LGMLogits, MMCLogits, head_call
from mmc_tf.registry import Registry

LOSSES: Registry[type[HeadLoss]] = Registry("loss")
MMC_FORMS = ("squared", "absolute", "huber")


class HeadLoss(keras.losses.Loss):
    """A loss on the logits of a head: subclasses give one value per example."""

    head = "dense"

    def __init__(self, *, name=None, reduction="sum_over_batch_size", dtype=None):
        super().__init__(name=name or type(self).__name__.lower(), reduction=reduction, dtype=dtype)

    def per_example(self, labels, logits):
        """The loss (N,) of labels (N,) and logits (N, L)."""
        raise NotImplementedError

    def call(self, y_true, y_pred):
        """The loss (N,); Keras reduces it.

        Args:
            y_true: integer labels (N,) or (N, 1), or one-hot (N, L). An example of several classes at once, as label
                smoothing and mixup make them, has no center: its loss is NaN.
            y_pred: the head's logits (N, L).

        Raises:
            UserError: for labels of another shape, or logits of another head.
        """
        labels, is_one_class = self._labels(y_true, y_pred.shape[-1])
        if in_symbolic_scope() and head_call(y_pred) is None:
            # `fit` asks for the shape alone, with logits that no layer made, before it builds a mirrored optimizer.
            return ops.zeros_like(labels, dtype="float32")
        loss = self.per_example(labels, y_pred)
        return loss if is_one_class is None else ops.where(is_one_class, loss, float("nan"))

    def _labels(self, y_true, num_classes):
        """Integer labels (N,), and for one-hot ones whether each row holds one class alone."""
        y_true = ops.convert_to_tensor(y_true)
        shape = tuple(y_true.shape)
        if len(shape) == 2 and shape[1] == num_classes:
            given = ops.cast(y_true, "float32")
            is_one_class = ops.equal(ops.max(given, axis=-1), 1.0) & ops.equal(ops.sum(given, axis=-1), 1.0)
            return ops.cast(ops.argmax(given, axis=-1), "int32"), is_one_class
        if any(size not in (1, None) for size in shape[1:]):
            expected = f"integer labels of shape (N,) or (N, 1), or one-hot (N, {num_classes})"
            raise argument_error("y_true", expected, f"shape {shape}")
        return ops.reshape(ops.cast(y_true, "int32"), (-1,)), None

    def _head_call(self, logits, head_class: type) -> HeadCall:
        call = head_call(logits)
        if call is None or not isinstance(call.head, head_class):
            found = "another layer" if call is None else type(call.head).__name__
            raise UserError(
                f"The loss {type(self).__name__} does not fit the model's logits. Expected a model whose "
                f"last layer is mmc_tf.layers.{head_class.__name__}. Received: {found}"
            )
        return call

    def get_config(self):
        """All arguments of the constructor."""
        return {"name": self.name, "reduction": self.reduction, "dtype": self.dtype}


@LOSSES.register("SCE")
@keras.saving.register_keras_serializable("mmc_tf")
class SCE(HeadLoss):
    """Softmax cross-entropy, −log softmax(h)_y."""

    def per_example(self, labels, logits):
        """The loss (N,)."""
        return functions.softmax_cross_entropy(labels, logits)


@LOSSES.register("MMC")
@keras.saving.register_keras_serializable("mmc_tf")
class MMC(HeadLoss):
    """Max-Mahalanobis center loss, ‖z − μ_y‖² = −h_y (Pang et al., ICLR 2020, Eq. 8, times two as in their code).

    Args:
        form: `squared`; or the forms of r = ‖z − μ_y‖ that Appendix B.2 argues against: `absolute`, r, and `huber`,
            r² up to r = δ and 2δr − δ² beyond.
        delta: δ > 0 of the Huber form, in units of the features. The source names none; 1 is a tenth of the
            paper's C_MM, so that examples near the boundary pull with an even force.

    Example:
        >>> head = MMCLogits(3, scale=2.0)
        >>> loss = MMC()
        >>> round(float(loss([0], head(np.array([[0.5, 0.25]], np.float32)))), 4)
        2.3125
    """

    head = "mmc"

    def __init__(self, *, form: str = "squared", delta: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.form = check_choice("form", form, MMC_FORMS)
        self.delta = check_number("delta", delta, above=0)

    def per_example(self, labels, logits):
        """The loss (N,)."""
        self._head_call(logits, MMCLogits)  # −h_y of any other logits has no lower bound
        if self.form == "absolute":
            return functions.mmc_absolute_loss(labels, logits)
        if self.form == "huber":
            return functions.mmc_huber_loss(labels, logits, delta=self.delta)
        return functions.mmc_loss(labels, logits)

    def get_config(self):
        """All arguments of the constructor."""
        return {**super().get_config(), "form": self.form, "delta": self.delta}


@LOSSES.register("HMMC")
@keras.saving.register_keras_serializable("mmc_tf")
class HMMC(MMC):
    """The MMC loss with hierarchical centers (Appendix B.3)."""

    head = "hmmc"


@LOSSES.register("MMLDA")
@keras.saving.register_keras_serializable("mmc_tf")
class MMLDA(HeadLoss):
    """Softmax cross-entropy on h_l = −‖z − μ_l‖², evaluated on 2 z·μ_l − ‖μ_l‖², its equal up to rounding."""

    head = "mmlda"

    def per_example(self, labels, logits):
        """The loss (N,)."""
        call = self._head_call(logits, MMCLogits)
        return functions.softmax_cross_entropy(labels, call.head.shifted_logits(call.features))


@LOSSES.register("Center")
@keras.saving.register_keras_serializable("mmc_tf")
class CenterLoss(HeadLoss):
    """SCE + λ·½‖z − c_y‖², whose centers move once per training batch (Wen et al., ECCV 2016, Eq. 4).

    In `fit` the loss is called once a batch and moves them itself. A training step of several passes asks for `value`
    in each and calls `move_centers` once, at its end.

    Args:
        weight: λ >= 0.
        alpha: the step α of the centers, in [0, 1].
    """

    head = "center"

    def __init__(self, *, weight: float = 0.003, alpha: float = 0.5, **kwargs):
        super().__init__(**kwargs)
        self.weight = check_number("weight", weight, minimum=0)
        self.alpha = check_number("alpha", alpha, minimum=0, maximum=1)

    def per_example(self, labels, logits):
        """The loss (N,); moves the centers after a call of the model with `training=True`."""
        values = self.value(labels, logits)
        call = self._head_call(logits, CenterLossLogits)
        if call.training:
            self.move_centers(call.head, labels, call.features)
        return values

    def value(self, labels, logits):
        """The loss (N,); the centers stay where they are."""
        call = self._head_call(logits, CenterLossLogits)
        class_centers = ops.convert_to_tensor(call.head.class_centers)
        pull = functions.center_loss(labels, call.features, class_centers)
        return functions.softmax_cross_entropy(labels, logits) + self.weight * pull

    def move_centers(self, head, labels, features, weights=None):
        """Moves a head's centers towards features (N, d) of labels (N,), each with its weight (N,) (None: 1)."""
        moved = functions.updated_class_centers(
            labels, features, ops.convert_to_tensor(head.class_centers), alpha=self.alpha, weights=weights
        )
        head.class_centers.assign(ops.stop_gradient(moved))

    def get_config(self):
        """All arguments of the constructor."""
        return {**super().get_config(), "weight": self.weight, "alpha": self.alpha}


@LOSSES.register("LGM")
@keras.saving.register_keras_serializable("mmc_tf")
class LGM(HeadLoss):
    """Large-margin Gaussian mixture loss (Wan et al., CVPR 2018); see `functions.lgm_loss`.

    Args:
        margin: α >= 0, applied after a call of the model with `training=True` only.
        weight: λ >= 0 of the likelihood term.
    """

    head = "lgm"

    def __init__(self, *, margin: float = 0.3, weight: float = 0.1, **kwargs):
        super().__init__(**kwargs)
        self.margin = check_number("margin", margin, minimum=0)
        self.weight = check_number("weight", weight, minimum=0)

    def per_example(self, labels, logits):
        """The loss (N,)."""
        call = self._head_call(logits, LGMLogits)
        margin = self.margin if call.training else 0.0
        return functions.lgm_loss(
            labels, logits, call.head.half_log_determinants(), margin=margin, weight=self.weight
        )

    def get_config(self):
        """All arguments of the constructor."""
        return {**super().get_config(), "margin": self.margin, "weight": self.weight}


@LOSSES.register("EMC")
@keras.saving.register_keras_serializable("mmc_tf")
class EMC(HeadLoss):
    """Elastic MMC: ‖z − μ_y‖² + ‖μ_y − μ*_y‖²/α, twice Eq. 21 as `MMC` is twice Eq. 8.

    Args:
        alpha: the prior variance α > 0; α → 0 gives the MMC loss.
    """

    head = "emc"

    def __init__(self, *, alpha: float = 0.1, **kwargs):
        super().__init__(**kwargs)
        self.alpha = check_number("alpha", alpha, above=0)

    def per_example(self, labels, logits):
        """The loss (N,)."""
        call = self._head_call(logits, EMCLogits)
        head = call.head
        return 2.0 * functions.emc_loss(
            labels,
            call.features,
            ops.convert_to_tensor(head.centers),
            ops.convert_to_tensor(head.prior_centers),
            alpha=self.alpha,
        )

    def get_config(self):
        """All arguments of the constructor."""
        return {**super().get_config(), "alpha": self.alpha}
