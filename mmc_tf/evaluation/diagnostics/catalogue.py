"""All checks of one evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmc_tf.evaluation.diagnostics import blindness, coverage, order, probed
from mmc_tf.evaluation.diagnostics.finding import Finding, Record


def find_all(
    records: Sequence[Record],
    *,
    clean_accuracy: float,
    recorded_accuracy: float | None,
    examples: int,
    diagnosis: Mapping[str, Any] | None = None,
) -> list[Finding]:
    """Every finding, the gravest first; those of a diagnosis after those of whole attacks.

    Args:
        records: of the attacks.
        clean_accuracy: in [0, 1].
        recorded_accuracy: as recorded in training, or None.
        examples: number of examples evaluated.
        diagnosis: the figures of `mmc_tf.evaluation.probes`, or None.
    """
    about_records = _find_in_records(
        records, clean_accuracy=clean_accuracy, recorded_accuracy=recorded_accuracy, examples=examples
    )
    said = {(finding.code, label) for finding in about_records for label in finding.attacks}
    return about_records + [
        finding
        for finding in probed.find_in_diagnosis(diagnosis or {})
        # What the whole test set shows need not be said again of a hundred images; by how much a non-adaptive
        # attack misleads is seldom known of the whole.
        if finding.code == "NON_ADAPTIVE"
        or not finding.attacks
        or not said.issuperset((finding.code, label) for label in finding.attacks)
    ]


def _find_in_records(
    records: Sequence[Record], *, clean_accuracy: float, recorded_accuracy: float | None, examples: int
) -> list[Finding]:
    return [
        *coverage.find_clean_accuracy_difference(clean_accuracy, recorded_accuracy, examples=examples),
        *coverage.find_unreachable_radius(records),
        *blindness.find_zero_gradients(records),
        *blindness.find_nonfinite_gradients(records),
        *blindness.find_nonfinite_outputs(records),
        *blindness.find_cross_entropy_blind(records),
        *blindness.find_non_adaptive(records),
        *order.find_black_box_stronger(records),
        *order.find_square_helps(records),
        *order.find_one_step_beats_many(records),
        *order.find_larger_radius_weaker(records),
        *order.find_radius_one_survived(records),
        *order.find_stronger_attack(records),
        *coverage.find_few_examples(records),
        *coverage.find_gradient_attacks_only(records),
    ]
