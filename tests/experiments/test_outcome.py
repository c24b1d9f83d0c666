import numpy as np
import pytest

from mmc_tf.evaluation.published import PublishedRow
from mmc_tf.evaluation.statistics import wilson_interval
from mmc_tf.experiments.outcome import (
    Cell,
    Table,
    accuracy_cell,
    clean_cell,
    find,
    published_accuracy,
    table_from_json,
    table_to_json,
)


def make_table():
    cells = (Cell(measured=12.34, published=56.7, interval=(10.0, 15.0)), "diverged")
    return Table(name="t", caption="c", header=("method", "a", "b"), rows=(("MMC", cells),))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Cell(), "-"),
        (Cell(measured=1.25, digits=2), "1.25"),
        (Cell(measured=0.0, published=36.0), "0.0 (36.0)"),
        (Cell(published="≤1"), "- (≤1)"),
    ],
)
def test_a_cell_shows_measured_then_published(cell, text):
    assert cell.text == text


def test_a_table_survives_json():
    table = make_table()
    assert table_from_json(table_to_json(table)) == table


def test_a_row_of_another_length_is_a_mistake_of_the_experiment():
    with pytest.raises(ValueError, match="t, MMC: 1 cells under 2 titles"):
        Table(name="t", caption="c", header=("method", "a", "b"), rows=(("MMC", ("x",)),))


def test_records_are_found_by_rounded_radii():
    records = [{"attack": "pgd", "epsilon": 8 / 255}, {"attack": "pgd", "epsilon": 16 / 255}]
    assert find(records, attack="pgd", epsilon=np.float64(16 / 255) * (1 + 1e-9)) is records[1]
    assert find(records, attack="fgsm") is None


def test_accuracies_are_in_percent_with_their_interval():
    low, high = wilson_interval(30, 200)
    record = {"robust_accuracy": 0.15, "interval": (low, high)}
    cell = accuracy_cell(record, 36.0)
    assert (cell.measured, cell.published) == (15.0, 36.0)
    assert cell.interval == (100 * low, 100 * high)
    clean = clean_cell({"clean_accuracy": 0.5, "clean_interval": (0.4, 0.6)})
    assert (clean.measured, clean.interval) == (50.0, (40.0, 60.0))
    assert accuracy_cell(None, 3.7).text == "- (3.7)"


@pytest.mark.parametrize(("share", "shown"), [(None, "≤1"), (0.248, 24.8)])
def test_what_the_papers_give_as_at_most_one_percent_stays_so(share, shown):
    row = PublishedRow(
        source="s",
        loss="MMC",
        training="standard",
        attack="pgd",
        clean_accuracy=0.9,
        robust_accuracy=share,
    )
    assert published_accuracy(row) == pytest.approx(shown)
