"""What a check finds, and what the checks share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mmc_tf.checks import falls_short
from mmc_tf.evaluation.wording import percent

Record = Mapping[str, Any]

# One step along one gradient after the other, with a length fixed in advance.
FIXED_STEPS = frozenset({"fgsm", "bim", "pgd", "mim"})
BLACK_BOX = frozenset({"spsa", "square", "transfer"})
# What can be expected to find what fixed steps miss, on any head: they climb differences of logits, class by class.
STRONG = frozenset({"apgd_t", "fab_t", "mt_pgd"})


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
    """Records by (norm, epsilon), in order of appearance: numbers compare only within one ball.

    Attacks without a radius are left out.
    """
    groups: dict[tuple[str, float], list[Record]] = {}
    for record in records:
        if record["epsilon"] is not None:
            groups.setdefault((record["norm"], record["epsilon"]), []).append(record)
    return groups


def leaves_more(record: Record, other: Record, *, by: float, examples: int = 0) -> bool:
    """Whether `record` leaves more than `other` by more than a share and more than a number of examples.

    Args:
        record, other: of the same examples.
        by: share, in [0, 1].
        examples: what a share of a small set must exceed besides: one example decides nothing.
    """
    # Counts have no rounding: 2 points of 1,000 are 20 examples, not more.
    return record["robust"] - other["robust"] > max(by * record["examples"] + 1e-9, examples)


def is_crippled(record: Record) -> bool:
    """Whether the steps of an attack leave the border of its ball out of reach; of an ensemble, those of all stages.

    Results from before `reach` was recorded do not say.
    """
    return all(falls_short(each.get("reach"), each["epsilon"]) for each in stages_of(record) or [record])


def leaves(record: Record) -> str:
    """What a record leaves, in percent with the sign: `12.3 %`."""
    return f"{percent(record['robust_accuracy'])} %"


def stages_of(record: Record) -> list[Record]:
    """The stages of an ensemble, in order, labelled as part of it; none of a single attack."""
    stages = record.get("waterfall", ())
    return [{**stage, "label": f"{stage['label']} of {record['label']}"} for stage in stages]
