"""The criteria as a table, and the verdicts on them."""

from __future__ import annotations

import dataclasses

import pytest

from mmc_tf import attacks
from mmc_tf.acceptance.column_a import COLUMN_A
from mmc_tf.acceptance.column_b import COLUMN_B
from mmc_tf.acceptance.criterion import Criterion, Row, holds, judge
from mmc_tf.acceptance.lab import BEDS, NETWORKS, STEEP, Lab
from mmc_tf.acceptance.quantities import Quantity
from mmc_tf.acceptance.table import as_record, count_failures, format_table

ATTACKS_AND_NORMS = {(name, norm) for name in attacks.names() for norm in attacks.get(name).norms}
# Section 25 has no order for these: an l1 or elastic-net distance, a radius of its own, an attack on ensembles, and
# no attack at all.
WITHOUT_ORDER = {"slide", "ead", "an_pgd", "vote_pgd", "gaussian", "rotation"}


@dataclasses.dataclass(frozen=True)
class Fixed(Quantity):
    """A number at ordinary logits and one at steep ones."""

    plain: float
    steep: float = 0.0
    points: bool = False

    @property
    def in_points(self):
        return self.points

    def value(self, lab, *, factor=1.0):
        return self.steep if factor == STEEP else self.plain

    def example(self, lab):
        return 2.0


def verdict(found, **settings):
    common = {"attack": "pgd", "norm": "linf", "where": "linear", "words": "as exact"}
    return judge(Criterion(**common, found=found, **settings), Lab(seed=0), column="A").passed


def test_every_attack_has_a_row_for_every_norm():
    # PGD's and the worst case's l1 included: what no paper calls exact still never goes below it.
    assert {(criterion.attack, criterion.norm) for criterion in COLUMN_A} >= ATTACKS_AND_NORMS - {
        ("fab", "l1")
    }
    assert {criterion.attack for criterion in COLUMN_A} == set(attacks.names())
    assert {criterion.attack for criterion in COLUMN_B} == set(attacks.names()) - WITHOUT_ORDER


def test_rows_name_what_there_is():
    places = {*BEDS, "linear x8", "linear, roomy x16", *NETWORKS, "closed form"}
    for criterion in (*COLUMN_A, *COLUMN_B):
        assert criterion.norm in attacks.get(criterion.attack).norms
        assert criterion.where in places
        assert criterion.low is not None or criterion.high is not None
    assert len({(c.attack, c.norm, c.where, c.words) for c in COLUMN_A}) == len(COLUMN_A)
    assert len({(c.attack, c.norm, c.where, c.words) for c in COLUMN_B}) == len(COLUMN_B)


def test_what_changes_with_the_logits_is_measured_at_both():
    """Everything on a linear bed, but for what is scaled already or draws noise where cross-entropy is blind."""
    for criterion in COLUMN_A:
        if criterion.where in BEDS and criterion.steep is None:
            assert (criterion.attack, "L1" in criterion.words) in {
                ("ddn", False),
                ("ead", False),
                ("cw", False),
            }, criterion.words


@pytest.mark.parametrize(
    ("difference", "low", "high", "expected"),
    [(0.0, 0, 0, True), (1e-6, 0, 0, False), (2, 0, 2, True), (2.1, 0, 2, False), (-0.1, 0, None, False)],
)
def test_bounds(difference, low, high, expected):
    assert holds(difference, low=low, high=high) is expected


def test_only_shares_of_examples_have_the_grain_of_one_example():
    assert verdict(Fixed(2.0, points=True), low=0, high=0.8)
    assert not verdict(Fixed(2.0), low=0, high=0.8)
    assert not verdict(Fixed(2.0, points=True), low=0, high=0)


def test_steep_logits_must_change_nothing_or_hold_or_blind():
    assert verdict(Fixed(60, 60.8), high=60, steep="same")
    assert not verdict(Fixed(60, 61), high=60, steep="same")
    assert verdict(Fixed(1.01, 1.02), against=1, high=0.02, steep="holds")
    assert not verdict(Fixed(1.01, 1.03), against=1, high=0.02, steep="holds")
    for accuracy, zero, expected in [(70, 1, True), (69, 50, False), (90, 0.5, False)]:
        zero_gradients = Fixed(0, zero)
        assert verdict(Fixed(60, accuracy), low=0, steep="blind", zero_gradients=zero_gradients) is expected


def test_a_quantity_is_compared_with_another_one_times_a_factor():
    assert verdict(Fixed(1.09), against=Fixed(1.0), factor=1.1, high=0)
    assert not verdict(Fixed(1.11), against=Fixed(1.0), factor=1.1, high=0)
    assert not verdict(Fixed(float("inf")), against=Fixed(float("inf")), high=0)


ROW = Row(
    column="A",
    attack="cw",
    norm="l2",
    where="linear",
    words="<= 1.02",
    against=1.0,
    found=1.00735,
    steep=float("inf"),
    passed=False,
    digits=4,
)


def test_the_table_and_its_record():
    lines = format_table([ROW, dataclasses.replace(ROW, steep=None, passed=True)]).splitlines()
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == [
        *("A", "cw", "l2", "linear", "<= 1.02", "1.0000", "1.0073", "inf", "FAIL"),
    ]
    assert [cell.strip() for cell in lines[3].strip("|").split("|")][-2:] == ["", "pass"]
    assert len({len(line) for line in lines}) == 1
    record = as_record([ROW], seed=7)
    assert (record["seed"], record["failed"], record["rows"][0]["steep"]) == (7, 1, None)
    assert count_failures([ROW, dataclasses.replace(ROW, passed=True)]) == 1
