"""Pre-activation bottleneck ResNet of depth 9n+2 for small images, as Keras' example has it."""

from __future__ import annotations

from mmc_tf.models.backbones.base import backbones, check_depth
from mmc_tf.models.backbones.options import BackboneOptions


@backbones.register("resnetDv2", feature_dim=lambda depth: 256, depth_rule=(9, 2))
def resnet_v2(inputs, options: BackboneOptions, *, depth: int):
    """Three stages of n bottleneck blocks with 64, 128 and 256 filters (He et al. 2016, identity mappings).

    Each block adds three times bn-relu-conv (1x1, 3x3, 1x1) to its input. The first block of a stage has a
    1x1 convolution on the shortcut; the very first does not normalize again what the stem just did. The
    original's "ResNet-32 version 2" is n = 5, that is depth 47.

    Args:
        inputs: KerasTensor (N, H, W, C).
        options: see `BackboneOptions`.
        depth: 9n+2, n >= 1.

    Returns:
        Features, KerasTensor (N, d); d = 256 by default.

    Raises:
        UserError: for another depth.
    """
    from mmc_tf.models.backbones.stack import Stack  # here, since it imports Keras

    blocks = check_depth("resnetDv2", depth)
    stack = Stack(options)
    x = stack.activation(stack.norm(stack.conv(inputs, 16)))
    narrow = 16
    for stage, wide in enumerate((64, 128, 256)):
        for block in range(blocks):
            first = block == 0
            strides = 2 if first and stage > 0 else 1
            y = x if first and stage == 0 else stack.activation(stack.norm(x))
            y = stack.conv(y, narrow, kernel_size=1, strides=strides)
            y = stack.conv(stack.activation(stack.norm(y)), narrow)
            y = stack.conv(stack.activation(stack.norm(y)), wide, kernel_size=1)
            if first:
                x = stack.conv(x, wide, kernel_size=1, strides=strides)
            x = stack.add(x, y)
        narrow = wide
    x = stack.activation(stack.norm(x))
    return stack.features(stack.average(x))
