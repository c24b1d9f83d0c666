"""All checks of one evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from mmc_tf.evaluation.diagnostics import blindness, coverage, order
from mmc_tf.evaluation.diagnostics.finding import Finding, Record


def find_all(
    records: Sequence[Record], *, clean_accuracy: float, recorded_accuracy: float | None, examples: int
) -> list[Finding]:
    """Every finding, the gravest first."""
    return [
        *coverage.find_clean_accuracy_difference(clean_accuracy, recorded_accuracy, examples=examples),
        *blindness.find_zero_gradients(records),
        *blindness.find_cross_entropy_blind(records),
        *blindness.find_non_adaptive(records),
        *order.find_black_box_stronger(records),
        *order.find_square_helps(records),
        *order.find_one_step_beats_many(records),
        *order.find_larger_radius_weaker(records),
        *order.find_stronger_attack(records),
        *coverage.find_few_examples(records),
        *coverage.find_gradient_attacks_only(records),
    ]
