"""Anything callable from images to logits, as one object that attacks, probes and scripts take."""

from mmc_tf import tensorflow_backend  # noqa: F401  before Keras is imported
from mmc_tf.classifier.calling import Network, call_model, predict
from mmc_tf.classifier.classifier import Classifier, Reading
from mmc_tf.classifier.look import look_at
from mmc_tf.classifier.notes import NetworkWarning
from mmc_tf.classifier.scores import Scores, members_behind, read_scores

__all__ = [
    "Classifier",
    "Network",
    "NetworkWarning",
    "Reading",
    "Scores",
    "call_model",
    "look_at",
    "members_behind",
    "predict",
    "read_scores",
]
