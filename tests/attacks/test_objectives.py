"""Objectives against the closed forms and published values of the attack specification."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from small_models import small_images, small_model

from mmc_tf.attacks.objectives import best_other, objectives
from mmc_tf.checks import UserError
from mmc_tf.classifier import Scores, read_scores
from mmc_tf.models.heads import HEADS

LOGITS = [2.0, 1.0, -0.5, -1.5, 0.25]


def value(name, logits, label, target=None):
    targets = None if target is None else tf.constant([target])
    scores = Scores(tf.constant([logits], tf.float64))
    return float(objectives.get(name)(scores, tf.constant([label]), targets)[0])


@pytest.mark.parametrize(
    ("name", "label", "target", "expected"),
    [
        ("ce", 0, None, 0.5031578),
        ("ce", 0, 1, -1.5031578),
        ("margin", 0, None, -1.0),
        ("margin", 0, 1, -1.0),
        ("margin", 1, 0, 1.0),
        ("cw", 0, None, -1.0),
        ("cw", 4, None, 0.0),
        ("cw", 1, 0, 0.0),
        ("slm", 0, None, -0.4247461),
        ("slm", 4, 0, 0.4247461),
        ("dlr", 0, None, -0.5714286),
        ("dlr", 0, 2, -1.1764706),
        ("dlr", 4, None, 1.0),
    ],
)
def test_published_values(name, label, target, expected):
    assert value(name, LOGITS, label, target) == pytest.approx(expected, abs=1e-7)


def test_gradient_of_cross_entropy_and_its_ratio_to_the_soft_margin():
    logits = tf.constant([LOGITS], tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ce = objectives.get("ce")(Scores(logits), tf.constant([0]), None)
        slm = objectives.get("slm")(Scores(logits), tf.constant([0]), None)
    gradient = tape.gradient(ce, logits)[0]
    expected = [-0.3953816, 0.2224267, 0.0496301, 0.0182579, 0.1050669]
    np.testing.assert_allclose(gradient, expected, atol=1e-7)
    np.testing.assert_allclose(gradient / tape.gradient(slm, logits)[0], 0.3953816, atol=1e-7)


@pytest.mark.parametrize(
    ("gap", "loss", "true", "other"),
    [(5, 5.9e-2, -5.7e-2, 6.4e-3), (40, 0, 0, 4.2e-18), (80, 0, 0, 1.8e-35), (88.5, 0, 0, 0)],
)
def test_softmax_saturates_in_float32(gap, loss, true, other):
    logits = tf.constant([[gap] + [0.0] * 9], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        ce = objectives.get("ce")(read_scores(logits), tf.constant([0]), None)
    gradient = tape.gradient(ce, logits)[0]
    assert float(ce[0]) == pytest.approx(loss, rel=2e-2, abs=1e-12)
    assert float(gradient[0]) == pytest.approx(true, rel=2e-2, abs=1e-12)
    assert float(gradient[1]) == pytest.approx(other, rel=3e-2, abs=0)


class Centers:
    """A center head's interface in float64."""

    has_centers = True

    def __init__(self, centers):
        self.centers = tf.constant(centers, tf.float64)

    def squared_distances(self, features):
        return tf.reduce_sum(tf.square(features[:, None] - self.centers), axis=-1)

    def shifted_logits(self, features):
        return 2 * features @ tf.transpose(self.centers) - tf.reduce_sum(tf.square(self.centers), axis=1)


@pytest.mark.parametrize(
    ("name", "target", "expected", "gradient"),
    [
        ("mmc", None, 1.15625, (-1.5, 0.25)),
        ("mmc_margin", None, -1.0669873, (-3.0, 1.7320508)),
        ("mmc", 2, -3.0892627, (-1.5, -1.9820508)),
        ("mmc_margin", 2, -1.9330127, (-3.0, -1.7320508)),
    ],
)
def test_adaptive_objectives_of_the_paper(name, target, expected, gradient):
    head = Centers([(2, 0), (-1, np.sqrt(3)), (-1, -np.sqrt(3))])
    features = tf.constant([[0.5, 0.25]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(features)
        scores = Scores(head.shifted_logits(features), head, features)
        targets = None if target is None else tf.constant([target])
        result = objectives.get(name)(scores, tf.constant([0]), targets)
    assert float(result[0]) == pytest.approx(expected, abs=1e-7)
    np.testing.assert_allclose(tape.gradient(result, features)[0], gradient, atol=1e-7)


def test_margin_survives_logits_of_minus_1e5():
    generator = np.random.default_rng(0)
    centers = 1000 / np.sqrt(300) * generator.normal(size=(100, 300)) / np.sqrt(300) * 17
    features = generator.normal(size=(16, 300)) * 17
    labels = generator.integers(0, 100, 16)
    head = HEADS.get("mmc")(100, centers=centers.astype(np.float32))
    logits = head(features.astype(np.float32))
    assert logits.numpy().max() < -8e4

    exact = Centers(centers.astype(np.float32)).shifted_logits(
        tf.constant(features.astype(np.float32), tf.float64)
    )
    for name in ("margin", "slm"):
        ours = objectives.get(name)(read_scores(logits), tf.constant(labels), None).numpy()
        reference = objectives.get(name)(Scores(exact), tf.constant(labels), None).numpy()
        np.testing.assert_allclose(ours, reference, rtol=2e-6)


def test_masks_hold_for_logits_beyond_any_constant():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 100, 16)
    logits = (-1e5 + generator.uniform(0, 1, (16, 100))).astype(np.float32)
    without = np.where(np.arange(100) == labels[:, None], -np.inf, logits.astype(np.float64))
    own = logits[np.arange(16), labels].astype(np.float64)
    scores = read_scores(tf.constant(logits))
    np.testing.assert_allclose(best_other(tf.constant(logits), labels), without.max(axis=1), atol=1e-3)
    np.testing.assert_allclose(
        objectives.get("margin")(scores, labels, None), without.max(1) - own, atol=1e-3
    )


@pytest.mark.parametrize("name", [n for n in objectives if n not in ("mmc",)])
def test_a_constant_on_all_logits_changes_nothing(name):
    head = Centers(np.eye(5))
    for target in (None, tf.constant([3])):
        plain = objectives.get(name)(
            Scores(tf.constant([LOGITS], tf.float64), head), tf.constant([1]), target
        )
        moved = objectives.get(name)(
            read_scores(tf.constant([LOGITS], tf.float64) + 1000)._replace(head=head),
            tf.constant([1]),
            target,
        )
        np.testing.assert_allclose(plain, moved, atol=1e-9)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("name", list(objectives))
def test_gradients_equal_central_differences(name, targeted):
    generator = np.random.default_rng(3)
    kernel = tf.constant(generator.normal(size=(12, 6)) * 0.5)
    head = Centers(generator.normal(size=(5, 6)) * 2)
    x = tf.constant(generator.uniform(size=(4, 12)))
    labels, targets = tf.constant([0, 1, 2, 3]), tf.constant([1, 2, 3, 4]) if targeted else None

    def objective(points):
        features = tf.tanh(points @ kernel)
        return objectives.get(name)(Scores(head.shifted_logits(features), head, features), labels, targets)

    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(objective(x))
    gradient = tape.gradient(total, x).numpy()
    for direction in generator.normal(size=(5, *x.shape)):
        slope = (objective(x + 1e-4 * direction) - objective(x - 1e-4 * direction)).numpy() / 2e-4
        expected = (gradient * direction).sum(axis=1)
        np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-6)


def test_center_objectives_need_centers():
    scores = read_scores(small_model("dense")(small_images(2)))
    for name in ("mmc", "mmc_margin"):
        with pytest.raises(UserError, match=f"`objective`.*without MM centers.*objective={name}"):
            objectives.get(name)(scores, tf.constant([0, 1]), None)


def test_dlr_needs_enough_classes():
    scores = Scores(tf.zeros((1, 3)))
    with pytest.raises(UserError, match="targeted dlr needs 4"):
        objectives.get("dlr")(scores, tf.constant([0]), tf.constant([1]))
    with pytest.raises(UserError, match="untargeted dlr needs 3"):
        objectives.get("dlr")(Scores(tf.zeros((1, 2))), tf.constant([0]), None)


def test_scores_of_a_center_head_are_exact_differences():
    model = small_model("mmc", scale=10.0)
    logits = model(small_images(5))
    scores = read_scores(logits)
    difference = scores.logits - logits
    np.testing.assert_allclose(difference, np.broadcast_to(difference[:, :1], difference.shape), atol=1e-3)
    assert scores.head is model.layers[-1]
