"""The switches every backbone understands."""

from __future__ import annotations

from dataclasses import dataclass

from mmc_tf.checks import check_number


@dataclass(frozen=True, kw_only=True)
class BackboneOptions:
    """What is built into a backbone; `None` leaves a choice to the network.

    Args:
        use_bn: batch normalization. None: on in the ResNets, off in `mnist` and `lenet5`.
        use_leaky: leaky ReLU of slope 0.1 in place of ReLU.
        use_dense: an auxiliary linear dense layer (He initialisation) makes the features, as in the original
            code; otherwise they are the units that the network itself ends with.
        feature_dim: d, the number of features, >= 1. None: the network's own width (64 for ResNet v1, 256
            for v2, 64·K for wrn-D-K, 200 for `mnist`; `lenet5` then has no auxiliary layer but 1,024 units).
        weight_decay: λ >= 0 of Keras' L2 penalty λ·Σw² on every convolution's kernel. Its gradient is 2λw:
            twice what PyTorch calls a weight decay of λ.
        dropout: rate in [0, 1). None: 0.5 in `mnist`, 0 elsewhere.
        seed: int >= 0. Initial weights and dropout depend on it and on the layer's position only.

    Raises:
        UserError: for a value out of range.
    """

    use_bn: bool | None = None
    use_leaky: bool = False
    use_dense: bool = True
    feature_dim: int | None = None
    weight_decay: float = 1e-4
    dropout: float | None = None
    seed: int = 0

    def __post_init__(self):
        if self.feature_dim is not None:
            check_number("feature_dim", self.feature_dim, minimum=1, integer=True)
        if self.dropout is not None:
            check_number("dropout", self.dropout, minimum=0, maximum=0.99)
        check_number("weight_decay", self.weight_decay, minimum=0)
        check_number("seed", self.seed, minimum=0, integer=True)
