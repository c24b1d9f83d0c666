"""Random rotations, one of the general-purpose attacks of the MMC paper's Table 2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import keras
import tensorflow as tf

from mmc_tf.attacks.base import Crafted
from mmc_tf.attacks.corruption import Corruption
from mmc_tf.attacks.objectives import margin
from mmc_tf.attacks.oracle import Evaluation, Look, Oracle
from mmc_tf.attacks.projections import clip_box
from mmc_tf.attacks.registry import attacks
from mmc_tf.attacks.starts import per_example
from mmc_tf.checks import check_number


@attacks.register("rotation")
@dataclass(frozen=True, kw_only=True)
class Rotation(Corruption):
    """Rotates each image by an angle uniform in [-a, a] about its centre, edges continued outwards.

    With several angles, the first one that misclassifies the image is kept, or else the one of the largest
    margin of a wrong class (Engstrom et al., ICML 2019, "worst-of-k").

    Args:
        max_degrees: a >= 0; 30 in the MMC paper (Section 4.4).
        worst_of: angles k >= 1 tried per image.

    Raises:
        UserError: for values out of range, or a radius.

    Example:
        >>> Rotation(worst_of=10).max_degrees
        30.0
    """

    name: ClassVar[str] = "rotation"
    summary: ClassVar[str] = "rotation by a random angle, or the worst of several"
    tunable_names: ClassVar[tuple[str, ...]] = ("max_degrees",)

    max_degrees: float = 30.0
    worst_of: int = 1

    def __post_init__(self):
        super().__post_init__()
        check_number("max_degrees", self.max_degrees, minimum=0)
        check_number("worst_of", self.worst_of, minimum=1, integer=True)

    def run(
        self,
        oracle: Oracle,
        images: tf.Tensor,
        *,
        indices: tf.Tensor,
        seed: tf.Tensor,
        tunables: Mapping[str, tf.Tensor],
        clean: Evaluation | Look | None,
        active: tf.Tensor,
    ) -> Crafted:
        """One angle without a look, or the worst of several."""

        def rotated(number: tf.Tensor | int) -> tf.Tensor:
            uniform = per_example(
                lambda key: tf.random.stateless_uniform((), key, -1.0, 1.0, alg="philox"),
                indices,
                seed=seed,
                stream=number,
                signature=tf.float32,
            )
            return rotate(images, tunables["max_degrees"] * uniform)

        nothing = tf.zeros_like(oracle.labels)
        if self.worst_of == 1:
            return Crafted(rotated(0), nothing, nothing)

        def turn(number, worst, lead, unbroken, queries):
            candidate = rotated(number)
            look = oracle.look(candidate, unbroken, objective=margin)
            queries += tf.cast(unbroken, tf.int32)
            broken = unbroken & tf.not_equal(look.prediction, oracle.labels)
            worse = broken | (unbroken & (look.objective > lead))
            worst = tf.where(worse[:, None, None, None], candidate, worst)
            return number + 1, worst, tf.where(worse, look.objective, lead), unbroken & ~broken, queries

        def unfinished(number, worst, lead, unbroken, queries):
            return (number < self.worst_of) & tf.reduce_any(unbroken)

        lead = tf.fill(tf.shape(active), -math.inf)
        state = (tf.constant(0), images, lead, active, nothing)
        _, worst, _, _, queries = tf.while_loop(unfinished, turn, state, parallel_iterations=1)
        return Crafted(worst, queries, nothing)


def rotate(images: tf.Tensor, degrees: tf.Tensor) -> tf.Tensor:
    """Rotates images counter-clockwise about ((H - 1)/2, (W - 1)/2), in pixels.

    Bilinear between pixels; what lies outside the image is the nearest pixel of its edge.

    Args:
        images: (N, H, W, C) in [0, 1], the first row on top.
        degrees: (N,) float32.

    Returns:
        (N, H, W, C) in [0, 1].

    Example:
        >>> image = tf.reshape([0.1, 0.2, 0.3, 0.4], (1, 2, 2, 1))
        >>> rotate(image, tf.constant([90.0])).numpy()[0, :, :, 0].round(2)
        array([[0.2, 0.4],
               [0.1, 0.3]], dtype=float32)
    """
    images = tf.convert_to_tensor(images)
    angles = tf.cast(degrees, tf.float32) * (math.pi / 180)
    cosine, sine = tf.cos(angles), tf.sin(angles)
    middle_y, middle_x = (images.shape[1] - 1) / 2, (images.shape[2] - 1) / 2
    # Rows point down, so that a point (x, y) of the result is found at (x·cos - y·sin, x·sin + y·cos).
    zero = tf.zeros_like(cosine)
    transform = tf.stack(
        [
            *(cosine, -sine, middle_x - middle_x * cosine + middle_y * sine),
            *(sine, cosine, middle_y - middle_x * sine - middle_y * cosine),
            *(zero, zero),
        ],
        axis=1,
    )
    turned = keras.ops.image.affine_transform(
        images, transform, fill_mode="nearest", data_format="channels_last"
    )
    return clip_box(turned)
