"""Evaluation under attack: attack every example, keep every verdict, and say when a number is an artefact."""

from mmc_tf.evaluation.runner import evaluate

__all__ = ["evaluate"]
