"""The readme's tables: which attack stands in which column, with which settings and number."""

import pytest

from mmc_tf.experiments.budgets import BUDGETS
from mmc_tf.experiments.outcome import Cell
from mmc_tf.experiments.pytorch.attacks import compare_blind, entries_of, flags_of, published_of, title_of

# As the readme prints them: radius, and the accuracy in each column.
README = {
    "linf": {
        8 / 255: {"FGSM": 86.33, "PGD-10": 84.71, "PGD-40": 84.31, "DeepFool": 34.35, "AA": 0.00},
        16 / 255: {"FGSM": 86.65, "PGD-10": 78.22, "PGD-40": 77.63, "DeepFool": 12.50, "AA": 0.00},
    },
    "l2": {0.5: {"PGD-50": 88.02, "DeepFool": 53.38, "C&W": 2.41, "AA": 0.09}},
    "l1": {12: {"PGD-50": 88.30, "SLIDE": 86.80}},
}
EVERY_NORM = pytest.mark.parametrize("norm", README)


@EVERY_NORM
def test_every_column_of_the_readme_is_there_in_its_order(norm):
    columns = {}
    for entry in entries_of(norm):
        columns.setdefault(entry["epsilon"], []).append(title_of(entry))
    assert columns == {epsilon: list(row) for epsilon, row in README[norm].items()}


@EVERY_NORM
def test_every_attack_has_the_readmes_number(norm):
    for entry in entries_of(norm):
        row = published_of(entry)
        expected = README[norm][entry["epsilon"]][title_of(entry)]
        assert 100 * row.robust_accuracy == pytest.approx(expected)
        assert 100 * row.clean_accuracy == pytest.approx(90.18)


def flags_on(budget, norm, title):
    entry = next(entry for entry in entries_of(norm) if title_of(entry) == title)
    return flags_of(entry, BUDGETS.get(budget))


def test_an_attacks_own_settings_carry_its_name():
    assert flags_on("paper", "l2", "C&W") == {
        "cw_learning_rate": 0.01,
        "cw_initial_const": 1e-3,
        "adaptive": False,
        "norm": "l2",
        "epsilon": 0.5,
    }
    assert flags_on("paper", "l1", "SLIDE")["slide_joint_projection"] is False
    assert flags_on("paper", "linf", "DeepFool")["deepfool_clip_to_epsilon"] is True


def test_slow_attacks_see_fewer_images_on_the_short_budget():
    sizes = {title: flags_on("short", "l2", title)["test_size"] for title in README["l2"][0.5]}
    assert sizes == {"PGD-50": 200, "DeepFool": 200, "C&W": 100, "AA": 100}


def test_blind_attacks_are_compared_by_the_least_they_leave():
    titles = ("PGD-50", "SLIDE", "SLIDE-50 margin")
    cells = [Cell(measured=number) for number in (68.5, 68.0, 3.0)]
    assert compare_blind("12", titles, cells) == (
        "At 12 attacks along cross-entropy leave 68.0 %, SLIDE-50 margin 3.0 %."
    )
    assert compare_blind("12", titles, [Cell(), Cell(), cells[2]]) == ""
