"""The margins of a split's examples by AN-PGD in its test mode, inside a graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from mmc_tf.attacks.shortest import shortest_perturbation
from mmc_tf.classifier import call_model, predict


@dataclasses.dataclass(frozen=True, kw_only=True)
class MarginSearch:
    """How far AN-PGD looks, and from where.

    Args:
        norm: `linf` or `l2`.
        initial_radius: > 0, in pixels of [0, 1].
        max_radius: M > 0; the margin of an example in which nothing was found.
        num_steps: of PGD.
        num_bisections: the margin is known to M/2^num_bisections.
        seed: of the starts, the same for every network that is to be compared.
    """

    norm: str = "linf"
    initial_radius: float
    max_radius: float
    num_steps: int = 40
    num_bisections: int = 10
    seed: int = 0


def margin_of(model: keras.Model, search: MarginSearch) -> Callable[[dict[str, tf.Tensor]], tf.Tensor]:
    """A function from a batch to the distance (B,) of each image from the network's decision boundary.

    Upper bounds, as all that an attack finds: 0 for a misclassified image, M where no boundary was found (MMA, Eq. 1
    and Algorithm 1).
    """

    def margins(batch: dict[str, tf.Tensor]) -> tf.Tensor:
        images, labels = batch["images"], batch["labels"]
        found = shortest_perturbation(
            model,
            images,
            labels,
            norm=search.norm,
            initial_radius=tf.fill(tf.shape(labels), search.initial_radius),
            max_radius=search.max_radius,
            num_steps=search.num_steps,
            num_bisections=search.num_bisections,
            indices=batch["indices"],
            seed=search.seed,
            boundary="prediction",
            active=tf.equal(predict(call_model(model, images)), labels),
        )
        return found.radius

    return margins
