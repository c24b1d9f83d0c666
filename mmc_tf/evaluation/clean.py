"""What a network says of the clean images; a resumed evaluation keeps what the interrupted one was told."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mmc_tf.classifier import Classifier, Network, predict
from mmc_tf.evaluation.examples import Examples, full_batches
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.evaluation.scoring import score_examples
from mmc_tf.evaluation.store import EvaluationFolder


def predict_clean(
    model: Network, examples: Examples, folder: EvaluationFolder, batch_size: int, progress: NoProgress
) -> np.ndarray:
    """Clean predictions (N,); an interrupted run's own ones are kept, for they decided whom it attacked."""
    kept = folder.batches("clean")
    if kept:
        return kept[0]["predictions"]
    progress.start("clean", len(examples))
    predictions = []
    for positions, count in full_batches(np.arange(len(examples)), batch_size):
        images = tf.constant(examples.take(positions)[0])
        predictions.append(predict(Classifier.of(model).logits(images)).numpy()[:count])
        progress.advance(count)
    progress.finish()
    folder.append("clean", {"predictions": np.concatenate(predictions)})
    return np.concatenate(predictions)


def score_clean(model: Network, examples: Examples, folder: EvaluationFolder, batch_size: int) -> np.ndarray:
    """Detection scores (N, 3)."""
    kept = folder.batches("clean-scores")
    if kept:
        return kept[0]["scores"]
    scores = score_examples(model, examples, batch_size=batch_size)
    folder.append("clean-scores", {"scores": scores})
    return scores
