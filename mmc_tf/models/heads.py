"""Heads: the last layer of a classifier, from features z (N, d) to logits (N, L).

A head leaves a tag on the logits it returns, as Keras leaves its mask on a layer's output. Through `head_call` a loss
finds the head and the features behind the logits of a Keras model that ends in a head, in eager mode and within one
`tf.function` trace, without a second output. Attacks walk back to it through the graph, whatever wraps the model
(`mmc_tf.classifier.structure`).
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

from mmc_tf import centers as mm_centers
from mmc_tf.checks import argument_error, check_number
from mmc_tf.registry import Registry

HEADS: Registry[type[Head]] = Registry("head")
_TAG = "_mmc_tf_head_call"


@dataclasses.dataclass(frozen=True)
class HeadCall:
    """What a head was called with: the layer, its features (N, d) and Keras' `training` argument."""

    head: Head
    features: Any
    training: bool | None


def head_call(logits: Any) -> HeadCall | None:
    """The call of the head that made `logits`, or None if no head of ours made them."""
    return getattr(logits, _TAG, None)


class Head(keras.layers.Layer):
    """From features (N, d) to logits (N, L), in float32 whatever the precision policy.

    Logits of center heads are squared distances of up to 1e5, which bfloat16 rounds to multiples of 512.

    Args:
        num_classes: L, at least 2.

    Raises:
        UserError: for less than two classes.
    """

    has_centers = False
    adaptive_objective = "ce"

    def __init__(self, num_classes: int, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.num_classes = check_number("num_classes", num_classes, minimum=2, integer=True)
        self.input_spec = keras.layers.InputSpec(ndim=2)

    def logits(self, features):
        """Logits (N, L) of features (N, d)."""
        raise NotImplementedError

    def shifted_logits(self, features):
        """Logits up to one constant per example, computed so that their differences keep float32's precision."""
        return self.logits(features)

    def call(self, features, training=None):
        """Logits (N, L), tagged for `head_call`."""
        logits = self.logits(features)
        if not isinstance(logits, keras.KerasTensor):
            with contextlib.suppress(AttributeError):  # arrays that JAX traces take no attributes
                setattr(logits, _TAG, HeadCall(self, features, training))
        return logits

    def compute_output_shape(self, input_shape):
        """(N, L)."""
        return (*input_shape[:-1], self.num_classes)

    def get_config(self):
        """All arguments of the constructor."""
        return {**super().get_config(), "num_classes": self.num_classes}


@HEADS.register("dense")
@keras.saving.register_keras_serializable("mmc_tf")
class DenseLogits(Head):
    """Wz + b, the head of softmax cross-entropy.

    Args:
        num_classes: L.
        seed: of the He-normal initialization of W (d, L).

    Input shape: (N, d). Output shape: (N, L).
    """

    def __init__(self, num_classes: int, *, seed: int = 0, **kwargs):
        super().__init__(num_classes, **kwargs)
        self.seed = seed

    def build(self, input_shape):
        """Creates W (d, L) and b (L,)."""
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.num_classes),
            initializer=keras.initializers.HeNormal(seed=self.seed),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(self.num_classes,), initializer="zeros", name="bias")

    def logits(self, features):
        """Wz + b."""
        return ops.matmul(features, self.kernel) + self.bias

    def get_config(self):
        """All arguments of the constructor."""
        return {**super().get_config(), "seed": self.seed}


@HEADS.register("center")
@keras.saving.register_keras_serializable("mmc_tf")
class CenterLossLogits(DenseLogits):
    """Wz + b, and one center c_l per class that follows the features of its class (Wen et al., ECCV 2016).

    The centers take no part in the prediction; `mmc_tf.losses.CenterLoss` pulls the features towards them and
    moves them once per training batch. Under several replicas the centers become the mean of what each
    replica's part of the batch makes of them, as batch norm's statistics do.
    """

    def build(self, input_shape):
        """Creates W, b and the centers (L, d), zero at first."""
        super().build(input_shape)
        self.class_centers = self.add_weight(
            shape=(self.num_classes, input_shape[-1]),
            initializer="zeros",
            trainable=False,
            aggregation="mean",
            name="class_centers",
        )


@HEADS.register("mmc")
@keras.saving.register_keras_serializable("mmc_tf")
class MMCLogits(Head):
    """h_l = −‖z − μ_l‖² with fixed Max-Mahalanobis centers μ (Pang et al., ICLR 2020, Section 3.3).

    No ½, as in the original code. The centers are a non-trainable weight.

    Args:
        num_classes: L.
        centers: `"simplex"`, `"random"`, `"spread"`, a `.mat` or `.npy` file, or an array (L, d).
        scale: C_MM, the norm of the centers; it multiplies a file's numbers and leaves an array alone.
        seed: of random and spread centers.

    Input shape: (N, d). Output shape: (N, L).

    Raises:
        UserError: for simplex centers with L > d + 1, and for centers of another shape than (L, d).

    Example:
        >>> head = MMCLogits(3, scale=2.0)
        >>> head(np.array([[2.0, 0.0]], np.float32)).shape
        TensorShape([1, 3])
    """

    has_centers = True
    adaptive_objective = "mmc"

    def __init__(self, num_classes: int, *, centers="simplex", scale: float = 10.0, seed: int = 0, **kwargs):
        super().__init__(num_classes, **kwargs)
        self.initial_centers = centers if isinstance(centers, str) else np.asarray(centers, np.float64)
        self.scale = scale
        self.seed = seed

    def build(self, input_shape):
        """Creates the centers (L, d)."""
        self.centers = self._add_centers("centers", input_shape[-1], trainable=False)

    def _add_centers(self, name: str, feature_dim: int, *, trainable: bool):
        values = self._center_values(feature_dim)
        # By an initializer: what is assigned to a weight while Keras builds a model symbolically is lost.
        return self.add_weight(
            shape=(self.num_classes, feature_dim),
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(values, dtype),
            trainable=trainable,
            name=name,
        )

    def _center_values(self, feature_dim: int) -> np.ndarray:
        if isinstance(self.initial_centers, str):
            values = mm_centers.make_centers(
                self.initial_centers, self.num_classes, feature_dim, scale=self.scale, seed=self.seed
            )
            if self.initial_centers.endswith((".mat", ".npy")):
                self.initial_centers = values  # a saved model must load where the file is not
            return values
        if self.initial_centers.shape != (self.num_classes, feature_dim):
            raise argument_error(
                "centers",
                f"an array of shape ({self.num_classes}, {feature_dim}): classes, features",
                self.initial_centers.shape,
            )
        return self.initial_centers

    def squared_distances(self, features):
        """‖z − μ_l‖² (N, L), summed from the differences: expanding the square loses them at 1e5."""
        return ops.sum(ops.square(features[:, None, :] - self.centers), axis=-1)

    def logits(self, features):
        """−‖z − μ_l‖²."""
        return -self.squared_distances(features)

    def shifted_logits(self, features):
        """2 z·μ_l − ‖μ_l‖² = h_l + ‖z‖²."""
        # No matmul: GPUs round its factors to TensorFloat-32, 11 bits, which loses what the shift is for.
        products = ops.sum(features[:, None, :] * self.centers, axis=-1)
        return 2.0 * products - ops.sum(ops.square(self.centers), axis=-1)

    def get_config(self):
        """All arguments of the constructor."""
        config = {"centers": self.initial_centers, "scale": self.scale, "seed": self.seed}
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        """Restores the layer; an array of centers comes wrapped in Keras' own encoding."""
        config = dict(config)
        if isinstance(config["centers"], dict):
            config["centers"] = keras.saving.deserialize_keras_object(config["centers"], safe_mode=True)
        return cls(**config)


@HEADS.register("hmmc")
@keras.saving.register_keras_serializable("mmc_tf")
class HMMCLogits(MMCLogits):
    """h_l = −‖z − μ_l‖² with hierarchical centers, given as an array (Appendix B.3)."""


@HEADS.register("mmlda")
@keras.saving.register_keras_serializable("mmc_tf")
class MMLDALogits(MMCLogits):
    """h_l = −‖z − μ_l‖², trained through softmax (Pang et al., ICML 2018; ICLR 2020, Eq. 10)."""

    adaptive_objective = "ce"


@HEADS.register("emc")
@keras.saving.register_keras_serializable("mmc_tf")
class EMCLogits(MMCLogits):
    """h_l = −‖z − μ_l‖² with trainable centers μ held near the MM centers μ* by `mmc_tf.losses.EMC` (Eq. 21)."""

    def build(self, input_shape):
        """Creates the trainable centers (L, d) and the fixed ones they start from."""
        self.prior_centers = self._add_centers("prior_centers", input_shape[-1], trainable=False)
        self.centers = self._add_centers("centers", input_shape[-1], trainable=True)


@HEADS.register("lgm")
@keras.saving.register_keras_serializable("mmc_tf")
class LGMLogits(Head):
    """h_l = −½ (z − μ_l)ᵀ Σ_l⁻¹ (z − μ_l) − ½ log det Σ_l (Wan et al., CVPR 2018).

    Means and diagonal covariances are trained; the margin is applied by `mmc_tf.losses.LGM`, in training only.

    Args:
        num_classes: L.
        seed: of the Glorot-normal initialization of the means (L, d). Covariances start at the identity.

    Input shape: (N, d). Output shape: (N, L).
    """

    def __init__(self, num_classes: int, *, seed: int = 0, **kwargs):
        super().__init__(num_classes, **kwargs)
        self.seed = seed

    def build(self, input_shape):
        """Creates means (L, d) and log variances (L, d)."""
        shape = (self.num_classes, input_shape[-1])
        initializer = keras.initializers.GlorotNormal(seed=self.seed)
        self.means = self.add_weight(shape=shape, initializer=initializer, name="means")
        self.log_variances = self.add_weight(shape=shape, initializer="zeros", name="log_variances")

    def half_log_determinants(self):
        """½ log det Σ_l, shape (L,)."""
        return 0.5 * ops.sum(self.log_variances, axis=-1)

    def logits(self, features):
        """−½ (z − μ_l)ᵀ Σ_l⁻¹ (z − μ_l) − ½ log det Σ_l."""
        weighted = ops.square(features[:, None, :] - self.means) * ops.exp(-self.log_variances)
        return -0.5 * ops.sum(weighted, axis=-1) - self.half_log_determinants()

    def get_config(self):
        """All arguments of the constructor."""
        return {**super().get_config(), "seed": self.seed}
