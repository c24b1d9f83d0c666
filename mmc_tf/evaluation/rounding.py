"""What is left of an adversarial image in a file of 8 bits a pixel."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.oracle import Model
from mmc_tf.classifier import Classifier, predict

LEVELS = 255


def round_to_8_bits(images: np.ndarray) -> np.ndarray:
    """round(255 x) / 255, halves to the even level, in float32: what an 8-bit file would hold.

    Args:
        images: float32 (N, H, W, C); values outside [0, 1] become 0 and 1, since a file has no others.

    Example:
        >>> round_to_8_bits(np.float32([0.1, 0.5, 1.2])) * 255
        array([ 26., 128., 255.], dtype=float32)
    """
    levels = np.rint(np.clip(images, 0, 1) * np.float32(LEVELS))
    return levels.astype(np.float32) / np.float32(LEVELS)


def judge_rounded(
    model: Model, adversarial: np.ndarray, labels: np.ndarray, misclassified: np.ndarray
) -> np.ndarray:
    """Whether the adversarial images still fool the model when rounded to 8 bits, by a fresh forward pass.

    An image that rounding moves out of the ball by less than half a level still counts: it is what an 8-bit
    file would hold. An image that did not count before rounding (right prediction, out of the ball, not
    finite) does not count after it: rounding is no attack.

    Args:
        model: the classifier.
        adversarial: float32 (N, H, W, C), as the attack returned them.
        labels: (N,) true classes.
        misclassified: (N,) bool, the verdict without rounding.

    Returns:
        (N,) bool.
    """
    if not misclassified.any():
        return np.zeros(len(labels), bool)
    # NaN in an image that counts for nothing would make all of a batch NaN in a model that mixes examples.
    rounded = tf.constant(round_to_8_bits(np.nan_to_num(adversarial)))
    prediction = predict(Classifier.of(model).logits(rounded)).numpy()
    return misclassified & (prediction != labels)
