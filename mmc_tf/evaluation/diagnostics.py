"""Signs that a robust accuracy is an artefact, read off the records of an evaluation.

Each check is a pure function from records (as in `results.json`) to findings; a finding has a code, one
sentence, and a section in docs/warnings.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmc_tf.evaluation.wording import percent

Record = Mapping[str, Any]

ZERO_GRADIENT_RATE = 0.01
MARGIN = 0.02 + 1e-9  # differences of shares that are 2 points are not more than 2 points
ONE_STEP_MARGIN = 0.005
WIDEST_HALF_WIDTH = 0.05
GRADIENT_ATTACKS = frozenset({"fgsm", "bim", "pgd", "mim"})


@dataclass(frozen=True)
class Finding:
    """One warning: its code, one sentence, and the labels of the attacks it speaks of."""

    code: str
    message: str
    attacks: tuple[str, ...] = ()

    @property
    def section(self) -> str:
        """Where the documentation explains it."""
        return f"docs/warnings.md#{self.code.lower()}"

    def as_dict(self) -> dict[str, Any]:
        """The finding as `results.json` has it."""
        return {
            "code": self.code,
            "message": self.message,
            "attacks": list(self.attacks),
            "section": self.section,
        }


def group_by_ball(records: Iterable[Record]) -> dict[tuple[str, float], list[Record]]:
    """Records by (norm, epsilon), in order of appearance: numbers compare only within one ball."""
    groups: dict[tuple[str, float], list[Record]] = {}
    for record in records:
        groups.setdefault((record["norm"], record["epsilon"]), []).append(record)
    return groups


def find_zero_gradients(records: Sequence[Record]) -> list[Finding]:
    """ZERO_GRADIENT: the objective's input gradient is zero on at least 1 % of the attacked examples."""
    labels_of: dict[str, list[str]] = {}
    for record in records:
        if record["zero_gradient_rate"] >= ZERO_GRADIENT_RATE:
            labels_of.setdefault(percent(record["zero_gradient_rate"]), []).append(record["label"])
    return [
        Finding(
            "ZERO_GRADIENT",
            f"{', '.join(labels)}: the gradient is exactly zero on {rate} % of the attacked examples, "
            "so the attack does not see where to go: its number is too high.",
            tuple(labels),
        )
        for rate, labels in labels_of.items()
    ]


def find_non_adaptive(records: Sequence[Record]) -> list[Finding]:
    """NON_ADAPTIVE: an attack ignored the head's own objective, or did worse for it by more than 2 points."""
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
            gap = record["robust_accuracy"] - adaptive["robust_accuracy"]
            if adaptive["adaptive"] and gap > MARGIN and all(record[key] == adaptive[key] for key in same):
                findings.append(
                    Finding(
                        "NON_ADAPTIVE",
                        f"{record['label']} leaves {percent(record['robust_accuracy'])} %, the adaptive "
                        f"{adaptive['label']} {percent(adaptive['robust_accuracy'])} %: "
                        f"{percent(gap)} points of the former are an artefact.",
                        (record["label"], adaptive["label"]),
                    )
                )
    return findings


def find_stronger_attack(records: Sequence[Record]) -> list[Finding]:
    """STRONGER_ATTACK: another attack, objective or number of steps beats a number by over 2 points.

    One finding per ball, naming the strongest attack and every number it overturns.
    """
    findings = []
    for group in group_by_ball(records).values():
        best = min(group, key=lambda record: record["robust_accuracy"])
        beaten = [record for record in group if record["robust_accuracy"] - best["robust_accuracy"] > MARGIN]
        if beaten:
            numbers = ", ".join(
                f"{record['label']} ({percent(record['robust_accuracy'])} %)" for record in beaten
            )
            findings.append(
                Finding(
                    "STRONGER_ATTACK",
                    f"{best['label']} leaves {percent(best['robust_accuracy'])} %, "
                    f"more than 2 points below {numbers}: report the lowest.",
                    (best["label"], *(record["label"] for record in beaten)),
                )
            )
    return findings


def find_one_step_beats_many(records: Sequence[Record]) -> list[Finding]:
    """ONE_STEP_BEATS_MANY: one step breaks more than many steps with the same objective and ball."""
    findings = []
    for group in group_by_ball(records).values():
        for one in (record for record in group if record["num_steps"] == 1):
            for many in (record for record in group if record["num_steps"] > 1):
                same = all(one[key] == many[key] for key in ("objective", "targeted"))
                # A single example decides nothing, whatever share of a small set it is.
                margin = max(ONE_STEP_MARGIN * one["examples"], 1)
                if same and many["robust"] - one["robust"] > margin:
                    findings.append(
                        Finding(
                            "ONE_STEP_BEATS_MANY",
                            f"{one['label']} leaves {percent(one['robust_accuracy'])} % with one step, "
                            f"{many['label']} {percent(many['robust_accuracy'])} % with {many['num_steps']}: "
                            "a sign of masked gradients or of a step size that does not fit.",
                            (one["label"], many["label"]),
                        )
                    )
    return findings


def find_few_examples(records: Sequence[Record]) -> list[Finding]:
    """FEW_EXAMPLES: some 95 % interval is more than 5 points wide to a side."""
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


def find_gradient_attacks_only(records: Sequence[Record]) -> list[Finding]:
    """PGD_ONLY: nothing but FGSM, BIM, PGD and MIM was run."""
    if not records or {record["attack"] for record in records} - GRADIENT_ATTACKS:
        return []
    return [
        Finding(
            "PGD_ONLY",
            "Only fixed-step gradient attacks were run, so every number is an upper bound: stronger attacks "
            "are known to bring MMC networks to about 0.",
        )
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


def find_all(
    records: Sequence[Record], *, clean_accuracy: float, recorded_accuracy: float | None, examples: int
) -> list[Finding]:
    """Every finding, the gravest first."""
    return [
        *find_clean_accuracy_difference(clean_accuracy, recorded_accuracy, examples=examples),
        *find_zero_gradients(records),
        *find_non_adaptive(records),
        *find_one_step_beats_many(records),
        *find_stronger_attack(records),
        *find_few_examples(records),
        *find_gradient_attacks_only(records),
    ]
