"""LeNet5 as MMA training's MNIST experiments have it."""

from __future__ import annotations

from mmc_tf.checks import argument_error
from mmc_tf.models.backbones.base import backbones
from mmc_tf.models.backbones.options import BackboneOptions


@backbones.register("lenet5", feature_dim=lambda: 64, own_width=lambda: 1024)
def lenet5(inputs, options: BackboneOptions):
    """Convolutions 5x5 of 32-pool-64-pool filters and a dense layer of 1,024 ReLU units (MMA, Appendix C).

    Those units are the features of the paper's dense head. Centers ask for features of either sign: with
    `feature_dim` given (64 is what `resolve` names) an auxiliary linear layer follows.

    Args:
        inputs: KerasTensor (N, H, W, C), H and W >= 4.
        options: see `BackboneOptions`; batch normalization is off by default.

    Returns:
        Features, KerasTensor (N, d); d = 1024 by default.

    Raises:
        UserError: for smaller images.
    """
    if min(inputs.shape[1:3]) < 4:
        size = f"lenet5 with images of {inputs.shape[1]}x{inputs.shape[2]}"
        raise argument_error("model", "images of at least 4x4 pixels for lenet5", size)
    from mmc_tf.models.backbones.stack import Stack  # here, since it imports Keras

    stack = Stack(options, use_bn=False)
    x = inputs
    for filters in (32, 64):
        # A maximum before or after a rising activation is the same, and before it costs a quarter.
        x = stack.activation(stack.pool(stack.norm(stack.conv(x, filters, kernel_size=5))))
    x = stack.flatten(x)
    x = stack.dropout(stack.activation(stack.dense(x, 1024)))
    return stack.features(x, auxiliary=options.feature_dim is not None)
