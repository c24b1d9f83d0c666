"""Wide residual networks (Zagoruyko & Komodakis 2016)."""

from __future__ import annotations

from mmc_tf.models.backbones.base import backbones, check_depth
from mmc_tf.models.backbones.options import BackboneOptions


@backbones.register("wrn-D-K", feature_dim=lambda depth, widen_factor: 64 * widen_factor, depth_rule=(6, 4))
def wide_resnet(inputs, options: BackboneOptions, *, depth: int, widen_factor: int):
    """Three groups of n pre-activation basic blocks with 16K, 32K and 64K filters (their Table 1).

    Each block adds bn-relu-conv-bn-relu-[dropout]-conv to its input. Where the number of filters changes, the
    shortcut is a 1x1 convolution of the block's activated input.

    Args:
        inputs: KerasTensor (N, H, W, C).
        options: see `BackboneOptions`.
        depth: D = 6n+4, n >= 1.
        widen_factor: K >= 1.

    Returns:
        Features, KerasTensor (N, d); d = 64·K by default.

    Raises:
        UserError: for another depth.
    """
    from mmc_tf.models.backbones.stack import Stack  # here, since it imports Keras

    blocks = check_depth("wrn-D-K", depth)
    stack = Stack(options)
    # A bias in front of a batch normalization would be subtracted again.
    use_bias = not stack.use_bn
    x = stack.conv(inputs, 16, use_bias=use_bias)
    for stage in range(3):
        filters = 16 * widen_factor * 2**stage
        for block in range(blocks):
            strides = 2 if stage > 0 and block == 0 else 1
            y = stack.activation(stack.norm(x))
            shortcut = x
            if x.shape[-1] != filters:
                shortcut = stack.conv(y, filters, kernel_size=1, strides=strides, use_bias=use_bias)
            y = stack.conv(y, filters, strides=strides, use_bias=use_bias)
            y = stack.dropout(stack.activation(stack.norm(y)))
            y = stack.conv(y, filters, use_bias=use_bias)
            x = stack.add(shortcut, y)
    x = stack.activation(stack.norm(x))
    return stack.features(stack.average(x))
