"""One run: where it starts, what it climbs, and whom its images fool."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks import PGD
from mmc_tf.classifier import Classifier
from mmc_tf.evaluation.mma.runs import SpherePGD, craft, judge, plan_runs, seed_of, within
from mmc_tf.evaluation.mma.settings import make_protocol

MMC_HEAD = SimpleNamespace(has_centers=True, adaptive_objective="mmc")


def test_the_runs_on_a_network():
    protocol = make_protocol("mnist", runs_per_model=3)
    runs = plan_runs(protocol, None, is_vote=False)
    assert [run.objective for run in runs] == ["ce", "cw", "ce"]
    settings = {name: runs[0].settings()[name] for name in ("epsilon", "step_size", "num_steps", "iterate")}
    assert settings == {
        "epsilon": 0.1,
        "step_size": pytest.approx(0.0025),
        "num_steps": 100,
        "iterate": "last",
    }
    other = within(runs[0], protocol, 0.3)
    assert (other.epsilon, other.step_size) == (0.3, pytest.approx(0.0075))
    assert other.static_key() == runs[0].static_key()


def test_cross_entropy_gives_way_to_what_the_head_says():
    protocol = make_protocol("mnist", runs_per_model=2)
    assert [run.objective for run in plan_runs(protocol, MMC_HEAD, is_vote=False)] == ["mmc", "cw"]
    naive = dataclasses.replace(protocol, adaptive=False)
    assert [run.objective for run in plan_runs(naive, MMC_HEAD, is_vote=False)] == ["ce", "cw"]


def test_an_ensemble_is_attacked_by_both_strategies_with_both_signs():
    runs = plan_runs(make_protocol("mnist", runs_per_model=2), None, is_vote=True)
    assert [run.strategy for run in runs] == ["ce", "cw", "away", "away", "towards", "towards"]
    assert {run.iterate for run in runs} == {"last"}


def test_runs_start_elsewhere_and_networks_at_the_same_points():
    seeds = [seed_of(0, number) for number in range(50)]
    assert len(set(seeds)) == 50
    assert seeds != [seed_of(1, number) for number in range(50)]
    assert max(seeds) < 2**32


def starts(norm, shape=(20, 6, 6, 2), epsilon=0.3):
    run = SpherePGD(epsilon=epsilon, norm=norm)
    images = tf.fill(shape, 0.5)
    arguments = {"seed": tf.constant(3, tf.int64), "restart": tf.constant(0)}
    points = run.start(images, indices=tf.range(20), tunables={"epsilon": tf.constant(epsilon)}, **arguments)
    return (points - images).numpy().reshape(20, -1)


def test_l2_starts_lie_on_the_sphere_and_linf_starts_in_the_ball():
    np.testing.assert_allclose(np.linalg.norm(starts("l2"), axis=1), 0.3, rtol=1e-5)
    distances = np.abs(starts("linf")).max(axis=1)
    assert (distances < 0.3).all()
    assert distances.mean() > 0.29


def test_last_iterates_are_those_of_pgd_and_misclassified_images_are_attacked_too(linear, digits):
    images, labels = digits.test.as_float()[:40], digits.test.labels[:40].copy()
    labels[:10] = (labels[:10] + 1) % 10
    run = SpherePGD(epsilon=0.1, objective="ce", iterate="last", num_steps=5)
    how = {"indices": np.arange(40), "seed": 7}
    active = np.arange(40) % 4 != 3
    crafted = craft(run, Classifier.of(linear).crafting(), images, labels, active=active, **how)
    np.testing.assert_array_equal(crafted[~active], images[~active])
    assert (np.abs(crafted - images).max(axis=(1, 2, 3))[active] > 0.09).all()
    plain = PGD(epsilon=0.1, objective="ce", iterate="last", num_steps=5)
    expected = plain.perturb(linear, images, labels, **how).numpy()
    np.testing.assert_allclose(crafted[active], expected[active], atol=1e-6)


def test_a_run_that_is_judged_on_its_network_is_the_white_box_attack(linear, digits):
    images, labels = digits.test.as_float()[:60], digits.test.labels[:60]
    run = SpherePGD(epsilon=0.1, objective="cw", iterate="last", num_steps=10)
    how = {"indices": np.arange(60), "seed": 7}
    crafted = craft(run, Classifier.of(linear).crafting(), images, labels, active=np.ones(60, bool), **how)
    (fooled,) = judge([linear], crafted, images, labels, norm="linf", epsilon=0.1)
    result = run(linear, images, labels, **how)
    np.testing.assert_array_equal(fooled, result.misclassified)
    assert 0 < fooled.mean() < 1


def test_only_valid_images_count(linear, digits):
    images, labels = digits.test.as_float()[:4], digits.test.labels[:4]
    others = digits.test.as_float()[4:40]
    wrong = [np.flatnonzero(digits.test.labels[4:40] != label)[0] for label in labels]
    crafted = others[wrong].copy()  # classified as another label, but far away
    far = judge([linear], crafted, images, labels, norm="linf", epsilon=1.0)
    near = judge([linear], crafted, images, labels, norm="linf", epsilon=0.5)
    assert far.any()
    assert not near.any()
    crafted[0, 0, 0, 0], crafted[1, 0, 0, 0] = np.nan, 1.5
    assert not judge([linear], crafted, images, labels, norm="linf", epsilon=9.0)[0, :2].any()
