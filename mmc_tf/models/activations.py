"""Activations of ours."""

from __future__ import annotations

import keras
from keras import ops

from mmc_tf.checks import check_number


@keras.saving.register_keras_serializable("mmc_tf")
class RisingLeakyReLU(keras.layers.Layer):
    """max(x, s·x), which is leaky ReLU for slopes s up to 1.

    Not `keras.layers.LeakyReLU`: on CPUs TensorFlow 2.21 fuses that into the convolution and sum before it, and its
    fused kernel is wrong, by a tenth of the logits in a ResNet v1 without batch normalization, in compiled graphs only.

    Input shape: any. Output shape: the same.

    Args:
        slope: s, of the negative side, in [0, 1].

    Raises:
        UserError: for another slope.

    Example:
        >>> np.asarray(RisingLeakyReLU(0.5)(np.float32([-2, 3])))
        array([-1.,  3.], dtype=float32)
    """

    def __init__(self, slope: float = 0.1, **kwargs):
        super().__init__(**kwargs)
        check_number("slope", slope, minimum=0, maximum=1)
        self.slope = slope

    def call(self, inputs):
        """max(x, s·x)."""
        return ops.maximum(inputs, self.slope * inputs)

    def compute_output_shape(self, input_shape):
        """Nothing changes."""
        return input_shape

    def get_config(self):
        """Every argument."""
        return {**super().get_config(), "slope": self.slope}
