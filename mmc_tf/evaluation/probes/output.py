"""Three forward passes that show whether a model's output is what attacks take it for."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from mmc_tf.attacks.oracle import Model
from mmc_tf.classifier import Classifier

MAX_IMAGES = 32
DIGITS = 6  # what is below is rounding, and another one on other machines
# Of logsumexp of a row, which is 0 for logarithms of probabilities, in float32.
LOG_TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class OutputProbe:
    """What a model returned for a few clean images, asked three times.

    Differences are shares of the widest range of logits within a row, so that they do not depend on the
    logits' scale.

    Attributes:
        examples: number of images.
        random_difference: largest difference between two passes over one batch.
        batch_difference: largest difference for one image between that batch and a batch of its copies.
        kind: `logits`; `shares` if every value lies within [0, 1]; `log_probabilities` if every row's
            exponentials sum to 1; or how logits were got from an output that has none: `softmax`, `vote`,
            `probabilities` (`mmc_tf.classifier.graphs.Findings`).
        graph_differs: whether the compiled graph gives other logits than the network called directly.
        blind: whether cross-entropy was found blind where no head is known, so that attacks climb the margin.
    """

    examples: int
    random_difference: float
    batch_difference: float
    kind: str
    graph_differs: bool = False
    blind: bool = False


def probe_output(model: Model, images: np.ndarray) -> OutputProbe:
    """Asks a model about one batch twice, and about its first image among copies of itself.

    Args:
        model: images float32 (N, H, W, C) to logits (N, L), in evaluation mode.
        images: float32 (N, H, W, C) in [0, 1]; the first 32 are used.
    """
    images = tf.constant(images[:MAX_IMAGES])
    copies = tf.repeat(images[:1], len(images), axis=0)
    classifier = Classifier.of(model)
    ask, found = classifier.logits, classifier.found
    first, second, alone = (ask(batch).numpy().astype(np.float64) for batch in (images, images, copies))
    spread = max(float(np.ptp(first, axis=1).max()), np.finfo(np.float32).tiny)
    return OutputProbe(
        examples=len(images),
        random_difference=round(float(np.abs(second - first).max() / spread), DIGITS),
        batch_difference=round(float(np.abs(alone - first[:1]).max() / spread), DIGITS),
        kind=kind_of(first) if found.output == "logits" else found.output,
        graph_differs="GRAPH_DIFFERS" in found.notes,
        blind=bool(found.is_blind),
    )


def kind_of(outputs: np.ndarray) -> str:
    """What rows of outputs (N, L) look like: `logits`, `shares` or `log_probabilities`.

    Example:
        >>> kind_of(np.log([[0.7, 0.2, 0.1]]))
        'log_probabilities'
    """
    if outputs.min() >= 0 and outputs.max() <= 1:
        return "shares"
    top = outputs.max(axis=1)
    total = top + np.log(np.exp(outputs - top[:, None]).sum(axis=1))
    return "log_probabilities" if np.abs(total).max() < LOG_TOLERANCE else "logits"
