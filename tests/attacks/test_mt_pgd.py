"""Multi-targeted margin PGD (specification, Section 17)."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from small_models import predictions, small_images, small_model

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exactly_robust, make_bed
from mmc_tf.attacks.mt_pgd import lead
from mmc_tf.attacks.objectives import margin
from mmc_tf.checks import UserError
from mmc_tf.classifier import Scores

RADII = {"linf": 0.006, "l2": 0.07}


@pytest.mark.parametrize("norm", list(RADII))
def test_linear_bed_is_exact(norm):
    bed = make_bed(seed=2)
    exact = exactly_robust(bed, norm=norm, epsilon=RADII[norm])
    result = attacks.make("mt_pgd", norm=norm, epsilon=RADII[norm])(bed, bed.images, bed.labels)
    assert 0.5 < exact.mean() < 0.9
    np.testing.assert_array_equal(~result.success, exact)


def test_logits_of_mmc_size_change_nothing():
    factor = tf.Variable(1.0)
    bed = make_bed(seed=2, factor=factor)
    attack = attacks.make("mt_pgd", epsilon=RADII["linf"], num_steps=20)
    plain = attack(bed, bed.images, bed.labels)
    factor.assign(3000.0)
    steep = attack(bed, bed.images, bed.labels)
    np.testing.assert_array_equal(steep.success, plain.success)
    assert not steep.zero_gradient.any()


def test_steps_shrink_after_half_of_them():
    """From any start, a linear model's pixel moves by a for 3 steps of 5 and by a/5 for 2."""
    kernel = np.array([[0.0, 1.0]], np.float32)

    def model(images):
        return tf.reshape(images, (-1, 1)) @ kernel + [100.0, 0.0]

    images = np.full((1, 1, 1, 1), 0.2, np.float32)
    labels = np.zeros(1, np.int32)

    def reached(steps):
        attack = attacks.make("mt_pgd", epsilon=0.5, step_size=0.01, num_steps=steps)
        return float(attack(model, images, labels, seed=3).adversarial[0, 0, 0, 0])

    path = np.diff([reached(steps) for steps in (0, 1)])
    np.testing.assert_allclose(path, 0.01, rtol=1e-4)
    assert reached(5) - reached(0) == pytest.approx(3 * 0.01 + 2 * 0.002, rel=1e-4)
    assert reached(4) - reached(0) == pytest.approx(2 * 0.01 + 2 * 0.002, rel=1e-4)


def test_passes_are_counted():
    bed = make_bed(size=8, num_classes=6)

    def result(**settings):
        return attacks.make("mt_pgd", epsilon=1e-5, num_steps=4, **settings)(bed, bed.images, bed.labels)

    for settings, runs in (
        ({}, 5),
        ({"num_targets": 2}, 2),
        ({"num_targets": 99}, 5),
        ({"num_targets": 3, "num_restarts": 2}, 6),
    ):
        outcome = result(**settings)
        assert not outcome.success.any()
        assert (outcome.queries == 1 + 5 * runs).all()  # four steps, and a look at the last iterate
        assert outcome.backward_passes == 8 * (1 + 4 * runs)


def test_many_classes_are_cut_to_the_highest_20():
    bed = make_bed(size=4, num_classes=30)
    outcome = attacks.make("mt_pgd", epsilon=1e-5, num_steps=1)(bed, bed.images, bed.labels)
    assert (outcome.queries == 1 + 2 * 20).all()


def test_the_target_that_works_is_tried():
    """Broken through exactly one class, of the least clean score: only the last run finds it."""
    kernel = np.array([[0, 0, 0, 0], [0, 0, 0, 1]], np.float32)
    bias = np.array([3, 2.9, 2.8, 2.5], np.float32)

    def model(images):
        return tf.reshape(images, (-1, 2)) @ kernel + bias

    images = np.zeros((1, 2, 1, 1), np.float32)
    labels = np.zeros(1, np.int32)
    found = [
        attacks.make("mt_pgd", epsilon=0.9, num_targets=k, num_steps=8, iterate="last")(model, images, labels)
        for k in (2, 3)
    ]
    assert [bool(result.success[0]) for result in found][1]
    assert found[1].prediction[0] == 3


def test_no_weaker_than_the_untargeted_margin_on_an_mmc_head():
    model, images = small_model("mmc"), small_images(48)
    labels = predictions(model, images)
    many = attacks.make("mt_pgd", epsilon=0.03, num_steps=20)(model, images, labels)
    one = attacks.make("pgd", epsilon=0.03, num_steps=20, objective="mmc_margin")(model, images, labels)
    assert 0 < many.success.mean() < 1
    assert many.success.mean() >= one.success.mean()


def test_tar1_pulls_to_the_centers():
    model, images = small_model("mmc"), small_images(48)
    labels = predictions(model, images)
    pull = attacks.make("mt_pgd", epsilon=0.03, num_steps=20, variant="tar1")
    many = attacks.make("mt_pgd", epsilon=0.03, num_steps=20)(model, images, labels)
    diagnostic = pull(model, images, labels)
    assert 0 < diagnostic.success.mean() <= many.success.mean()
    assert (diagnostic.adversarial != many.adversarial).any()
    assert pull.choose_objective(model.layers[-1]) == "mmc"

    dense = small_model("dense")
    with pytest.raises(
        UserError, match=r"`variant`. Expected margin for a model whose head has no MM centers"
    ):
        pull(dense, images, predictions(dense, images))


def test_objective_by_numbers():
    """Twice tar2: C = 2, L = 3, z = (.5, .25), y = 0, t = 2."""
    z, centers = np.array([0.5, 0.25]), np.array([[2, 0], [-1, 3**0.5], [-1, -(3**0.5)]])
    scores = Scores(tf.constant((2 * z @ centers.T - (centers**2).sum(axis=1))[None], tf.float32))
    value = lead(scores, tf.constant([0]), tf.constant([2])).numpy()[0]
    assert value == pytest.approx(2 * -1.9330127, abs=1e-5)
    best = max(lead(scores, tf.constant([0]), tf.constant([t])).numpy()[0] for t in (1, 2))
    assert best == pytest.approx(margin(scores, tf.constant([0])).numpy()[0])


def test_more_targets_and_restarts_leave_earlier_runs_alone():
    model, images = small_model(), small_images(48)
    labels = predictions(model, images)

    def broken(**settings):
        attack = attacks.make("mt_pgd", norm="l2", epsilon=0.15, num_steps=3, **settings)
        return attack(model, images, labels)

    few = broken(num_targets=1)
    for more in (broken(num_targets=3), broken(num_targets=1, num_restarts=3)):
        np.testing.assert_array_equal(more.adversarial[few.success], few.adversarial[few.success])
        assert (more.success >= few.success).all()
        np.testing.assert_array_equal(more.queries[few.success], few.queries[few.success])
    assert 0 < few.success.mean() < 1


def test_for_training():
    bed = make_bed(size=8)
    attack = attacks.make("mt_pgd", epsilon=0.02, num_steps=3, iterate="last")
    moved = attack.perturb(bed, bed.images, bed.labels, indices=tf.range(8)).numpy() - bed.images
    assert 0.01 < np.abs(moved).max() <= 0.02 + 1e-7


def test_settings_and_defaults():
    settings = attacks.make("mt_pgd", epsilon=0.04).settings()
    assert settings["step_size"] == pytest.approx(0.01)
    assert (settings["num_steps"], settings["num_restarts"], settings["num_targets"]) == (100, 1, 20)
    head = small_model("mmc").layers[-1]
    assert attacks.make("mt_pgd", epsilon=0.04, adaptive=False).choose_objective(head) == "margin"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_steps": -1}, "`num_steps`. Expected an integer >= 0"),
        ({"step_size": 0}, "`step_size`. Expected a number > 0"),
        ({"num_restarts": 0}, "`num_restarts`. Expected an integer >= 1"),
        ({"num_targets": 0}, "`num_targets`. Expected an integer >= 1"),
        ({"variant": "tar2"}, "`variant`. Expected one of margin, tar1. Received: variant=tar2"),
        ({"objective": "ce"}, "`objective`. Expected None: mt_pgd has its own"),
        ({"targeted": True}, "`targeted`. Expected False: mt_pgd is untargeted"),
        ({"norm": "l1"}, "`norm`. Expected one of linf, l2 for the attack mt_pgd"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make("mt_pgd", epsilon=0.1, **settings)
