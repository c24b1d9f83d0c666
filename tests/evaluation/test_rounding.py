"""Adversarial images in 8 bits: the verdict on what a file would hold."""

import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks import BIM, FGSM, Worst
from mmc_tf.data import Split
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.rounding import judge_rounded, round_to_8_bits
from mmc_tf.evaluation.store import EvaluationFolder
from mmc_tf.evaluation.tables import HEADER, make_rows

HALF_A_LEVEL = 1 / 510


def test_every_level_stays_and_what_lies_between_goes_to_the_nearer_one():
    levels = (np.arange(256) / 255).astype(np.float32)[:, None, None, None]
    np.testing.assert_array_equal(round_to_8_bits(levels), levels)
    for shift in (0.49, -0.49):
        np.testing.assert_array_equal(round_to_8_bits(levels + np.float32(shift / 255)), levels)
    random = np.random.default_rng(0).uniform(0, 1, (50, 4, 4, 1)).astype(np.float32)
    assert np.abs(round_to_8_bits(random) - random).max() <= HALF_A_LEVEL + 1e-7
    as_a_file = np.rint(255 * random.astype(np.float64)).astype(np.uint8)
    np.testing.assert_array_equal(round_to_8_bits(random), as_a_file.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(round_to_8_bits(np.float32([-0.3, 1.7])), [0.0, 1.0])


def threshold(images):
    """Class 1 for pixels above 100/255 by less than half a level, and for all brighter ones."""
    return tf.stack([0 * images[:, 0, 0, 0], images[:, 0, 0, 0] - 100.2 / 255], axis=1)


# Levels of one pixel: 100 is class 0, and rounding takes 100.3 back to it, but leaves 100.6 and 103 above.
LEVELS = np.float32([100, 100.3, 100.6, 103])[:, None, None, None] / np.float32(255)


def test_an_image_can_be_mended_by_rounding_but_not_broken():
    labels = np.zeros(4, np.int32)
    wrong = np.array([False, True, True, True])
    assert judge_rounded(threshold, LEVELS, labels, wrong).tolist() == [False, False, True, True]
    # Right before rounding, or not to be counted: 100.2 + 0.4 would be class 1 after it.
    assert judge_rounded(threshold, LEVELS, labels, np.zeros(4, bool)).tolist() == [False] * 4
    assert judge_rounded(threshold, LEVELS, 1 - labels, ~wrong).tolist() == [True, False, False, False]


def test_an_image_that_is_not_finite_spoils_no_other():
    images = np.concatenate([LEVELS[3:], np.full((1, 1, 1, 1), np.nan, np.float32)])
    assert judge_rounded(threshold, images, np.zeros(2), np.array([True, False])).tolist() == [True, False]


@pytest.mark.parametrize(
    # From level 100, FGSM goes ε up: to 100.3, which a file takes back, or to 101.
    ("levels", "rounded"),
    [(0.3, 1.0), (1.0, 0.0)],
)
def test_a_decision_that_flips_within_half_a_level(tmp_path, levels, rounded):
    split = Split(np.repeat(LEVELS[:1], 5, axis=0), np.zeros(5, np.int32))
    split.labels[4] = 1  # misclassified from the start
    attack = FGSM(epsilon=levels / 255, objective="margin")
    results = evaluate(threshold, split, [("fgsm", attack)], output_dir=tmp_path / "o", batch_size=2)
    (record,) = results["attacks"]
    assert (record["robust_accuracy"], record["rounded_robust"]) == (0.0, 4 * rounded)
    assert record["rounded_robust_accuracy"] == 0.8 * rounded
    arrays = EvaluationFolder(tmp_path / "o").examples()
    assert arrays["rounded_misclassified"][0].tolist() == [not rounded] * 4 + [True]
    # The class before rounding; that of the clean image where nothing was attacked.
    assert arrays["prediction"][0].tolist() == [1, 1, 1, 1, 0]
    assert arrays["prediction"].dtype == np.int32
    (row,) = make_rows(results)
    shown = dict(zip(HEADER, row, strict=True))
    assert (shown["robust %"], shown["8 bits %"]) == ("0.0", "80.0" if rounded else "")


def test_ensembles_keep_the_image_that_broke_an_example(tmp_path):
    # The first stage breaks all by a step that a file takes back; the second, which goes further, is not asked.
    split = Split(np.repeat(LEVELS[:1], 3, axis=0), np.zeros(3, np.int32))
    short = BIM(epsilon=1 / 255, num_steps=1, step_size=0.3 / 255, objective="margin")
    long = FGSM(epsilon=1 / 255, objective="margin")
    for name, members, rounded in (("short first", (short, long), 3), ("long first", (long, short), 0)):
        worst = Worst(epsilon=1 / 255, members=members)
        (record,) = evaluate(threshold, split, [("w", worst)], output_dir=tmp_path / name)["attacks"]
        assert (record["robust"], record["rounded_robust"]) == (0, rounded)
        assert [stage["rounded_robust"] for stage in record["waterfall"]] == [rounded, rounded]


def test_predictions_and_verdicts_agree(linear, digits, tmp_path, kit):
    attacks = [("pgd", kit.pgd), ("ten levels", FGSM(epsilon=10 / 255))]
    results = evaluate(linear, digits.test, attacks, output_dir=tmp_path / "o", batch_size=120)
    arrays = EvaluationFolder(tmp_path / "o").examples()
    np.testing.assert_array_equal(arrays["prediction"] != digits.test.labels, arrays["misclassified"])
    assert not (arrays["rounded_misclassified"] & ~arrays["misclassified"]).any()
    for record, rounded in zip(results["attacks"], arrays["rounded_misclassified"], strict=True):
        assert record["rounded_robust"] == (~rounded).sum() >= record["robust"]
