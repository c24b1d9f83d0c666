"""C&W: the least l2 perturbation by descent on distance and margin (Carlini & Wagner, S&P 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from mmc_tf.attacks.const_search import ConstSearchAttack, Variables, squared_distance
from mmc_tf.attacks.registry import attacks

FIRST_MOMENT, SECOND_MOMENT, ADAM_EPSILON = 0.9, 0.999, 1e-8
INSIDE = 0.999999  # keeps artanh finite for black and white pixels


@attacks.register("cw")
@dataclass(frozen=True, kw_only=True)
class CW(ConstSearchAttack):
    """min_w ‖x'(w) - x'(0)‖₂² + c·f(x'(w)), x'(w) = ½(tanh(w₀ + w) + 1), w₀ = artanh(0.999999·(2x - 1)).

    f: see `const_search.hinge`. Each c starts from w = 0 with fresh Adam moments. Distances are those to x, not
    to x'(0). The defaults are MMC's, whose scripts abort early as well.

    Args:
        learning_rate: Adam's, > 0, in units of w (MMC: 5e-3; the PyTorch reimplementation: 1e-2).
        initial_const: the first c > 0 (MMC: 0.01; the PyTorch reimplementation: 1e-3).

    Example:
        >>> CW().settings()["num_steps"]
        1000
    """

    name: ClassVar[str] = "cw"
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    summary: ClassVar[str] = (
        "Carlini & Wagner: least l2 distance, by Adam and a search for the weight of the margin"
    )

    norm: str = "l2"
    learning_rate: float = 5e-3
    initial_const: float = 1e-2

    def origin(self, images: tf.Tensor) -> tf.Tensor:
        """x'(0), up to 5e-7 from x."""
        return to_pixels(to_unbounded(images))

    def initial_variables(self, origin: tf.Tensor) -> Variables:
        """w and Adam's two moments."""
        return (tf.zeros_like(origin),) * 3

    def advance(
        self,
        k: tf.Tensor,
        variables: Variables,
        point: tf.Tensor,
        slope: tf.Tensor,
        *,
        images: tf.Tensor,
        tunables: Mapping[str, tf.Tensor],
    ) -> tuple[Variables, tf.Tensor, tf.Tensor]:
        """Adam's step k in w (Kingma & Ba, ICLR 2015, Algorithm 1)."""
        w, first, second = variables
        gradient = slope * 2.0 * point * (1.0 - point)  # dx'/dw = ½(1 - tanh²)
        first = FIRST_MOMENT * first + (1 - FIRST_MOMENT) * gradient
        second = SECOND_MOMENT * second + (1 - SECOND_MOMENT) * tf.square(gradient)
        t = tf.cast(k + 1, tf.float32)
        mean = first / (1.0 - FIRST_MOMENT**t)
        size = tf.sqrt(second / (1.0 - SECOND_MOMENT**t))
        w -= tunables["learning_rate"] * mean / (size + ADAM_EPSILON)
        iterate = to_pixels(to_unbounded(images) + w)
        return (w, first, second), iterate, iterate

    def cost(self, delta: tf.Tensor, tunables: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """‖δ‖₂²."""
        return squared_distance(delta)


def to_unbounded(images: tf.Tensor) -> tf.Tensor:
    """w₀ = artanh(0.999999·(2x - 1)) of pixels in [0, 1]."""
    return tf.atanh(INSIDE * (2.0 * images - 1.0))


def to_pixels(values: tf.Tensor) -> tf.Tensor:
    """x' = ½(tanh(w) + 1)."""
    return 0.5 * (tf.tanh(values) + 1.0)
