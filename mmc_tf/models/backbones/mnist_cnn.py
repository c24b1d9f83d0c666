"""The MNIST network of MMC's PyTorch reimplementation (TRADES' SmallCNN)."""

from __future__ import annotations

from mmc_tf.checks import argument_error
from mmc_tf.models.backbones.base import backbones
from mmc_tf.models.backbones.options import BackboneOptions

SMALLEST = 20


@backbones.register("mnist", feature_dim=lambda: 200)
def mnist_cnn(inputs, options: BackboneOptions):
    """Convolutions 3x3 of 32-32-pool-64-64-pool filters without padding, dense 200, dropout 0.5, features.

    Args:
        inputs: KerasTensor (N, H, W, C), H and W >= 20.
        options: see `BackboneOptions`; batch normalization is off by default.

    Returns:
        Features, KerasTensor (N, d); d = 200 by default.

    Raises:
        UserError: for smaller images.
    """
    if min(inputs.shape[1:3]) < SMALLEST:
        raise argument_error(
            "model",
            f"images of at least {SMALLEST}x{SMALLEST} pixels for mnist (lenet5 takes smaller ones)",
            f"mnist with images of {inputs.shape[1]}x{inputs.shape[2]}",
        )
    from mmc_tf.models.backbones.stack import Stack  # here, since it imports Keras

    stack = Stack(options, use_bn=False)
    x = inputs
    for filters in (32, 64):
        x = stack.activation(stack.norm(stack.conv(x, filters, padding="valid")))
        # A maximum before or after a rising activation is the same, and before it costs a quarter.
        x = stack.activation(stack.pool(stack.norm(stack.conv(x, filters, padding="valid"))))
    x = stack.flatten(x)
    x = stack.activation(stack.dense(x, 200))
    return stack.features(stack.dropout(x, default=0.5))
