"""ResNet of depth 6n+2 for small images, as Keras' example and the original code have it."""

from __future__ import annotations

from mmc_tf.models.backbones.base import backbones, check_depth
from mmc_tf.models.backbones.options import BackboneOptions


@backbones.register("resnetDv1", feature_dim=lambda depth: 64, depth_rule=(6, 2))
def resnet_v1(inputs, options: BackboneOptions, *, depth: int):
    """Three stages of n basic blocks with 16, 32 and 64 filters (He et al. 2015, Section 4.2).

    Each block is relu(x + bn(conv(relu(bn(conv(x)))))). Where the number of filters doubles, a 1x1
    convolution without batch normalization makes the shortcut.

    Args:
        inputs: KerasTensor (N, H, W, C).
        options: see `BackboneOptions`.
        depth: 6n+2, n >= 1.

    Returns:
        Features, KerasTensor (N, d); d = 64 by default.

    Raises:
        UserError: for another depth.
    """
    from mmc_tf.models.backbones.stack import Stack  # here, since it imports Keras

    blocks = check_depth("resnetDv1", depth)
    stack = Stack(options)
    x = stack.activation(stack.norm(stack.conv(inputs, 16)))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(blocks):
            widens = stage > 0 and block == 0
            strides = 2 if widens else 1
            y = stack.activation(stack.norm(stack.conv(x, filters, strides=strides)))
            y = stack.norm(stack.conv(y, filters))
            if widens:
                x = stack.conv(x, filters, kernel_size=1, strides=strides)
            x = stack.activation(stack.add(x, y))
    return stack.features(stack.average(x))
