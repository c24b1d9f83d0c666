"""Arithmetic of the second opinion: hand-made results of two implementations, and the table of comparisons."""

import dataclasses

import numpy as np
import pytest
import second_opinion
from opinions import cases as cases_module
from opinions.comparison import Outcome, compare, distances, format_table, read_outcome, write_outcome

from mmc_tf.attacks import make
from mmc_tf.checks import UserError

LABELS = np.zeros(4, np.int32)
CORRECT = np.array([True, True, True, False])
IMAGES = np.full((4, 1, 2, 1), 0.5, np.float32)


def outcome(shifts, prediction, seconds=1.0):
    """Both pixels of example i moved by shifts[i]."""
    moved = IMAGES + np.reshape(np.asarray(shifts, np.float32), [-1, 1, 1, 1])
    return Outcome(moved, np.asarray(prediction, np.int32), seconds)


def judge(case, ours, peer):
    return compare(case, ours, peer, images=IMAGES, labels=LABELS, correct=CORRECT)


def all_cases(**changes):
    settings = {"epsilon": 0.1, "epsilon_l2": 1.5, "has_centers": False, "num_classes": 10}
    return cases_module.make_cases(**{**settings, **changes})


def test_distances_are_norms_of_the_difference():
    moved = IMAGES.copy()
    moved[0, 0, :, 0] = [0.8, 0.1]
    for norm, expected in (("linf", 0.4), ("l2", 0.5), ("l1", 0.7)):
        np.testing.assert_allclose(distances(moved, IMAGES, norm), [expected, 0, 0, 0], atol=1e-7)


def test_accuracy_counts_what_was_wrong_from_the_start_as_broken():
    case = cases_module.square("linf", 0.1, 10)
    row = judge(case, outcome([0.1, 0, 0, 0], [1, 0, 0, 5]), outcome([0.1, 0.1, 0, 0], [1, 2, 0, 5]))
    assert (row.ours, row.peer, row.difference) == (50.0, 25.0, 25.0)
    assert row.agreement == pytest.approx(2 / 3)  # of the three that were right
    assert not row.passed


def test_an_image_beyond_the_radius_breaks_nothing():
    case = cases_module.square("linf", 0.1, 10)
    row = judge(case, outcome([0.2, 0, 0, 0], [1, 0, 0, 5]), outcome([0, 0, 0, 0], [0, 0, 0, 5]))
    assert (row.ours, row.peer, row.agreement, row.passed) == (75.0, 75.0, 1.0, True)


def test_equal_accuracies_on_other_examples_fail_where_verdicts_count():
    ours, peer = outcome([0.1, 0, 0, 0], [1, 0, 0, 5]), outcome([0, 0.1, 0, 0], [0, 1, 0, 5])
    assert judge(cases_module.square("linf", 0.1, 10), ours, peer).passed
    assert not judge(cases_module.apgd_ce("linf", 0.1), ours, peer).passed


def test_distances_are_medians_over_the_examples_that_both_broke():
    case = cases_module.deepfool("linf", 0.1)
    ours = outcome([0.1, 0.202, 0.3, 0], [1, 1, 1, 5])
    row = judge(case, ours, outcome([0.1, 0.2, 0.3, 0], [1, 1, 1, 5]))
    assert row.difference == pytest.approx(1.0, abs=1e-3)
    assert row.passed == (abs(row.difference) <= 1.0)
    assert judge(
        dataclasses.replace(case, tolerance=1.01), ours, outcome([0.1, 0.2, 0.3, 0], [1, 1, 1, 5])
    ).passed
    # Found by one of the two only: no distance to compare, and a failure.
    assert not judge(case, ours, outcome([0.1, 0.2, 0, 0], [1, 1, 0, 5])).passed


def test_nothing_found_by_both_is_no_agreement():
    nothing = outcome([0, 0, 0, 0], [0, 0, 0, 5])
    row = judge(cases_module.deepfool("linf", 0.1), nothing, nothing)
    assert np.isnan(row.difference)
    assert not row.passed


def test_pixels_of_a_deterministic_attack_must_be_the_same():
    case = cases_module.pgd("linf", 0.1, "ce")
    same = outcome([0.05] * 4, [0, 0, 0, 5])
    assert judge(case, same, same).same_pixels == 1.0
    other = outcome([0.05, 0.05, 0.051, 0.05], [0, 0, 0, 5])
    row = judge(case, same, other)
    assert row.same_pixels == pytest.approx(2 / 3)
    assert not row.passed


def test_table_says_what_failed_and_what_could_not_be_matched():
    cases = [cases_module.square("linf", 0.1, 10), cases_module.deepfool("l2", 1.5)]
    same = outcome([0.1] * 4, [1, 1, 1, 5])
    rows = [judge(case, same, same) for case in cases]
    text = format_table([rows[0], dataclasses.replace(rows[1], passed=False)], cases)
    assert "square-linf [1]" in text
    assert "FAIL" in text
    assert text.count("pass ") == 1
    assert text.splitlines()[-1].startswith("[1] torchattacks' Square draws one window")


@pytest.mark.parametrize("has_centers", [False, True])
def test_every_case_names_an_attack_of_ours_with_settings_it_has(has_centers):
    cases = all_cases(has_centers=has_centers)
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        settings = make(case.attack, **case.ours).settings()
        assert {name: settings[name] for name in case.ours} == case.ours, case.name
        assert settings["norm"] == case.norm
    asked = {"pgd", "apgd_ce", "apgd_t", "fab_t", "square", "ddn", "deepfool", "cw"}
    assert {case.attack for case in cases} == asked


def test_targets_are_at_most_the_wrong_classes():
    case = cases_module.apgd_t("linf", 0.1, 5)
    assert (case.ours["num_targets"], case.theirs["n_classes"]) == (4, 5)


def test_results_are_kept_under_names_that_parameters_change_and_tolerances_do_not(tmp_path):
    case = cases_module.square("linf", 0.1, 10)
    assert case.key("ours") != cases_module.square("linf", 0.1, 11).key("ours")
    assert case.key("ours") != case.key("peer")
    assert case.key("peer") == dataclasses.replace(case, tolerance=9.0, notes=()).key("peer")
    path = tmp_path / case.key("ours")
    write_outcome(path, outcome([0.1, 0, 0, 0], [1, 0, 0, 5], seconds=2.5))
    read = read_outcome(path)
    np.testing.assert_array_equal(read.adversarial, outcome([0.1, 0, 0, 0], [1, 0, 0, 5]).adversarial)
    assert (read.prediction.tolist(), read.seconds) == ([1, 0, 0, 5], 2.5)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_comparisons_are_chosen_by_attack_or_by_name():
    cases = all_cases()
    assert [case.name for case in second_opinion.chosen(cases, "ddn, square-l2")] == ["square-l2", "ddn-l2"]
    assert len(second_opinion.chosen(cases, "pgd")) == 3
    assert second_opinion.chosen(cases, None) == cases
    with pytest.raises(
        UserError, match=r"`attacks`. Expected some of apgd_ce, .* Received: attacks=nonsense"
    ):
        second_opinion.chosen(cases, "pgd,nonsense")


def test_one_failure_makes_the_exit_status_1(capsys):
    case = cases_module.square("linf", 0.1, 10)
    row = judge(case, outcome([0.1] * 4, [1, 1, 1, 5]), outcome([0.1] * 4, [1, 1, 1, 5]))
    assert second_opinion.report([row, row]) == 0
    assert second_opinion.report([row, dataclasses.replace(row, passed=False)]) == 1
    assert "1 of 2 comparisons pass; fail: square-linf" in capsys.readouterr().out


def test_an_interpreter_without_the_peers_is_refused_before_the_long_work(tmp_path):
    missing = tmp_path / "python"
    with pytest.raises(UserError, match=r"`peer_python`. Expected an interpreter with torch.*\.\[bench\]"):
        second_opinion.check_peers(str(missing))
    missing.write_text("#!/bin/sh\necho ModuleNotFoundError: torch >&2\nexit 1\n")
    missing.chmod(0o755)
    with pytest.raises(UserError, match="python: ModuleNotFoundError: torch"):
        second_opinion.check_peers(str(missing))
