"""The first convolution of networks for gray images, with a faster gradient for the pixels."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("mmc_tf")
class GrayConv2D(keras.layers.Conv2D):
    """A convolution of one input channel: the same values, and on CPUs the pixels' gradient in less than half the time.

    The gradient of y = w ∗ x + b for the pixels is itself a convolution, to one channel, which oneDNN computes
    in float32 as if to sixteen. Here it is one product of matrices for all positions k of the kernel, and shifted
    sums:

        ∂x[i] = Σ_k (Σ_o w[k, o] ∂y[i + c − k, o]),    c the kernel's center, or 0 with padding `valid`

    Every attack and adversarial training ask for that gradient at each of their steps. The kernel's own gradient, other
    precisions than float32, GPUs, other backends than TensorFlow, strides, dilation, groups and an activation inside
    the layer are Keras' own.

    Args:
        filters, kernel_size, ...: of `keras.layers.Conv2D`.

    Input shape: (N, H, W, 1), or with more channels, where all is Keras' own. Output shape: (N, H, W, filters).

    Example:
        >>> GrayConv2D(32, 5, padding="same")(np.ones((1, 28, 28, 1), np.float32)).shape
        TensorShape([1, 28, 28, 32])
    """

    def call(self, inputs):
        """w ∗ x + b."""
        if not self._sums_shifts(inputs):
            return super().call(inputs)
        # After the bias, so that TensorFlow still fuses it with the convolution.
        outputs = super().call(ops.stop_gradient(inputs))
        identity = _identity_with_pixel_gradient(self.padding)
        return identity(outputs, inputs, ops.stop_gradient(self.kernel))

    def _sums_shifts(self, inputs) -> bool:
        """Whether the gradient of the sums above is right, and worth it."""
        plain = self.strides == self.dilation_rate == (1, 1) and self.groups == 1
        last = self.data_format == "channels_last" and inputs.shape[-1] == 1
        linear = self.activation is keras.activations.linear
        slow = keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")
        return plain and last and linear and slow and self.compute_dtype == "float32"


def _identity_with_pixel_gradient(padding: str):
    """(outputs, images, kernel) -> outputs, with the gradient of a convolution for the images, none for the kernel."""

    @ops.custom_gradient
    def identity(outputs, images, kernel):
        def gradient(upstream):
            return upstream, pixel_gradient(upstream, kernel, padding=padding), None

        return outputs, gradient

    return identity


def pixel_gradient(upstream, kernel, *, padding: str):
    """∂x (N, H, W, 1) of y = w ∗ x.

    Args:
        upstream: ∂y, (N, height of y, width of y, filters).
        kernel: w, (height, width, 1, filters).
        padding: `same` or `valid`.
    """
    height, width, _, filters = kernel.shape
    size = ops.shape(upstream)[:3]
    # Positions of the kernel first: then the shifts below are slices of whole rows.
    upstream = ops.transpose(ops.reshape(upstream, (-1, filters)))
    products = ops.matmul(ops.reshape(kernel, (-1, filters)), upstream)
    products = ops.reshape(products, (height, width, *size))
    columns = sum(ops.pad(products[:, k], ((0, 0),) * 3 + ((k, width - 1 - k),)) for k in range(width))
    rows = sum(ops.pad(columns[k], ((0, 0), (k, height - 1 - k), (0, 0))) for k in range(height))
    if padding == "valid":
        return rows[..., None]
    top, left = (height - 1) // 2, (width - 1) // 2
    return rows[:, top : top + size[1], left : left + size[2], None]
