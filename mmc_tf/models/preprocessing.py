"""What an image passes before the first convolution, as layers whose constants are weights.

They are part of the model, so an attack works in pixel space and cannot forget them.
All run in float32 whatever the precision policy, and none has trainable weights.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from mmc_tf.checks import argument_error, check_images, check_number


class _Preprocessing(keras.layers.Layer):
    """A layer from images to images of the same rank, computed in float32."""

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def compute_output_shape(self, input_shape):
        """Images keep their shape."""
        return input_shape


@keras.saving.register_keras_serializable("mmc_tf")
class SubtractPixelMean(_Preprocessing):
    """x − m, with m the mean of the training images at every pixel and channel.

    The original scripts subtract the same mean outside the network. `adapt` computes m, `set_mean` takes it.

    Input shape: (N, H, W, C), pixels in [0, 1]. Output shape: the same, values in [−1, 1].

    Example:
        >>> layer = SubtractPixelMean()
        >>> layer.adapt(np.full((4, 8, 8, 1), 0.25, np.float32))
        >>> float(layer(np.ones((1, 8, 8, 1), np.float32))[0, 0, 0, 0])
        0.75
    """

    def build(self, input_shape):
        """Creates the mean, zero until it is adapted or loaded."""
        self.mean = self.add_weight(shape=input_shape[1:], initializer="zeros", trainable=False, name="mean")

    def adapt(self, images: np.ndarray) -> None:
        """Takes the mean over float images (N, H, W, C) in [0, 1]."""
        self.set_mean(np.mean(check_images("images", images), axis=0, dtype=np.float64))

    def set_mean(self, mean: np.ndarray) -> None:
        """Takes the mean image (H, W, C).

        Raises:
            UserError: if the layer was built for another shape.
        """
        if not self.built:
            self.build((None, *np.shape(mean)))
        if np.shape(mean) != tuple(self.mean.shape):
            raise argument_error("mean", f"a mean image of shape {tuple(self.mean.shape)}", np.shape(mean))
        self.mean.assign(np.asarray(mean, np.float32))

    def call(self, images):
        """Subtracts the mean image."""
        return images - self.mean


@keras.saving.register_keras_serializable("mmc_tf")
class ZCAWhitening(_Preprocessing):
    """(x − m) W with W = U (S + ε)^(−½) Uᵀ for the training covariance U S Uᵀ, over flattened pixels.

    Args:
        epsilon: > 0, added to the eigenvalues S. The original's generator asks for 1e-6 and never applies it.

    Input shape: (N, H, W, C), pixels in [0, 1]. Output shape: the same.

    Raises:
        UserError: if epsilon is not positive.
    """

    def __init__(self, epsilon: float = 1e-6, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = check_number("epsilon", epsilon, above=0)

    def build(self, input_shape):
        """Creates the mean (D,) and matrix (D, D) with D = H·W·C: the identity until adapted or loaded."""
        size = int(np.prod(input_shape[1:]))
        self.mean = self.add_weight(shape=(size,), initializer="zeros", trainable=False, name="mean")
        self.matrix = self.add_weight(
            shape=(size, size), initializer="identity", trainable=False, name="matrix"
        )

    def adapt(self, images: np.ndarray) -> None:
        """Takes mean and covariance over float images (N, H, W, C) in [0, 1].

        Raises:
            UserError: if the layer was built for another number of pixels.
        """
        images = check_images("images", images)
        if not self.built:
            self.build((None, *images.shape[1:]))
        flat = images.reshape(len(images), -1)
        size = self.mean.shape[0]
        if flat.shape[1] != size:
            raise argument_error("images", f"images of {size} values", f"images of {flat.shape[1]} values")
        mean = flat.mean(axis=0, dtype=np.float64)
        covariance = np.zeros((size, size))
        for start in range(0, len(flat), 5000):  # all of CIFAR-10 in float64 would take 1.2 GB at once
            centered = flat[start : start + 5000] - mean
            covariance += centered.T @ centered / len(flat)
        eigenvalues, vectors = np.linalg.eigh(covariance)
        scale = 1.0 / np.sqrt(np.maximum(eigenvalues, 0.0) + self.epsilon)
        self.mean.assign(mean.astype(np.float32))
        self.matrix.assign(((vectors * scale) @ vectors.T).astype(np.float32))

    def call(self, images):
        """Whitens every image."""
        flat = ops.reshape(images, (-1, self.mean.shape[0]))
        return ops.reshape(ops.matmul(flat - self.mean, self.matrix), (-1, *images.shape[1:]))

    def get_config(self):
        """All arguments of the constructor."""
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("mmc_tf")
class PerImageStandardization(_Preprocessing):
    """(x − mean(x)) / max(std(x), 1/√D) over each image's D values, as `tf.image.per_image_standardization`.

    The MMA paper puts it before its wide residual networks (Appendix C, footnote 9).

    Input shape: (N, H, W, C). Output shape: the same.
    """

    def call(self, images):
        """Standardizes every image by itself."""
        size = int(np.prod(images.shape[1:]))
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        centered = images - mean
        variance = ops.mean(ops.square(centered), axis=(1, 2, 3), keepdims=True)
        # The bound goes inside the root: outside it, the gradient of a constant image would be 0 * inf.
        return centered / ops.sqrt(ops.maximum(variance, 1.0 / size))


@keras.saving.register_keras_serializable("mmc_tf")
class RepeatChannels(_Preprocessing):
    """Repeats a grey image `channels` times, as the original trains MNIST with three channels.

    Args:
        channels: >= 1.

    Input shape: (N, H, W, 1). Output shape: (N, H, W, channels).

    Raises:
        UserError: for images that have more than one channel.
    """

    def __init__(self, channels: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.channels = check_number("channels", channels, minimum=1, integer=True)

    def build(self, input_shape):
        """Checks that there is one channel."""
        if input_shape[-1] != 1:
            raise argument_error("images", "grey images (N, H, W, 1)", f"{input_shape[-1]} channels")

    def compute_output_shape(self, input_shape):
        """Only the channels change."""
        return (*input_shape[:-1], self.channels)

    def call(self, images):
        """Repeats the only channel."""
        return ops.repeat(images, self.channels, axis=-1)

    def get_config(self):
        """All arguments of the constructor."""
        return {**super().get_config(), "channels": self.channels}
