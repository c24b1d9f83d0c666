"""The cells of the MMC paper's tables: its numbers by column, its average of distances, its orders."""

from types import SimpleNamespace

import pytest

from mmc_tf.attacks import make
from mmc_tf.evaluation.published import AT_UNTARGETED, PAPER, RESNET_110, TABLE_2, TABLE_3, TABLE_4, TABLE_5
from mmc_tf.evaluation.records import describe
from mmc_tf.experiments.budgets import BUDGETS
from mmc_tf.experiments.mmc.cells import (
    agreeing_pairs,
    attack_cell,
    broken_distance_cell,
    distance_cell,
    missed_note,
    order_notes,
    published_row,
    published_rows,
)
from mmc_tf.experiments.mmc.white_box import as_the_budget_has_it, setting_notes
from mmc_tf.experiments.outcome import Cell, Table


@pytest.mark.parametrize(
    ("where", "wanted", "accuracy"),
    [
        ((PAPER, "MMC"), {"epsilon": 8 / 255, "num_steps": 50, "targeted": False}, 0.248),
        ((TABLE_2, "LGM"), {"attack": "spsa", "epsilon": 16 / 255, "targeted": True}, 0.461),
        ((TABLE_2, "MMC", AT_UNTARGETED), {"attack": "gaussian"}, 0.803),
        ((TABLE_2, "SCE"), {"attack": "rotation"}, 0.835),
        ((TABLE_3, "MMC"), {"samples": 8192, "targeted": True}, 0.49),
    ],
)
def test_numbers_of_the_papers_tables(where, wanted, accuracy):
    assert published_row(published_rows(*where), **wanted).robust_accuracy == pytest.approx(accuracy)


def test_numbers_of_other_data_sets_and_networks():
    rows = published_rows(TABLE_4, "Center", dataset="cifar100")
    assert published_row(rows, attack="cw", targeted=False).distance == 0.048
    rows = published_rows(TABLE_5, "MMC", dataset="cifar100", network=RESNET_110)
    assert rows[0].clean_accuracy == pytest.approx(0.732)
    row = published_row(rows, epsilon=16 / 255, num_steps=10, targeted=False)
    assert row.robust_accuracy == pytest.approx(0.149)
    assert published_row(rows, attack="cw") is None


def test_what_the_paper_has_as_at_most_one_percent():
    row = published_row(published_rows(PAPER, "SCE"), epsilon=8 / 255, num_steps=10, targeted=True)
    assert attack_cell({"robust_accuracy": 0.02, "interval": [0, 0.05]}, row).text == "2.0 (≤1)"
    assert attack_cell(None, row).text == "- (≤1)"


def test_distances_count_misclassified_images_with_zero_and_leave_out_what_was_not_found():
    # Ten images, two of them misclassified anyway, one of the eight attacked not broken: 7 · 0.36 / 9.
    record = {"examples": 10, "attacked": 8, "found": 7, "distance": {"mean": 0.36}}
    assert distance_cell(record).measured == pytest.approx(0.28)
    assert distance_cell({**record, "distance": None}).text == "-"
    assert broken_distance_cell(record).text == "0.36"
    assert broken_distance_cell({**record, "distance": None}).text == "-"
    row = published_row(published_rows(TABLE_4, "MMC", dataset="cifar100"), attack="cw", targeted=False)
    assert distance_cell(record, row, digits=3).text == "0.280 (0.085)"
    assert missed_note([record, record], "C&W").startswith("C&W found nothing for 2 of 16 images")
    assert missed_note([{**record, "found": 8}], "C&W") is None


def test_pairs_ordered_as_in_the_paper():
    numbers = [(10, 1.0), (30, 2.0), (20, 3.0), (20, 4.0), (None, 5.0), (40, None)]
    cells = [Cell(measured=measured, published=published) for measured, published in numbers]
    # Of the six pairs of the first four one is a tie of ours; 30 before 20 contradicts 2 before 3 and before 4.
    assert agreeing_pairs(cells) == (3, 5)
    table = Table(
        name="t",
        caption="",
        header=("Method", "PGD", "own"),
        rows=tuple((str(place), (cell, Cell(measured=1.0))) for place, cell in enumerate(cells)),
    )
    assert order_notes(table) == ["PGD: 3 of 5 pairs of networks are ordered as in the paper."]


@pytest.mark.parametrize("budget", ["smoke", "short", "paper"])
def test_pgd_is_the_paper_s_on_its_budget_alone_and_the_short_one_says_so(budget):
    lab = SimpleNamespace(budget=BUDGETS.get(budget))
    attack = make("pgd", epsilon=8 / 255, step_size=2 / 255, num_steps=10, **as_the_budget_has_it(lab))
    head = SimpleNamespace(adaptive_objective="mmc", has_centers=True)
    rows = published_rows(PAPER, "MMC")
    found = [row.text for row in rows if row.measures(describe("x", attack, head=head))]
    assert found == (["36.0 %"] if budget == "paper" else [])
    assert bool(setting_notes(lab)) == (budget == "short")
