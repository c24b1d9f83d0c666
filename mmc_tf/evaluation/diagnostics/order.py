"""Attacks that come out in an order in which attacks that work do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmc_tf.evaluation.diagnostics.finding import (
    BLACK_BOX,
    FIXED_STEPS,
    Finding,
    Record,
    group_by_ball,
    is_crippled,
    leaves,
    leaves_more,
    stages_of,
)

STRONGER = 0.02
ONE_STEP = 0.005
SQUARE_HELPS = 0.002
BLACK_BOX_LEAD = 0.01
WEAKER = 0.002
SURVIVED = 0.01
# What may differ where only the radius does: steps are often shares of it.
_OF_THE_RADIUS = frozenset({"epsilon", "step_size"})


def find_stronger_attack(records: Sequence[Record]) -> list[Finding]:
    """STRONGER_ATTACK: another attack, objective, or number of steps or restarts beats a number by over 2
    points.

    One finding per ball, naming the strongest attack and every number it overturns. Black-box attacks are
    expected to be weaker.
    """
    return [
        Finding(
            "STRONGER_ATTACK",
            f"{best['label']} leaves {leaves(best)}, more than 2 points below {_listed(beaten)}: "
            "report the lowest.",
            (best["label"], *(record["label"] for record in beaten)),
        )
        for best, beaten in beaten_attacks(records)
    ]


def beaten_attacks(records: Sequence[Record]) -> Iterator[tuple[Record, list[Record]]]:
    """The strongest attack of each ball with those that it beats by over 2 points, if there are any."""
    for group in group_by_ball(records).values():
        best = min(group, key=lambda record: record["robust"])
        beaten = [
            record
            for record in group
            if record["attack"] not in BLACK_BOX and leaves_more(record, best, by=STRONGER)
        ]
        if beaten:
            yield best, beaten


def find_one_step_beats_many(records: Sequence[Record]) -> list[Finding]:
    """ONE_STEP_BEATS_MANY: of FGSM, BIM, PGD and MIM, one step breaks more than many steps with the same
    objective and ball."""
    findings = []
    for group in group_by_ball(records).values():
        group = [record for record in group if record["attack"] in FIXED_STEPS]
        for one in (record for record in group if record["num_steps"] == 1):
            for many in (record for record in group if record["num_steps"] > 1):
                same = all(one[key] == many[key] for key in ("objective", "targeted"))
                if same and leaves_more(many, one, by=ONE_STEP, examples=1):
                    findings.append(
                        Finding(
                            "ONE_STEP_BEATS_MANY",
                            f"{one['label']} leaves {leaves(one)} with one step, "
                            f"{many['label']} {leaves(many)} with {many['num_steps']}: "
                            "a sign of masked gradients or of a step size that does not fit.",
                            (one["label"], many["label"]),
                        )
                    )
    return findings


def find_square_helps(records: Sequence[Record]) -> list[Finding]:
    """SQUARE_HELPS: Square leaves over .2 points less than the best other attack of its ball, or breaks over
    .2 points of what an ensemble's other stages left."""
    findings = []
    for group in group_by_ball(records).values():
        others = [record for record in group if record["attack"] != "square"]
        best = min(others, key=lambda record: record["robust"], default=None)
        findings += [
            Finding(
                "SQUARE_HELPS",
                f"{square['label']} leaves {leaves(square)} without a gradient, the best other attack, "
                f"{best['label']}, {leaves(best)}: a sign of masked gradients.",
                (square["label"], best["label"]),
            )
            for square in group
            if square["attack"] == "square"
            and best is not None
            and leaves_more(best, square, by=SQUARE_HELPS, examples=1)
        ]
    for record in records:
        *_, before, last = [None, None, *stages_of(record)]
        if before and last["attack"] == "square" and leaves_more(before, last, by=SQUARE_HELPS, examples=1):
            findings.append(
                Finding(
                    "SQUARE_HELPS",
                    f"{last['label']} breaks {before['robust'] - last['robust']} of the {before['robust']} "
                    "examples that all stages with gradients left: a sign of masked gradients.",
                    (record["label"],),
                )
            )
    return findings


def find_black_box_stronger(records: Sequence[Record]) -> list[Finding]:
    """BLACK_BOX_STRONGER, TRANSFER_STRONGER: without the network's gradients an attack leaves over 1 point less
    than one with them in the same ball.

    Compared with untargeted attacks of many steps that use up the radius: of the others that may be expected.
    One finding for each black-box attack; images crafted on another network have a code of their own.
    """
    findings = []
    for group in group_by_ball(records).values():
        white = [record for record in group if _is_strong_white_box(record)]
        for black in (record for record in group if record["attack"] in BLACK_BOX):
            beaten = [record for record in white if leaves_more(record, black, by=BLACK_BOX_LEAD, examples=1)]
            if beaten:
                transfer = black["attack"] == "transfer"
                findings.append(
                    Finding(
                        "TRANSFER_STRONGER" if transfer else "BLACK_BOX_STRONGER",
                        f"{black['label']} leaves {leaves(black)} "
                        + (
                            "with another network's gradients"
                            if transfer
                            else "without the network's gradients"
                        )
                        + f", less than {_listed(beaten)} with its own: masked gradients, or an objective that "
                        "does not fit.",
                        (black["label"], *(record["label"] for record in beaten)),
                    )
                )
    return findings


def _is_strong_white_box(record: Record) -> bool:
    one_step = record["attack"] in FIXED_STEPS and record["num_steps"] == 1
    weak = record["targeted"] or one_step or is_crippled(record)
    return record["differentiates"] and record["radius"] == "fixed" and not weak


def find_larger_radius_weaker(records: Sequence[Record]) -> list[Finding]:
    """LARGER_RADIUS_WEAKER: the same attack leaves over .2 points more at a larger radius."""
    alike: dict[str, list[Record]] = {}
    for record in records:
        if record["epsilon"] is not None:
            settings = (record["attack"], record["norm"], record["targeted"], record["objective"])
            key = repr((settings, record["num_steps"], _apart_from_radius(record.get("parameters", {}))))
            alike.setdefault(key, []).append(record)
    findings = []
    pairs = [(large, group) for group in alike.values() for large in group]
    for large, group in pairs:
        smaller = [record for record in group if record["epsilon"] < large["epsilon"]]
        small = min(smaller, key=lambda record: record["robust"], default=None)
        if small is not None and leaves_more(large, small, by=WEAKER, examples=1):
            findings.append(
                Finding(
                    "LARGER_RADIUS_WEAKER",
                    f"{large['label']} leaves {leaves(large)}, {small['label']} {leaves(small)}: what it breaks "
                    "within the smaller radius it misses within the larger one, so it is weak at both.",
                    (large["label"], small["label"]),
                )
            )
    return findings


def find_radius_one_survived(records: Sequence[Record]) -> list[Finding]:
    """RADIUS_ONE_SURVIVED: over 1 point survives an attack of many steps at a linf radius of 1 or more.

    Every image is within that ball of every other one, so that a network that knows two classes has robust
    accuracy 0 there. One step cannot be expected to get there, nor steps that are too short for it.
    """
    return [
        Finding(
            "RADIUS_ONE_SURVIVED",
            f"{record['label']} leaves {leaves(record)}, although every image is within its radius: it does not "
            "find what is there, at smaller radii neither.",
            (record["label"],),
        )
        for record in records
        if record["norm"] == "linf"
        and (record["epsilon"] or 0) >= 1
        and not is_crippled(record)
        and not (record["attack"] in FIXED_STEPS and record["num_steps"] == 1)
        and record["robust"] > max(SURVIVED * record["examples"], 1)
    ]


def _apart_from_radius(settings: Any) -> Any:
    """Settings, also those of an ensemble's members, without what follows the radius."""
    if isinstance(settings, Mapping):
        kept = sorted(key for key in settings if key not in _OF_THE_RADIUS)
        return [(key, _apart_from_radius(settings[key])) for key in kept]
    return [_apart_from_radius(each) for each in settings] if isinstance(settings, list) else settings


def _listed(records: Sequence[Record]) -> str:
    return ", ".join(f"{record['label']} ({leaves(record)})" for record in records)
