"""Warnings on networks made for them, and silence on the same networks without the flaw."""

import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks import APGDCE, APGDT, BIM, FGSM, PGD, Square, Worst
from mmc_tf.data import Split
from mmc_tf.evaluation import evaluate

EPSILON = 0.1


def codes_of(results):
    return {warning["code"] for warning in results["warnings"]}


@pytest.fixture(scope="module")
def saturated(digits, kit):
    """The linear classifier of `linear` with logits so large that cross-entropy is flat."""
    return kit.ridge_classifier(digits.train.as_float(), digits.train.labels, gain=1e5)


@pytest.mark.parametrize("flat", [True, False])
def test_cross_entropy_is_blind_on_saturated_networks(linear, saturated, digits, tmp_path, flat):
    settings = {"epsilon": 0.05, "num_steps": 6}
    worst = Worst(epsilon=0.05, members=(APGDCE(**settings), APGDT(**settings, num_targets=3)))
    model = saturated if flat else linear
    results = evaluate(model, digits.test, [("worst", worst)], output_dir=tmp_path / "o", batch_size=120)
    assert ("CE_BLIND" in codes_of(results)) == flat
    named = [warning["attacks"] for warning in results["warnings"] if warning["code"] == "ZERO_GRADIENT"]
    assert named == [["apgd_ce of worst"]] * flat
    assert "NON_ADAPTIVE" not in codes_of(results)


@pytest.mark.parametrize("flat", [True, False])
def test_square_helps_where_gradients_are_masked(linear, saturated, digits, tmp_path, flat):
    attacks = [
        ("pgd", PGD(epsilon=EPSILON, num_steps=20)),
        ("square", Square(epsilon=EPSILON, num_queries=100)),
    ]
    model = saturated if flat else linear
    results = evaluate(model, digits.test, attacks, output_dir=tmp_path / "o", batch_size=120)
    masked = {"SQUARE_HELPS", "BLACK_BOX_STRONGER"}
    assert codes_of(results) & masked == (masked if flat else set())


def island(images):
    """Class 1 within 0.05 of brightness 0.6, class 0 elsewhere."""
    brightness = tf.reduce_mean(images, axis=[1, 2, 3])
    return tf.stack([0 * brightness, 0.05 - tf.abs(brightness - 0.6)], axis=1)


def slope(images):
    """Class 1 above brightness 0.6."""
    brightness = tf.reduce_mean(images, axis=[1, 2, 3])
    return tf.stack([0 * brightness, brightness - 0.6], axis=1)


@pytest.mark.parametrize(("model", "fires"), [(island, True), (slope, False)])
def test_one_long_step_jumps_over_what_a_short_one_reaches(tmp_path, model, fires):
    split = Split(np.full((10, 2, 2, 1), 0.48, np.float32), np.zeros(10, np.int32))
    attacks = [(f"fgsm {epsilon}", FGSM(epsilon=epsilon)) for epsilon in (0.15, 0.4)]
    many = [(f"bim {epsilon}", BIM(epsilon=epsilon, num_steps=20, step_size=0.02)) for epsilon in (0.15, 0.4)]
    results = evaluate(model, split, attacks + many, output_dir=tmp_path / "o")
    named = [
        warning["attacks"] for warning in results["warnings"] if warning["code"] == "LARGER_RADIUS_WEAKER"
    ]
    assert named == [["fgsm 0.4", "fgsm 0.15"]] * fires
    assert [record["robust"] for record in results["attacks"]] == [0, 10 * fires, 0, 0]
