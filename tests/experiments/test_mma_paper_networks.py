"""The MMA paper's networks by budget, and its tables from a protocol's results."""

import pytest

from mmc_tf.experiments.budgets import BUDGETS
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mma import cifar10_l2, cifar10_linf, figure_3, mnist_l2, mnist_linf
from mmc_tf.experiments.mma.networks import Row, fixed_radius, max_margin, step_size
from mmc_tf.experiments.mma.published.reading import Accuracies, Distances
from mmc_tf.experiments.mma.sets import NetworkSet, vote_members
from mmc_tf.experiments.mma.tables import accuracy_cells, compare_order, distance_cells

FILES = (mnist_linf, cifar10_linf, mnist_l2, cifar10_l2)
EVERY_FILE = pytest.mark.parametrize("file", FILES, ids=lambda file: file.__name__.rsplit(".", 1)[1])
PAPER, SHORT, SMOKE = (BUDGETS.get(name) for name in ("paper", "short", "smoke"))


def flags_of(row, budget, networks):
    return dict(row.network(budget, dataset=networks.dataset, norm=networks.norm).flags)


@EVERY_FILE
def test_rows_are_those_of_the_tables_in_their_order(file):
    names = [row.name for row in file.NETWORKS.rows]
    for view in file.VIEWS:
        if hasattr(view, "kind"):
            assert list(view.published) == names
            assert len(next(iter(view.published.values())).robust) == len(file.NETWORKS.radii)
            assert set((view.names or {}).values()) <= set(names)
        else:
            known = {name.removesuffix("-sd0") for name in names}
            assert set(view.published) <= known


@EVERY_FILE
def test_networks_of_smaller_budgets_are_in_the_set(file):
    networks = file.NETWORKS
    names = {row.name for row in networks.rows}
    assert {*networks.short, *networks.smoke} <= names
    assert networks.smoke_vote in {"", *names}


@EVERY_FILE
def test_every_network_of_the_paper_budget_is_another(file):
    networks = file.NETWORKS
    trained = [row for row in networks.rows if not row.members]
    asked = {row.network(PAPER, dataset=networks.dataset, norm=networks.norm) for row in trained}
    assert len(asked) == len(trained)


def test_the_numbers_of_networks_are_those_that_appendix_c_counts():
    # m, with TRADES beside them in linf.
    assert [len(file.NETWORKS.rows) for file in FILES] == [18 + 1, 32 + 1, 24, 26]


def test_training_on_the_paper_budget_is_appendix_c():
    rows = {row.name: row for row in cifar10_linf.NETWORKS.rows}
    pgd = flags_of(rows["PGD-12"], PAPER, cifar10_linf.NETWORKS)
    assert (pgd["epsilon"], pgd["num_steps"], pgd["step_size"]) == ("12/255", 10, "3/255")
    assert (pgd["lr"], pgd["batch_size"], pgd["objective"]) == (0.3, 128, "slm")
    assert flags_of(rows["MMA-20-sd1"], PAPER, cifar10_linf.NETWORKS)["max_margin"] == "20/255"
    assert flags_of(rows["MMA-20-sd1"], PAPER, cifar10_linf.NETWORKS)["seed"] == 1
    assert "seed" not in flags_of(rows["MMA-20-sd0"], PAPER, cifar10_linf.NETWORKS)
    assert flags_of(rows["PGD-Madry et al."], PAPER, cifar10_linf.NETWORKS)["num_steps"] == 7
    assert rows["PGD-ens"].members == ("PGD-4", "PGD-8", "PGD-12", "PGD-16", "PGD-20")


def test_the_released_networks_attack_is_their_own():
    madry = next(row for row in mnist_linf.NETWORKS.rows if row.name == "PGD-Madry et al.")
    flags = flags_of(madry, PAPER, mnist_linf.NETWORKS)
    assert (flags["objective"], flags["step_size"], flags["num_steps"]) == ("ce", "0.01", 40)


def test_one_network_a_method_and_norm_on_the_smoke_budget():
    rows = (*fixed_radius("PGD", ("1.0", "2.0"), tracked=("2.0",)), *max_margin("MMA", ("2.0", "4.0")))
    asked = [row.network(SMOKE, dataset="mnist", norm="l2") for row in rows]
    assert len(set(asked[:2])) == 1
    assert len(set(asked[2:])) == 1
    assert asked[0].flags == rows[0].network(SMOKE, dataset="cifar10", norm="l2").flags


def test_radii_that_train_nothing_at_once_grow_on_the_short_budget():
    (pgd,) = fixed_radius("PGD", ("0.3",), growing=("0.3",))
    (pgdls,) = fixed_radius("PGDLS", ("0.4",))
    assert flags_of(pgd, SHORT, mnist_linf.NETWORKS)["epsilon_warmup_steps"] == 500
    assert "epsilon_warmup_steps" not in flags_of(pgd, PAPER, mnist_linf.NETWORKS)
    assert flags_of(pgdls, SHORT, mnist_linf.NETWORKS)["epsilon_warmup_epochs"] == 5


@pytest.mark.parametrize(("epsilon", "steps", "expected"), [("8/255", 10, "2/255"), ("4/255", 5, "2/255")])
def test_a_step_is_a_share_of_the_radius(epsilon, steps, expected):
    assert step_size(epsilon, steps) == expected


def test_votes_of_fewer_than_two_networks_are_left_out():
    rows = (
        Row(name="A"),
        Row(name="B"),
        Row(name="AB", members=("A", "B")),
        Row(name="BC", members=("B", "C")),
    )
    assert vote_members(rows, {"A": 0, "B": 1}) == {"AB": ("A", "B")}


def test_a_title_names_data_set_and_norm():
    networks = NetworkSet(dataset="cifar10", norm="l2", radii=(), rows=(), short=(), smoke=())
    assert networks.title == "CIFAR-10, l2"


FIGURES = {
    "clean_accuracy": 0.9,
    "clean_interval": [0.8, 0.95],
    "white_box": {
        "average_accuracy": 0.6,
        "average_robust_accuracy": 0.5,
        "robust_accuracy": [0.7, 0.3],
        "intervals": [[0.6, 0.8], [0.2, 0.4]],
    },
    "transfer_gap": {
        "average_accuracy": 0.02,
        "average_robust_accuracy": 0.03,
        "robust_accuracy": [0.0, 0.06],
    },
}


def test_accuracies_stand_in_the_papers_columns():
    cells = accuracy_cells(FIGURES, "white_box", Accuracies(99.0, 50.0, 40.0, (60.0, 20.0, 1.0)), 2)
    shown = [cell.text for cell in cells]
    assert shown == ["90.00 (99.00)", "60.00 (50.00)", "50.00 (40.00)", "70.00 (60.00)", "30.00 (20.00)"]
    assert cells[0].interval == (80, 95)
    assert cells[3].interval == (60, 80)


def test_a_gap_has_no_clean_accuracy():
    cells = accuracy_cells(FIGURES, "transfer_gap", Accuracies(None, 0.1, 0.2, (0.0, 0.4)), 2)
    assert cells[0] == "-"
    assert [cell.text for cell in cells[1:]] == ["2.00 (0.10)", "3.00 (0.20)", "0.00 (0.00)", "6.00 (0.40)"]


def test_distances_stand_in_the_papers_columns():
    found = {
        "clean_accuracy": 0.99, "mean": 1.5, "lower_quartile": 1.0, "median": 1.4, "upper_quartile": None,
        "not_found": 3,
    }  # fmt: skip
    cells = distance_cells(found, Distances(99.0, 1.57, 1.19, 1.57, 1.95))
    assert [cell if isinstance(cell, str) else cell.text for cell in cells] == [
        "99.0 (99.0)", "1.50 (1.57)", "1.00 (1.19)", "1.40 (1.57)", "- (1.95)", "3",
    ]  # fmt: skip


def test_orders_are_counted_by_pairs():
    note = compare_order("AvgAcc", {"A": (1.0, 10.0), "B": (2.0, 30.0), "C": (3.0, 20.0)})
    assert note == "AvgAcc: 2 of 3 pairs of networks have the order of the paper; highest here C, there B."
    assert compare_order("AvgAcc", {"A": (1.0, 2.0)}) == ""


def test_the_figures_networks_are_in_their_sets():
    assert set(figure_3.CIFAR) <= {row.name for row in cifar10_linf.NETWORKS.rows}
    assert set(figure_3.MNIST) <= set(mnist_linf.NETWORKS.short)
    assert set(cifar10_l2.TRACKED) == {row.name for row in cifar10_l2.NETWORKS.rows if row.is_tracked}


def test_two_seeds_of_a_network_stay_two_whatever_the_labs(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(Lab, "_ensure", lambda self, done, name, words: asked.append(words))
    subject = Lab(PAPER, work_dir=tmp_path, seed=1)
    paths = {mnist_linf.NETWORKS.train(subject, row) for row in max_margin("MMA", ("0.45",))}
    assert len(paths) == 2
    assert [next(word for word in words if word.startswith("--seed")) for words in asked] == [
        "--seed=1",
        "--seed=2",
    ]
