"""Whether the evaluation was large and varied enough, and of the right network."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmc_tf.evaluation.diagnostics.finding import FIXED_STEPS, Finding, Record, is_crippled, stages_of
from mmc_tf.evaluation.diagnostics.order import beaten_attacks
from mmc_tf.evaluation.records import is_bounded
from mmc_tf.evaluation.wording import interval, percent, radius

WIDEST_HALF_WIDTH = 0.05
CORRUPTIONS = frozenset({"gaussian", "rotation"})


def find_few_examples(records: Sequence[Record]) -> list[Finding]:
    """FEW_EXAMPLES: some 95 % interval is more than 5 points wide to a side, or those of two attacks overlap of
    which one is called stronger (`find_stronger_attack`)."""
    return [*find_wide_interval(records), *_find_overlap(records)]


def find_wide_interval(records: Sequence[Record]) -> list[Finding]:
    """FEW_EXAMPLES of the widest interval alone, the records being of one network or several."""
    records = [record for record in records if is_bounded(record)]
    if not records:
        return []
    widest = max(records, key=lambda record: record["interval"][1] - record["interval"][0])
    half_width = (widest["interval"][1] - widest["interval"][0]) / 2
    if half_width <= WIDEST_HALF_WIDTH:
        return []
    return [
        Finding(
            "FEW_EXAMPLES",
            f"{widest['examples']} examples leave {widest['label']} uncertain by ±{percent(half_width)} "
            "points: attack more of them before comparing numbers.",
            (widest["label"],),
        )
    ]


def _find_overlap(records: Sequence[Record]) -> list[Finding]:
    findings = []
    for best, beaten in beaten_attacks(records):
        close = [record for record in beaten if record["interval"][0] <= best["interval"][1]]
        if close:
            others = ", ".join(f"{each['label']} ({interval(each['interval'])})" for each in close)
            findings.append(
                Finding(
                    "FEW_EXAMPLES",
                    f"{best['examples']} examples do not tell {best['label']} ({interval(best['interval'])}) apart "
                    f"from {others}: the 95 % intervals overlap.",
                    (best["label"], *(each["label"] for each in close)),
                )
            )
    return findings


def find_gradient_attacks_only(records: Sequence[Record]) -> list[Finding]:
    """PGD_ONLY: nothing but FGSM, BIM, PGD and MIM was run, beside corruptions or as an ensemble or not."""
    singles = [single for record in records for single in record.get("waterfall") or [record]]
    names = {single["attack"] for single in singles} - CORRUPTIONS
    if not names or names - FIXED_STEPS:
        return []
    return [
        Finding(
            "PGD_ONLY",
            "Only fixed-step gradient attacks were run, so every number is an upper bound: stronger attacks "
            "are known to bring MMC networks to about 0.",
        )
    ]


def find_unreachable_radius(records: Sequence[Record]) -> list[Finding]:
    """UNREACHABLE_RADIUS: the steps of an attack together are shorter than its radius.

    One finding for each attack, or stage of an ensemble.
    """
    singles = [single for record in records for single in stages_of(record) or [record]]
    return [
        Finding(
            "UNREACHABLE_RADIUS",
            f"{single['label']}: its steps together cover {radius(single['reach'])} of the radius "
            f"{radius(single['epsilon'])}, so it does not reach the border of the ball: its number is too high.",
            (single["label"],),
        )
        for single in singles
        if is_crippled(single)
    ]


def find_clean_accuracy_difference(
    measured: float, recorded: float | None, *, examples: int
) -> list[Finding]:
    """CLEAN_ACCURACY_DIFFERS: the clean accuracy is not the one recorded in training, beyond noise.

    Noise is three standard errors of a proportion of `examples` draws, and at least half a point.

    Args:
        measured: clean accuracy of this evaluation, in [0, 1].
        recorded: clean accuracy from the run's config.json, or None if there is none.
        examples: number of examples behind `measured`.
    """
    if recorded is None:
        return []
    tolerance = max(0.005, 3 * math.sqrt(recorded * (1 - recorded) / examples))
    if abs(measured - recorded) <= tolerance:
        return []
    return [
        Finding(
            "CLEAN_ACCURACY_DIFFERS",
            f"Clean accuracy is {percent(measured)} % here and {percent(recorded)} % in the run's "
            "config.json: different data, preprocessing or weights.",
        )
    ]
