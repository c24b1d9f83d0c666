"""Attacks that do not see where to go: no gradient, or an objective that is flat on the head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmc_tf.checks import UNUSABLE_GRADIENT_RATE
from mmc_tf.evaluation.diagnostics.finding import (
    Finding,
    Record,
    group_by_ball,
    leaves,
    leaves_more,
    stages_of,
)
from mmc_tf.evaluation.wording import percent

ARTEFACT = 0.02
BLIND = 0.1
ON_DIFFERENCES = ("apgd_t", "apgd_dlr", "apgd_margin")


def find_zero_gradients(records: Sequence[Record]) -> list[Finding]:
    """ZERO_GRADIENT: the objective's input gradient is zero on at least 1 % of the attacked examples.

    The stages of ensembles are asked instead of the whole.
    """
    return [
        Finding(
            "ZERO_GRADIENT",
            f"{', '.join(labels)}: the gradient is exactly zero on {rate} % of the attacked examples, "
            "so the attack does not see where to go: its number is too high.",
            tuple(labels),
        )
        for rate, labels in _labels_by_rate(records, "zero_gradient_rate").items()
    ]


def find_nonfinite_gradients(records: Sequence[Record]) -> list[Finding]:
    """NONFINITE_GRADIENT: the objective's input gradient holds NaN or inf on at least 1 % of the attacked
    examples.

    The stages of ensembles are asked instead of the whole.
    """
    return [
        Finding(
            "NONFINITE_GRADIENT",
            f"{', '.join(labels)}: the gradient is not finite on {rate} % of the attacked examples; 0 is taken "
            "in its place, so the attack does not see where to go: its number is too high.",
            tuple(labels),
        )
        for rate, labels in _labels_by_rate(records, "nonfinite_gradient_rate").items()
    ]


def find_nonfinite_outputs(records: Sequence[Record]) -> list[Finding]:
    """NONFINITE_OUTPUT: the network answered an attacked image with NaN or infinity, which counts as broken."""
    return [
        Finding(
            "NONFINITE_OUTPUT",
            f"{record['label']}: the network answers {record['nonfinite_outputs']} attacked images with NaN or "
            "infinity; they count as broken.",
            (record["label"],),
        )
        for record in records
        if record.get("nonfinite_outputs")
    ]


def _labels_by_rate(records: Sequence[Record], name: str) -> dict[str, list[str]]:
    """The attacks and stages whose rate of that name is at least 1 %, by the rate in percent."""
    labels_of: dict[str, list[str]] = {}
    singles = [single for record in records for single in stages_of(record) or [record]]
    for record in singles:
        rate = record.get(name, 0.0)
        if rate >= UNUSABLE_GRADIENT_RATE:
            labels_of.setdefault(percent(rate), []).append(record["label"])
    return labels_of


def find_non_adaptive(records: Sequence[Record]) -> list[Finding]:
    """NON_ADAPTIVE: an attack ignored the head's own objective, or did worse for it by more than 2 points.

    Ensembles are not accused of a stage that did.
    """
    naive = [record for record in records if not record["adaptive"]]
    if not naive:
        return []
    labels = tuple(record["label"] for record in naive)
    findings = [
        Finding(
            "NON_ADAPTIVE",
            f"{', '.join(labels)}: attacked with softmax cross-entropy, which is next to blind on this "
            "head: not a robustness claim.",
            labels,
        )
    ]
    same = ("attack", "norm", "epsilon", "targeted", "num_steps")
    for record in naive:
        for adaptive in records:
            alike = adaptive["adaptive"] and all(record[key] == adaptive[key] for key in same)
            if alike and leaves_more(record, adaptive, by=ARTEFACT):
                gap = record["robust_accuracy"] - adaptive["robust_accuracy"]
                findings.append(
                    Finding(
                        "NON_ADAPTIVE",
                        f"{record['label']} leaves {leaves(record)}, the adaptive "
                        f"{adaptive['label']} {leaves(adaptive)}: "
                        f"{percent(gap)} points of the former are an artefact.",
                        (record["label"], adaptive["label"]),
                    )
                )
    return findings


def find_cross_entropy_blind(records: Sequence[Record]) -> list[Finding]:
    """CE_BLIND: APGD on cross-entropy leaves more than 10 points more than APGD-T on differences of logits, or what
    stands in for that on fewer classes than it needs.

    Both in one ball, or in the order of an ensemble: what APGD-CE left and APGD-T broke.
    """
    return [
        Finding(
            "CE_BLIND",
            f"{ce['label']} leaves {leaves(ce)}, {targeted['label']} {leaves(targeted)}: cross-entropy is blind "
            "on this network, and so is every attack that climbs it.",
            (ce["label"], targeted["label"]),
        )
        for ce, targeted in _pairs_of_apgd(records)
        if leaves_more(ce, targeted, by=BLIND)
    ]


def _pairs_of_apgd(records: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """(APGD-CE, APGD-T) of one ball, and those of ensembles that run them in this order."""
    for group in group_by_ball(records).values():
        for ce in group:
            if ce["attack"] == "apgd_ce" and not ce["targeted"]:
                yield from (
                    (ce, other)
                    for other in group
                    if (other["attack"], other["targeted"]) == (_on_differences(group), False)
                )
    for record in records:
        stages = stages_of(record)
        names = [stage["attack"] for stage in stages]
        first = names.index("apgd_ce") if "apgd_ce" in names else len(names)
        other = _on_differences(stages[first:])
        if other is not None:
            yield stages[first], stages[names.index(other, first)]


def _on_differences(records: Sequence[Record]) -> str | None:
    """The strongest APGD on differences of logits among untargeted records, or None."""
    names = {record["attack"] for record in records if not record["targeted"]}
    return next((name for name in ON_DIFFERENCES if name in names), None)
