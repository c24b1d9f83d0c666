"""What an attack must show, and whether it did."""

from __future__ import annotations

from dataclasses import dataclass

from mmc_tf.acceptance.lab import STEEP, Lab
from mmc_tf.acceptance.quantities import Quantity

ROUNDING = 1e-9
SAME = 0.8  # points
BLIND = 10.0  # points

# What must hold on a bed once its logits are multiplied by 3,000.
STEEP_RULES = {
    "same": "as at x1 ± 0.8",
    "holds": "holds too",
    "blind": f"blind: {BLIND:g} points more, CE gradient zero on >= 1 %",
}


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """found - factor·against must lie in [low, high].

    Args:
        attack: the registered name of the attack that is judged.
        norm: its norm.
        where: the bed or network, for the table.
        words: the criterion, for the table.
        found: what is measured.
        against: what it is compared with: another quantity, or a number.
        factor: of `against`.
        low: lower bound; None: none.
        high: upper bound; None: none.
        steep: what must hold at logits times 3,000 (`STEEP_RULES`); None: not measured.
        zero_gradients: the quantity that tells whether the warning fires, for `blind`.
    """

    attack: str
    norm: str
    where: str
    words: str
    found: Quantity
    against: Quantity | float = 0.0
    factor: float = 1.0
    low: float | None = None
    high: float | None = None
    steep: str | None = None
    zero_gradients: Quantity | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A criterion with its verdict.

    Attributes:
        column: A or B.
        attack, norm, where, words: the criterion's.
        against: the exact value, or the number found is compared with.
        found: what was measured.
        steep: the same at logits times 3,000; None: not measured.
        passed: whether the criterion holds, `steep` included.
        digits: for printing.
    """

    column: str
    attack: str
    norm: str
    where: str
    words: str
    against: float
    found: float
    steep: float | None
    passed: bool
    digits: int


def judge(criterion: Criterion, lab: Lab, *, column: str) -> Row:
    """Measures what the criterion asks for."""
    found, against = criterion.found.value(lab), _against(criterion, lab)
    example = criterion.found.example(lab) if criterion.found.in_points else 0.0
    passed = holds(found - against, low=criterion.low, high=criterion.high, example=example)
    steep = None
    if criterion.steep is not None:
        steep = criterion.found.value(lab, factor=STEEP)
        passed &= _holds_steep(criterion, lab, steep, found, example)
    rule = f"; x3000 {STEEP_RULES[criterion.steep]}" if criterion.steep else ""
    return Row(
        column=column,
        attack=criterion.attack,
        norm=criterion.norm,
        where=criterion.where,
        words=criterion.words + rule,
        against=against,
        found=found,
        steep=steep,
        passed=bool(passed),
        digits=criterion.found.digits,
    )


def holds(difference: float, *, low: float | None, high: float | None, example: float = 0.0) -> bool:
    """Whether a difference is within its bounds.

    Args:
        difference: found - against.
        low: lower bound or None. A bound of 0 is exact.
        high: upper bound or None.
        example: what one example counts: a bound other than 0 is never tighter.

    Example:
        >>> holds(0.78, low=0, high=0.5, example=0.79), holds(-0.78, low=0, high=0.5, example=0.79)
        (True, False)
    """

    def at_least_one_example(bound: float) -> float:
        return bound if not bound or abs(bound) >= example else (example if bound > 0 else -example)

    above = low is None or difference >= at_least_one_example(low) - ROUNDING
    return above and (high is None or difference <= at_least_one_example(high) + ROUNDING)


def _against(criterion: Criterion, lab: Lab, *, factor: float = 1.0) -> float:
    if isinstance(criterion.against, Quantity):
        return criterion.factor * criterion.against.value(lab, factor=factor)
    return criterion.factor * criterion.against


def _holds_steep(criterion: Criterion, lab: Lab, steep: float, found: float, example: float) -> bool:
    if criterion.steep == "same":
        return holds(steep - found, low=-SAME, high=SAME, example=example)
    if criterion.steep == "blind":
        blind = criterion.zero_gradients.value(lab, factor=STEEP)
        sees = criterion.zero_gradients.value(lab)
        return steep - found >= BLIND and blind >= 1.0 and sees < 1.0
    against = _against(criterion, lab, factor=STEEP)
    return holds(steep - against, low=criterion.low, high=criterion.high, example=example)
