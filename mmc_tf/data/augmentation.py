"""Random changes of training images: horizontal flips and continuous shifts, as in the original's generator.

The draws of an example depend on the seed, the epoch and the example's index, never on its batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import tensorflow as tf

from mmc_tf.checks import check_number


@dataclass(frozen=True)
class Augmentation:
    """Flips half of the images, and shifts each by a part of its size.

    Output pixel (y, x) is the input at (y + dy, x + dx), interpolated linearly, where dy is uniform in
    [-shift, shift) times the height and dx likewise; outside the image the nearest pixel of its edge counts.

    Args:
        flip: whether to flip from left to right with probability 1/2.
        shift: the largest shift as a fraction of height and width, 0 to 1; the original's is 0.1.

    Raises:
        UserError: if `shift` is not in [0, 1].

    Example:
        >>> augment = Augmentation(flip=True, shift=0.1)
        >>> images = tf.zeros((5, 32, 32, 3))
        >>> augment(images, augment.draws(5, seed=[0, 0])).shape
        TensorShape([5, 32, 32, 3])
    """

    flip: bool = False
    shift: float = 0.0

    def __post_init__(self):
        check_number("shift", self.shift, minimum=0, maximum=1)

    def __bool__(self) -> bool:
        return bool(self.flip or self.shift)

    def draws(self, size: int, *, seed: tf.Tensor) -> tf.Tensor:
        """Random numbers for each example: flip, vertical and horizontal shift.

        Args:
            size: the number of examples N.
            seed: (2,) integers.

        Returns:
            (N, 3) float32 in [0, 1); row i belongs to example i.
        """
        # The algorithm is named because "auto" may choose another on another device.
        return tf.random.stateless_uniform((size, 3), seed, alg="philox")

    def __call__(self, images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Changes each image as its draws say.

        Args:
            images: (B, H, W, C) float32.
            draws: (B, 3) float32 in [0, 1).

        Returns:
            (B, H, W, C) float32, within the range of the images.
        """
        if self.shift:
            height, width = images.shape[1:3]
            dy = (2 * draws[:, 1] - 1) * (self.shift * height)
            dx = (2 * draws[:, 2] - 1) * (self.shift * width)
            one, zero = tf.ones_like(dx), tf.zeros_like(dx)
            transforms = tf.stack([one, zero, dx, zero, one, dy, zero, zero], axis=1)
            images = keras.ops.image.affine_transform(
                images,
                transforms,
                interpolation="bilinear",
                fill_mode="nearest",
                data_format="channels_last",
            )
        if self.flip:
            images = tf.where(draws[:, :1, None, None] < 0.5, images[:, :, ::-1], images)
        return images
