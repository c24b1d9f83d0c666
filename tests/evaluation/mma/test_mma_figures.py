"""The columns of the paper's tables, from its numbers and from verdicts by hand."""

import numpy as np
import pytest

from mmc_tf.evaluation.mma import figures

# MMA-32-sd0 on CIFAR-10, linf: Tables 5 and 13 (clean 84.36).
COMBINED = [64.82, 47.18, 31.49, 18.91, 10.16, 4.77, 1.97, 0.81]


def test_the_published_averages():
    found = figures.averages(84.36, COMBINED)
    assert found["average_accuracy"] == pytest.approx(29.39, abs=0.005)
    assert found["average_robust_accuracy"] == pytest.approx(22.51, abs=0.005)


def test_the_published_gap():
    combined = {"robust_accuracy": COMBINED} | figures.averages(84.36, COMBINED)
    white_box = combined | {"robust_accuracy": [64.82, 50.20, *COMBINED[2:]]}
    gap = figures.transfer_gap(white_box, combined)
    assert gap["robust_accuracy"][1] == pytest.approx(3.02)
    assert gap["robust_accuracy"][0] == 0


# Two networks, five images. The first misclassifies image 4.
WRONG = np.array([[0, 0, 0, 0, 1], [0, 0, 0, 0, 0]], bool)
BROKEN = np.array(
    [
        [
            # Crafted on the first: fools the first on 0, the second on 0 and 1.
            [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0]],
            # Crafted on the second: fools the first on 2, the second on 3.
            [[0, 0, 1, 0, 0], [0, 0, 0, 1, 0]],
        ]
    ],
    bool,
)


def test_an_image_is_robust_if_it_survives_every_run():
    white_box, combined = figures.surviving(WRONG, BROKEN)
    assert white_box.astype(int).tolist() == [[[0, 1, 1, 1, 0], [1, 1, 1, 0, 1]]]
    assert combined.astype(int).tolist() == [[[0, 1, 0, 1, 0], [0, 0, 1, 0, 1]]]


def test_figures_by_hand():
    first, second = figures.describe(WRONG, BROKEN)
    assert (first["clean_accuracy"], second["clean_accuracy"]) == (0.8, 1.0)
    assert first["white_box"]["robust_accuracy"] == [0.6]
    assert first["combined"]["robust_accuracy"] == [0.4]
    assert first["combined"]["average_accuracy"] == pytest.approx(0.6)
    assert first["transfer_gap"]["robust_accuracy"] == pytest.approx([0.2])
    assert second["white_box"]["robust_accuracy"] == [0.8]
    assert second["combined"]["robust_accuracy"] == [0.4]
    assert second["transfer_gap"]["average_robust_accuracy"] == pytest.approx(0.4)
    assert second["transfer_gap"]["average_accuracy"] == pytest.approx(0.2)
    low, high = second["combined"]["intervals"][0]
    assert low < 0.4 < high


def test_more_runs_only_break_more():
    draw = np.random.default_rng(0)
    wrong, broken = draw.random((3, 40)) < 0.1, draw.random((2, 3, 3, 40)) < 0.2
    more = broken | (draw.random(broken.shape) < 0.2)
    for fewer, harder in zip(figures.surviving(wrong, broken), figures.surviving(wrong, more), strict=True):
        assert not (harder & ~fewer).any()
    white_box, combined = figures.surviving(wrong, broken)
    assert not (combined & ~white_box).any()


def test_distances_count_misclassified_images_as_0():
    wrong = np.array([True, False, False, False, False])
    found = np.array([False, True, True, True, False])
    spread = figures.summarize_margins(wrong, found, np.array([0.0, 1.0, 2.0, 3.0, 9.0]))
    assert spread == {
        "examples": 5,
        "clean_accuracy": 0.8,
        "not_found": 1,
        "mean": 1.5,
        "lower_quartile": 0.75,
        "median": 1.5,
        "upper_quartile": 2.25,
    }
    nothing = figures.summarize_margins(~wrong[1:2], np.array([True]), np.array([0.0]))
    assert nothing["mean"] == 0.0
    assert figures.summarize_margins(wrong[1:], np.zeros(4, bool), np.zeros(4))["mean"] is None
