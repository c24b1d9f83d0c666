"""Images of one data set in the shape that networks of another take."""

from __future__ import annotations

import numpy as np


def reshape_images(images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Images in another size, and in grey or with equal colour channels where the number of channels differs.

    Grey is 0.2989 R + 0.5870 G + 0.1140 B (ITU-R BT.601); sizes are changed by bilinear interpolation, smoothed where
    images get smaller.

    Args:
        images: (N, H, W, C) float32 in [0, 1], C 1 or 3.
        shape: (H', W', C') of the result, C' 1 or 3.

    Returns:
        (N, H', W', C') float32 in [0, 1].
    """
    import tensorflow as tf  # listing experiments does without

    height, width, channels = shape
    converted = tf.constant(images, tf.float32)
    if images.shape[-1] == 3 and channels == 1:
        converted = tf.image.rgb_to_grayscale(converted)
    if images.shape[1:3] != (height, width):
        converted = tf.image.resize(converted, (height, width), method="bilinear", antialias=True)
    if converted.shape[-1] == 1 and channels == 3:
        converted = tf.repeat(converted, 3, axis=-1)
    return np.clip(converted.numpy(), 0, 1)
