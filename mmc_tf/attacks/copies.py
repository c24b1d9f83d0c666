"""A classifier with a cheaper copy of itself: attacks craft on the copy, and the classifier judges."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmc_tf.attacks.oracle import Model, call_model
from mmc_tf.models.folding import folded_copy

CHECKED_IMAGES, FAITHFUL = 4, 1e-3  # how many images, and how far logits may be off, in units of their spread
# How far a copy's verdict on an image may change with the batch around it, in units of the logits' spread.
ROUNDING = {"float32": 1e-4, "bfloat16": 1e-2}


class ModelWithCopy:
    """A classifier for attacks that craft on a copy of it, whose batch norms are folded into its convolutions.

    An attack that is called with it does all its steps on the copy. What counts is decided by the classifier
    itself, in its own precision: which clean images are attacked, and whether they are broken. Where the copy
    believed more to be reached than the classifier confirms, the example is attacked again on the
    classifier. So a copy can make an attack weaker only where it leads the steps astray, never by stopping them.

    In bfloat16, attacks that look for the least distance use a float32 copy: their results lie on the
    boundary, which bfloat16 blurs.

    The copy holds the weights of the moment: make a new one after training. Keep the object as long as it is
    attacked, since attacks are compiled for it.

    Args:
        model: a classifier; what cannot be copied (`folded_copy`) is attacked itself.
        precision: of the copy, `float32` or `bfloat16`.

    Raises:
        UserError: for another precision.

    Example:
        >>> from mmc_tf.attacks import make
        >>> fast = ModelWithCopy(model, precision="bfloat16")
        >>> result = make("pgd", epsilon=8 / 255)(fast, split.images, split.labels)
    """

    def __init__(self, model: Model, *, precision: str = "float32"):
        self.model = model
        copies = {each: folded_copy(model, precision=each) for each in dict.fromkeys(["float32", precision])}
        faithful = all(each is model for each in copies.values()) or _is_faithful(copies["float32"], model)
        self._copies = copies if faithful else dict.fromkeys(copies, model)
        self.precision = precision

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """The classifier's own logits (N, L)."""
        return call_model(self.model, images)

    def copy_for(self, attack: Any) -> tuple[Model, float]:
        """What an attack crafts on, the model itself if there is no gain; and how far to trust its verdicts.

        Args:
            attack: an `Attack`.

        Returns:
            The copy, and the part of the spread of its logits by which a lead may be off between two batches.
        """
        precision = "float32" if attack.radius == "least" else self.precision
        return self._copies[precision], ROUNDING[precision]


def _is_faithful(copy: Model, model: keras.Model) -> bool:
    """Whether two models have the same logits up to rounding; not those that draw at random in every pass."""
    shape = model.input_shape[1:]
    if len(shape) != 3 or None in shape:
        return False
    images = np.random.default_rng(0).uniform(size=(CHECKED_IMAGES, *shape)).astype(np.float32)
    ours, theirs = (call_model(each, tf.constant(images)).numpy() for each in (copy, model))
    again = call_model(model, tf.constant(images)).numpy()
    spread = np.ptp(theirs, axis=1, keepdims=True)
    if theirs.ndim != 2 or not np.isfinite(theirs).all():
        return False
    return bool(max(np.abs(each - theirs).max() for each in (ours, again)) <= FAITHFUL * spread.max())
