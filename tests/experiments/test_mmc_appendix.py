"""Appendix B of the MMC paper: convergence from logs, distances of centers, trees of classes."""

import numpy as np
import pytest

from mmc_tf.centers import make_centers
from mmc_tf.data.classes import CIFAR10
from mmc_tf.experiments.mmc import appendix_b2, appendix_b3_emc, appendix_b3_hmmc
from mmc_tf.training import log, runs


def test_an_error_curve_is_read_from_the_runs_log(tmp_path):
    for epoch, error in enumerate((0.5225, 0.452), start=1):
        log.append(
            runs.RunFolder(tmp_path).log_file, {"epoch": epoch, "step": epoch, "monitored_error": error}
        )
    np.testing.assert_allclose(appendix_b2.error_curve(tmp_path), [[1, 52.25], [2, 45.2]])


def test_the_first_epoch_with_an_error():
    curve = np.array([[1, 60.0], [2, 45.0], [3, 48.0], [4, 30.0]])
    assert [appendix_b2.first_epoch(curve, error) for error in (70, 45, 44, 29)] == [1, 2, 4, None]


def test_a_line_a_form():
    curves = [(form, np.array([[1, 60.0], [2, 40.0]])) for form in appendix_b2.FORMS]
    (axes,) = appendix_b2.draw_curves(curves).axes
    assert [line.get_label() for line in axes.lines] == list(appendix_b2.FORMS)
    assert len({(line.get_linestyle(), line.get_marker()) for line in axes.lines}) == 3


def test_the_simplex_has_the_distance_of_its_closed_form():
    # C √(2L/(L − 1))
    centers = make_centers("simplex", 10, 64, scale=10.0)
    assert appendix_b3_emc.least_distance(centers) == pytest.approx(10 * np.sqrt(20 / 9))


def test_the_tree_holds_every_class_once():
    kinds = appendix_b3_hmmc.kinds_of(appendix_b3_hmmc.TREE.values())
    animals = [name for name, kind in zip(CIFAR10, kinds, strict=True) if kind == 0]
    assert animals == ["bird", "cat", "deer", "dog", "frog", "horse"]
    assert len(kinds) == 10


def test_predictions_within_the_kind():
    kinds = np.array([0, 0, 1, 1])
    labels, predictions = np.array([0, 1, 2, 3, 3]), np.array([0, 0, 3, 1, 3])
    assert appendix_b3_hmmc.kind_accuracy(labels, predictions, kinds) == pytest.approx(80.0)


def test_the_short_budget_varies_one_norm_at_a_time():
    assert set(appendix_b3_hmmc.CROSS) < set(appendix_b3_hmmc.GRID)
    assert len(appendix_b3_hmmc.GRID) == 12
    assert all(first == 10 or second == 1 for first, second in appendix_b3_hmmc.CROSS)
