"""The MMA paper's numbers as transcribed: what the tables imply of each other finds slips, ours and theirs."""

import pytest

from mmc_tf.experiments.mma.published import combined, distances, gaps, reading, white_box
from mmc_tf.experiments.mma.published.reading import read_accuracies

SETS = {"MNIST_LINF": (19, 4), "CIFAR10_LINF": (33, 8), "MNIST_L2": (24, 4), "CIFAR10_L2": (26, 5)}
# Of a mean of rounded numbers beside the rounded mean of the numbers, and of a difference likewise; and float's own.
ROUNDING = 0.01 + 1e-9

EVERY_SET = pytest.mark.parametrize("name", SETS)


def all_rows(name):
    return [
        (table.__name__.rsplit(".", 1)[1], network, row)
        for table in (combined, white_box, gaps)
        for network, row in getattr(table, name).items()
    ]


@EVERY_SET
def test_no_network_and_no_radius_is_missing(name):
    networks, radii = SETS[name]
    tables = [getattr(table, name) for table in (combined, white_box, gaps)]
    assert {tuple(table) for table in tables} == {tuple(tables[0])}
    assert len(tables[0]) == networks
    assert {len(row.robust) for _, _, row in all_rows(name)} == {radii}


@EVERY_SET
def test_averages_are_those_of_their_columns(name):
    for table, network, row in all_rows(name):
        count = len(row.robust)
        total = sum(row.robust)
        where = f"{table} {name} {network}"
        assert row.average_robust == pytest.approx(total / count, abs=ROUNDING), where
        # Of gaps, that of the clean accuracy is 0.
        clean = 0.0 if table == "gaps" else row.clean
        assert row.average == pytest.approx((clean + total) / (count + 1), abs=ROUNDING), where


@EVERY_SET
def test_accuracy_falls_with_the_radius(name):
    for table, network, row in all_rows(name):
        if table != "gaps":
            assert sorted([row.clean, *row.robust], reverse=True) == [row.clean, *row.robust], network


@EVERY_SET
def test_more_attacks_break_more_and_the_gap_is_the_difference(name):
    together, alone, gap = (getattr(table, name) for table in (combined, white_box, gaps))
    for network in together:
        assert together[network].clean == alone[network].clean
        for column in range(len(together[network].robust)):
            less, more, found = (table[network].robust[column] for table in (together, alone, gap))
            assert less <= more, network
            assert found == pytest.approx(more - less, abs=ROUNDING), f"{network} {column}"


def test_the_numbers_that_the_text_quotes():
    assert combined.CIFAR10_LINF["MMA-32-sd0"].average == 29.39
    assert white_box.CIFAR10_LINF["OMMA-32-sd0"].robust[1] == 53.70
    assert combined.CIFAR10_LINF["OMMA-32-sd0"].robust[1] == 46.31
    assert gaps.CIFAR10_LINF["OMMA-32-sd0"].robust[1] == 7.39
    assert gaps.CIFAR10_LINF["MMA-32-sd0"].robust[1] == 3.02
    assert white_box.MNIST_LINF["PGD-Madry et al."].robust[2] == 89.79
    assert white_box.CIFAR10_LINF["PGD-Madry et al."].robust[1] == 44.70
    assert distances.MNIST_L2["MMA-2.0"].mean == 2.15
    assert distances.MNIST_L2["MMA-6.0"] == (97.7, 2.76, 1.84, 2.72, 3.61)


@pytest.mark.parametrize(("name", "networks"), [("MNIST_L2", 12), ("CIFAR10_L2", 14)])
def test_quartiles_are_in_order(name, networks):
    table = getattr(distances, name)
    assert len(table) == networks
    for network, row in table.items():
        assert row.lower_quartile <= row.median <= row.upper_quartile, network
        assert row.lower_quartile <= row.mean <= row.upper_quartile, network
        # Misclassified images are at 0: a quarter of them puts the quartile there, and without a quarter it is not.
        assert (row.lower_quartile == 0) == (row.clean <= 75), network


def test_a_network_stands_in_a_table_once():
    assert read_accuracies("A  1  2  3  4\nB  -  2  3  4\n") == {
        "A": reading.Accuracies(1.0, 2.0, 3.0, (4.0,)),
        "B": reading.Accuracies(None, 2.0, 3.0, (4.0,)),
    }
    with pytest.raises(ValueError, match="twice"):
        read_accuracies("A  1  2  3  4\nA  1  2  3  4\n")
