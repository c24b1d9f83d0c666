"""The logit margin loss from clean images to perturbations that failed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks import Attack
from mmc_tf.attacks.objectives import margin
from mmc_tf.attacks.oracle import Model
from mmc_tf.classifier import Classifier
from mmc_tf.classifier.notes import told_elsewhere
from mmc_tf.data import Split
from mmc_tf.evaluation.examples import choose_examples, full_batches
from mmc_tf.evaluation.progress import NoProgress

POSITIONS = tuple(number / 10 for number in range(11))
KEPT, BROKEN, MISCLASSIFIED = "kept", "broken", "misclassified"


@dataclasses.dataclass(frozen=True, eq=False)
class Segments:
    """The losses of some images of one split.

    Attributes:
        split: `train` or `test`.
        indices: (N,) int64, in the data set.
        labels: (N,) int32.
        losses: (N, P) float32, max_{j≠y} h_j - h_y at each of `POSITIONS`.
        states: (N,) text: `kept` where the perturbation failed, `broken` where it succeeded, `misclassified` where
            the clean image is.
    """

    split: str
    indices: np.ndarray
    labels: np.ndarray
    losses: np.ndarray
    states: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        """(K, P) the losses of the perturbations that failed."""
        return self.losses[self.states == KEPT]

    def summary(self) -> dict[str, Any]:
        """Counts, and means over the kept: at the clean and at the perturbed end, and their difference.

        `relative_rise` is that of the mean at the clean end, which networks whose logits differ in size share: 0 for
        a flat landscape, 1 for one in which the perturbations reach the boundary.
        """
        counts = {state: int((self.states == state).sum()) for state in (MISCLASSIFIED, BROKEN, KEPT)}
        means = dict.fromkeys(("mean_clean", "mean_perturbed", "mean_rise", "relative_rise"))
        if counts[KEPT]:
            first, last = (float(self.kept[:, end].mean(dtype=np.float64)) for end in (0, -1))
            means = dict(zip(means, (first, last, last - first, (last - first) / -first), strict=True))
        return {"examples": len(self.states), **counts, **means}


def walk(
    model: Model,
    split: Split,
    positions: np.ndarray,
    attack: Attack,
    *,
    name: str,
    first_index: int = 0,
    seed: int = 0,
    batch_size: int = 100,
    progress: NoProgress | None = None,
) -> Segments:
    """Attacks images, and evaluates the loss at 11 points from each to its perturbation.

    Args:
        model: maps images to logits.
        split: all images.
        positions: (N,) of the images in it.
        attack: of a fixed radius.
        name: of the split.
        first_index: the index in the data set of the split's first image.
        seed: of the attack.
        batch_size: images at once.
        progress: told of every batch.
    """
    examples = choose_examples(split, indices=positions)
    size = min(batch_size, len(examples))
    losses = np.zeros((len(examples), len(POSITIONS)), np.float32)
    broken, misclassified = np.zeros((2, len(examples)), bool)
    for batch, count in full_batches(np.arange(len(examples)), size):
        images, labels = examples.take(batch)
        indices = first_index + examples.indices[batch]
        with told_elsewhere():
            result = attack(model, images, labels, indices=indices, seed=seed)
        done = batch[:count]
        losses[done] = losses_between(model, images, result.adversarial, labels)[:count]
        misclassified[done] = (result.clean_prediction != labels)[:count]
        broken[done] = result.misclassified[:count]
        if progress is not None:
            progress.advance(count)
    # The prediction is of the logits as they are, in which centers' heads may round a small lead away.
    misclassified |= losses[:, 0] >= 0
    broken |= losses[:, -1] >= 0
    states = np.where(misclassified, MISCLASSIFIED, np.where(broken, BROKEN, KEPT))
    return Segments(name, first_index + examples.indices, examples.labels, losses, states)


def losses_between(model: Model, clean: np.ndarray, perturbed: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N, P) float32: max_{j≠y} h_j(x_t) - h_y(x_t) at x_t = (1 - t)·x + t·x′, t in `POSITIONS` (MMA, Section 2.4).

    Args:
        model: maps images to logits.
        clean: (N, H, W, C) float32, x.
        perturbed: (N, H, W, C) float32, x′.
        labels: (N,) int32.
    """
    fixed = (tf.constant(clean), tf.constant(perturbed), tf.constant(labels))
    columns = []
    for position in POSITIONS:
        arguments = (*fixed, tf.constant(position, tf.float32))
        columns.append(Classifier.of(model).compiled("segment", _loss_at, arguments)(*arguments).numpy())
    return np.stack(columns, axis=1)


def _loss_at(
    model: Classifier, clean: tf.Tensor, perturbed: tf.Tensor, labels: tf.Tensor, position: tf.Tensor
) -> tf.Tensor:
    return margin(model.read((1 - position) * clean + position * perturbed).scores, labels)
