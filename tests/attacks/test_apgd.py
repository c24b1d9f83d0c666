"""APGD-CE, APGD-DLR and APGD-T (specification, Section 13)."""

from __future__ import annotations

import apgd_by_hand
import numpy as np
import pytest
import tensorflow as tf
from small_models import predictions, small_images, small_model

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exactly_robust, make_bed
from mmc_tf.attacks.apgd_climb import MomentumRule
from mmc_tf.attacks.apgd_l1 import SparseRule
from mmc_tf.attacks.objectives import ce, dlr, margin
from mmc_tf.attacks.target_runs import RESTART_STRIDE, aim, wrong_classes
from mmc_tf.checks import UserError
from mmc_tf.classifier import Scores

RADII = {"linf": 0.006, "l2": 0.07, "l1": 0.3}


@pytest.mark.parametrize("norm", ["linf", "l2", pytest.param("l1", marks=pytest.mark.slow)])
def test_linear_bed_and_logits_of_mmc_size(norm):
    """APGD-T is exact, the others close; a factor of 3,000 on the logits blinds APGD-CE and nothing else."""
    factor = tf.Variable(1.0)
    bed = make_bed(seed=2, factor=factor)
    exact = exactly_robust(bed, norm=norm, epsilon=RADII[norm]).mean()
    assert 0.5 < exact < 0.9
    for name, most in (("apgd_ce", 0.03), ("apgd_dlr", 0.02), ("apgd_t", 1.01 / 128)):
        attack = attacks.make(name, norm=norm, epsilon=RADII[norm])
        factor.assign(1.0)
        plain = attack(bed, bed.images, bed.labels)
        factor.assign(3000.0)
        steep = attack(bed, bed.images, bed.labels)
        assert exact <= 1 - plain.success.mean() <= exact + most
        assert not plain.zero_gradient.any()
        lost = steep.success.mean() - plain.success.mean()
        if name == "apgd_ce":
            assert steep.zero_gradient.mean() > 0.9
            assert lost < -0.15
        else:
            assert not steep.zero_gradient.any()
            assert abs(lost) <= 0.008


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_cross_entropy_of_two_classes_is_exact(norm):
    bed = make_bed(seed=1, num_classes=2)
    epsilon = {"linf": 0.04, "l2": 0.5}[norm]
    exact = exactly_robust(bed, norm=norm, epsilon=epsilon)
    assert 0.2 < exact.mean() < 0.95
    result = attacks.make("apgd_ce", norm=norm, epsilon=epsilon)(bed, bed.images, bed.labels)
    np.testing.assert_array_equal(~result.success, exact)


def test_cross_entropy_is_no_weaker_than_pgd_50():
    bed = make_bed(seed=1)
    pgd = attacks.make("pgd", epsilon=0.006, num_steps=50, objective="ce")(bed, bed.images, bed.labels)
    apgd = attacks.make("apgd_ce", epsilon=0.006)(bed, bed.images, bed.labels)
    np.testing.assert_array_equal(apgd.success, pgd.success)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1", "l1 schedule"])
def test_the_best_iterate_equals_a_second_implementation_in_numpy(norm):
    """All iterates enter into the last: one wrong step or checkpoint shows here."""
    norm, scheduled = norm.split()[0], "schedule" in norm
    epsilon = {"linf": 0.1, "l2": 0.8, "l1": 3.0}[norm]
    model, images = small_model(), small_images(6)
    labels = predictions(model, images)
    settings = {"norm": norm, "epsilon": epsilon, "num_steps": 40, "radius_schedule": scheduled}
    result = attacks.make("apgd_ce", best_loss=True, **settings)(model, images, labels, seed=4)

    rule = (
        SparseRule(tf.constant(images), epsilon=epsilon, num_steps=40)
        if norm == "l1"
        else MomentumRule(tf.constant(images), norm=norm, epsilon=epsilon, num_steps=40)
    )
    starts = rule.start(tf.range(6), seed=4, stream=0)
    starts = (starts if scheduled else rule.enter(starts)).numpy()

    @tf.function
    def evaluate(point, label):
        with tf.GradientTape() as tape:
            tape.watch(point)
            logits = model(point, training=False)
            value = ce(Scores(logits), label)
        return value, tape.gradient(value, point)

    for image, label, start, best in zip(images, labels, starts, result.adversarial, strict=True):

        def ask(point, label=label):
            value, gradient = evaluate(tf.constant(point[None], tf.float32), tf.constant(label[None]))
            return float(value[0]), gradient.numpy()[0].astype(float)

        x, start = image.astype(float), start.astype(float)
        common = {"epsilon": epsilon, "num_steps": 40}
        if scheduled:
            other = apgd_by_hand.climb_with_schedule(ask, x, start, **common)
        elif norm == "l1":
            other = apgd_by_hand.climb_l1(ask, x, start, given=False, **common)
        else:
            other = apgd_by_hand.climb(ask, x, start, norm=norm, **common)
        # Rounding is not amplified much as long as all decisions are the same.
        np.testing.assert_allclose(best, other, atol=2e-4)


def test_passes_are_counted():
    """An example that stays robust costs one evaluation more than there are steps, per stage and run."""
    bed = make_bed(size=8)

    def queries(name, norm, **settings):
        attack = attacks.make(name, norm=norm, epsilon=1e-5, num_steps=20, **settings)
        result = attack(bed, bed.images, bed.labels)
        assert not result.success.any()
        np.testing.assert_array_equal(result.adversarial, bed.images)
        assert result.backward_passes == result.queries.sum()
        assert (result.queries == result.queries[0]).all()
        return result.queries[0]

    assert queries("apgd_ce", "linf") == 1 + 21
    assert queries("apgd_ce", "l1") == 1 + 23
    assert queries("apgd_dlr", "l2", num_restarts=3, eot_iterations=4) == 4 + 3 * 21 * 4
    assert queries("apgd_t", "l2", num_targets=3, num_restarts=2) == 1 + 6 * 21
    assert queries("apgd_t", "l2", num_targets=50) == 1 + 9 * 21


def test_best_loss_climbs_highest():
    """More runs only raise the objective, and it is at least that of the misclassified iterate."""
    model, images = small_model(), small_images()
    labels = predictions(model, images)

    def values(**settings):
        attack = attacks.make("apgd_dlr", norm="l2", epsilon=0.5, num_steps=10, **settings)
        result = attack(model, images, labels)
        return dlr(Scores(model(result.adversarial)), tf.constant(labels)).numpy()

    one, three = values(best_loss=True), values(best_loss=True, num_restarts=3)
    assert (three >= one - 1e-6).all()
    assert (three > one + 1e-6).any()
    assert (one >= values() - 1e-5).all()
    assert one.mean() > values().mean() + 0.1


def test_the_last_misclassified_iterate():
    """`last` goes on after a success and may not lose it."""
    model, images = small_model(), small_images()
    labels = predictions(model, images)
    settings = {"norm": "l2", "epsilon": 0.5, "num_steps": 10}
    first = attacks.make("apgd_dlr", **settings)(model, images, labels)
    last = attacks.make("apgd_dlr", iterate="last", **settings)(model, images, labels)
    assert 0 < first.success.mean() < 1
    np.testing.assert_array_equal(last.success, first.success)
    assert (last.queries == 12).all()
    assert (first.queries[first.success] < 12).any()
    assert (np.abs(last.adversarial - first.adversarial).max(axis=(1, 2, 3)) > 0)[first.success].any()


def test_restarts_run_on_unbroken_examples_only():
    model, images = small_model(), small_images()
    labels = predictions(model, images)
    one, three = (
        attacks.make("apgd_ce", norm="l2", epsilon=0.3, num_steps=5, num_restarts=runs)(model, images, labels)
        for runs in (1, 3)
    )
    assert 0 < one.success.mean() < 1
    np.testing.assert_array_equal(three.queries[one.success], one.queries[one.success])
    np.testing.assert_array_equal(three.adversarial[one.success], one.adversarial[one.success])
    assert (three.queries[~three.success] == 1 + 3 * 6).all()


def test_the_mean_of_equal_gradients_changes_nothing():
    bed = make_bed(size=24)
    settings = {"norm": "l2", "epsilon": RADII["l2"], "num_steps": 10}
    one = attacks.make("apgd_dlr", **settings)(bed, bed.images, bed.labels)
    two = attacks.make("apgd_dlr", eot_iterations=2, **settings)(bed, bed.images, bed.labels)
    np.testing.assert_array_equal(two.adversarial, one.adversarial)
    np.testing.assert_array_equal(two.queries, 2 * one.queries)


def test_means_of_gradients_see_through_noise():
    """A model that draws a random linear term for every image and pass."""
    bed = make_bed(size=64, num_classes=3, shape=(4, 4, 3), seed=3)

    def noisy(images):
        flat = tf.reshape(images, (-1, 48))
        noise = tf.random.normal((64, 48, 3), stddev=6.0)
        return bed(images) + tf.einsum("nd,ndl->nl", flat - tf.stop_gradient(flat), noise)

    def gradient(model, count):
        attack = attacks.make("apgd_ce", epsilon=0.1, eot_iterations=count)
        oracle = attack.oracle(model, tf.constant(bed.labels), None)
        return oracle.evaluate(tf.constant(bed.images), objective=margin).gradient.numpy().reshape(64, -1)

    exact = gradient(bed, 1)
    for count in (1, 4, 32):
        found = gradient(noisy, count)
        lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(found, axis=1)
        cosine = ((exact * found).sum(axis=1) / lengths).mean()
        # The noise has two terms of variance 36/k in each of 48 coordinates.
        ratio = 2 * 36 / count * 48 / (exact**2).sum(axis=1)
        assert cosine == pytest.approx((1 / np.sqrt(1 + ratio)).mean(), abs=0.06)


@pytest.mark.parametrize(("name", "norm"), [("apgd_ce", "linf"), ("apgd_dlr", "l2"), ("apgd_ce", "l1")])
def test_targets_are_reached(name, norm):
    bed = make_bed(size=32, num_classes=5)
    epsilon = {"linf": 0.2, "l2": 2.0, "l1": 20.0}[norm]
    attack = attacks.make(name, norm=norm, epsilon=epsilon, targeted=True, num_steps=30)
    result = attack(bed, bed.images, bed.labels)
    assert result.success.mean() >= 0.9
    np.testing.assert_array_equal(result.prediction[result.success], result.targets[result.success])


def test_classes_to_aim_at():
    scores = tf.constant([[-1e5, -2e5, -3.0, -1e5], [1.0, 4.0, 2.0, 3.0]])
    np.testing.assert_array_equal(wrong_classes(scores, tf.constant([2, 0])), [[0, 3, 1], [1, 3, 2]])
    runs = [tuple(int(value) for value in aim(tf.constant(run), tf.constant(3))) for run in range(5)]
    assert runs == [(0, 0), (1, 1), (2, 2), (0, RESTART_STRIDE), (1, RESTART_STRIDE + 1)]


def test_one_target_is_a_targeted_run_at_the_second_class():
    """APGD-T at rank 2 takes the very steps of APGD-DLR targeted at that class."""
    bed = make_bed(size=24)
    second = np.argsort(-bed.logits, axis=1)[:, 1].astype(np.int32)
    settings = {"norm": "l2", "epsilon": RADII["l2"], "num_steps": 10}
    many = attacks.make("apgd_t", num_targets=1, **settings)(bed, bed.images, bed.labels)
    one = attacks.make("apgd_dlr", targeted=True, **settings)(bed, bed.images, bed.labels, targets=second)
    np.testing.assert_array_equal(many.success, one.misclassified)
    both = one.success & many.success
    assert both.any()
    np.testing.assert_array_equal(many.adversarial[both], one.adversarial[both])


@pytest.mark.parametrize("name", ["apgd_ce", "apgd_t"])
def test_for_training(name):
    """`perturb`: without a clean evaluation, inside a graph, with an overriding radius."""
    bed = make_bed(size=8)
    attack = attacks.make(name, norm="linf", epsilon=0.5, num_steps=3)

    @tf.function
    def craft(epsilon):
        return attack.perturb(
            bed, tf.constant(bed.images), tf.constant(bed.labels), indices=tf.range(8), epsilon=epsilon
        )

    moved = np.abs(craft(tf.constant(0.02)).numpy() - bed.images).max(axis=(1, 2, 3))
    assert moved.max() <= 0.02 + 1e-7
    assert (moved > 0.01).any()


def test_settings_and_defaults():
    for norm, count in (("linf", 9), ("l2", 9), ("l1", 5)):
        assert attacks.make("apgd_t", norm=norm, epsilon=0.1).settings()["num_targets"] == count
    settings = attacks.make("apgd_ce", epsilon=0.1).settings()
    assert (settings["num_steps"], settings["num_restarts"], settings["eot_iterations"]) == (100, 1, 1)
    assert settings["radius_schedule"]
    assert not settings["best_loss"]
    head = small_model("mmc").layers[-1]
    chosen = [
        attacks.make(name, epsilon=0.1).choose_objective(head) for name in ("apgd_ce", "apgd_dlr", "apgd_t")
    ]
    assert chosen == ["ce", "dlr", "dlr"]
    assert attacks.make("apgd_dlr", epsilon=0.1, adaptive=False).choose_objective(head) == "dlr"


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("apgd_ce", {"num_steps": -1}, "`num_steps`. Expected an integer >= 0. Received: num_steps=-1"),
        ("apgd_ce", {"num_restarts": 0}, "`num_restarts`. Expected an integer >= 1"),
        ("apgd_dlr", {"eot_iterations": 0}, "`eot_iterations`. Expected an integer >= 1"),
        ("apgd_dlr", {"best_loss": "yes"}, "`best_loss`. Expected True or False. Received: best_loss=yes"),
        ("apgd_ce", {"radius_schedule": 1}, "`radius_schedule`. Expected True or False"),
        ("apgd_ce", {"objective": "margin"}, "`objective`. Expected None: apgd_ce has its own"),
        ("apgd_t", {"num_targets": 0}, "`num_targets`. Expected an integer >= 1"),
        ("apgd_t", {"targeted": True}, "`targeted`. Expected False: apgd_t is untargeted"),
        ("apgd_t", {"norm": "l0"}, "`norm`. Expected one of linf, l2, l1"),
    ],
)
def test_bad_settings(name, settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make(name, epsilon=0.1, **settings)


@pytest.mark.parametrize(
    ("name", "num_classes", "targeted", "message"),
    [
        ("apgd_dlr", 2, False, "`attack`.*works with 2 classes .untargeted dlr needs 3.*apgd_dlr"),
        ("apgd_dlr", 3, True, "`attack`.*works with 3 classes .targeted dlr needs 4.*apgd_dlr"),
        ("apgd_t", 3, False, "`attack`.*works with 3 classes .targeted dlr needs 4.*apgd_t"),
    ],
)
def test_models_with_too_few_classes(name, num_classes, targeted, message):
    bed = make_bed(size=4, num_classes=num_classes)
    with pytest.raises(UserError, match=message):
        attacks.make(name, epsilon=0.1, targeted=targeted)(bed, bed.images, bed.labels)
