"""SPSA: the law of its estimates, its update, its stops, and exact answers (specification, Section 11)."""

from __future__ import annotations

import doctest
import os

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from small_models import predictions, small_images, small_model

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exactly_robust, make_bed
from mmc_tf.attacks import spsa
from mmc_tf.attacks.rademacher import BLOCK, rademacher
from mmc_tf.attacks.row_oracle import RowOracle
from mmc_tf.checks import UserError
from mmc_tf.classifier.look import LOOKED_AT

BED = make_bed(shape=(6, 6, 2), size=24, num_classes=4)
EPSILON = 0.006


def signs(indices, blocks, *, shape=(2, 3, 1), count=BLOCK, seed=0, stream=1):
    return rademacher(
        shape, tf.constant(indices), tf.constant(blocks), count=count, seed=seed, stream=stream
    ).numpy()


def linear_bed(**settings):
    """Two classes: the margin of class 1 over class 0 is linear."""
    return make_bed(num_classes=2, **settings)


def estimates(bed, samples, *, indices=None, stream=1, delta=0.01, max_images=4096, rows=None):
    size = len(bed.images)

    @tf.function(autograph=False)
    def compute(images):
        oracle = RowOracle(bed, tf.zeros(size, tf.int32), None, choose_objective=lambda head: "margin")
        return spsa.estimate_gradient(
            oracle,
            images,
            tf.range(size) if rows is None else tf.constant(rows),
            indices=tf.range(size) if indices is None else tf.constant(indices),
            seed=0,
            stream=stream,
            delta=delta,
            samples=samples,
            max_images=max_images,
        )

    return compute(tf.constant(bed.images)).numpy()


def gradient(bed):
    return (bed.kernel[:, 1] - bed.kernel[:, 0]).reshape(bed.images.shape[1:]).astype(np.float64)


def test_docstring_examples():
    outcome = doctest.testmod(spsa)
    assert (outcome.attempted > 0, outcome.failed) == (True, 0)


def test_signs_are_fair_and_independent():
    drawn = signs(list(range(100)), [0] * 100)
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    vectors = drawn.reshape(-1, 6)
    assert abs(vectors.mean()) < 4 / np.sqrt(vectors.size)
    assert stats.chisquare(np.bincount((vectors > 0) @ 2 ** np.arange(6), minlength=64)).pvalue > 1e-3
    # Among the bits of one integer, too.
    together = np.corrcoef(drawn.transpose(1, 0, 2, 3, 4).reshape(BLOCK, -1))
    assert np.abs(together[~np.eye(BLOCK, dtype=bool)]).max() < 5.5 / np.sqrt(600)


def test_signs_depend_on_example_stream_and_block_alone():
    plain = signs([3, 5, 3], [0, 0, 1])
    np.testing.assert_array_equal(signs([3, 3], [1, 0]), plain[[2, 0]])
    np.testing.assert_array_equal(signs([5], [0], count=7), plain[1:2, :7])
    others = [signs([3], [2]), signs([3], [0], seed=1), signs([3], [0], stream=2), signs([4], [0])]
    for other in (*others, plain[1:2], plain[2:3]):
        assert 0.3 < (other != plain[:1]).mean() < 0.7


@pytest.mark.parametrize("samples", [128, 4096])
def test_the_cosine_law(samples):
    bed = linear_bed(size=20 if samples > 1000 else 100)
    found = estimates(bed, samples).reshape(len(bed.images), -1)
    true = gradient(bed).ravel()
    cosines = found @ true / np.linalg.norm(found, axis=1) / np.linalg.norm(true)
    assert cosines.mean() == pytest.approx(1 / np.sqrt(1 + 191 / (samples / 2)), abs=0.02)


def test_estimates_have_no_bias():
    bed = linear_bed(size=200)
    found = estimates(bed, 64).reshape(200, -1)
    standard_error = found.std(axis=0, ddof=1) / np.sqrt(200)
    score = (found.mean(axis=0) - gradient(bed).ravel()) / standard_error
    assert np.mean(np.abs(score) <= 3) >= 0.985
    assert abs(score.mean()) < 3 / np.sqrt(192)
    assert np.abs(score).max() < 4.5


@pytest.mark.parametrize("samples", [2, 6, 128, 200, 258])
def test_the_estimate_is_its_formula(samples):
    """Also where the last block of pairs is not full: 100 pairs in 2 blocks of 50, 129 in 3 of 43."""
    bed = linear_bed(shape=(2, 3, 1), size=3)
    pairs = samples // 2
    blocks = -(-pairs // BLOCK)
    width = -(-pairs // blocks)
    found = estimates(bed, samples, indices=[7, 0, 9], stream=4, delta=0.25, max_images=128)
    for row, index in enumerate([7, 0, 9]):
        drawn = signs([index] * blocks, list(range(blocks)), count=width, stream=4).reshape(-1, 6)[:pairs]
        rises = 2 * 0.25 * drawn @ gradient(bed).ravel()
        expected = (rises[:, None] * drawn / 0.25).sum(axis=0) / samples
        np.testing.assert_allclose(found[row].ravel(), expected, rtol=2e-4, atol=2e-4)


def test_only_the_rows_asked_for_are_estimated():
    bed = linear_bed(shape=(2, 3, 1), size=4)
    everything, some = estimates(bed, 32), estimates(bed, 32, rows=[3, 1])
    np.testing.assert_allclose(some[[1, 3]], everything[[1, 3]], rtol=1e-5)
    assert not some[[0, 2]].any()


@pytest.mark.filterwarnings("ignore:PROBABILITIES")
def test_values_that_are_not_finite_count_as_no_difference():
    def broken(x):
        flat = tf.reshape(x, (-1, 6))
        return tf.concat([flat[:, :1] * 0, tf.where(flat[:, :1] > 0.5, np.inf, flat[:, :1])], axis=1)

    image = np.full((1, 2, 3, 1), 0.3, np.float32)
    result = attacks.make("spsa", epsilon=0.6, delta=0.3, num_steps=2)(broken, image, np.array([1]))
    assert np.isfinite(result.adversarial).all()


def test_adam_is_kingma_and_ba():
    generator = np.random.default_rng(0)
    moments, expected = (tf.zeros((2, 3)), tf.zeros((2, 3))), [np.zeros((2, 3)), np.zeros((2, 3))]
    for step in range(1, 6):
        values = generator.normal(size=(2, 3))
        direction, moments = spsa.adam(tf.constant(values, tf.float32), moments, tf.constant(step))
        expected = [0.9 * expected[0] + 0.1 * values, 0.999 * expected[1] + 0.001 * values**2]
        corrected = expected[0] / (1 - 0.9**step), np.sqrt(expected[1] / (1 - 0.999**step)) + 1e-9
        np.testing.assert_allclose(direction, corrected[0] / corrected[1], rtol=2e-5)
        if step == 1:
            np.testing.assert_allclose(direction, np.sign(values), rtol=2e-5)


def test_a_flat_model_moves_nothing():
    def flat(x):
        return tf.tile([[3.0, 0.0]], [tf.shape(x)[0], 1])

    images, labels = small_images(3), np.zeros(3, np.int32)
    start = attacks.make("spsa", epsilon=0.1, num_steps=0)(flat, images, labels)
    result = attacks.make("spsa", epsilon=0.1)(flat, images, labels)
    np.testing.assert_array_equal(result.adversarial, start.adversarial)
    assert start.distance.min() > 0.09
    still = attacks.make("spsa", epsilon=0.1, random_start=False)(flat, images, labels)
    np.testing.assert_array_equal(still.adversarial, images)


def test_results_do_not_depend_on_the_size_of_a_pass():
    kept = attacks.make("spsa", epsilon=0.05, samples=300, num_steps=3, iterate="last")
    small = attacks.make("spsa", epsilon=0.05, samples=300, num_steps=3, iterate="last", max_images=128)
    one, other = (attack(BED, BED.images, BED.labels) for attack in (kept, small))
    np.testing.assert_allclose(other.adversarial, one.adversarial, atol=5e-5)
    np.testing.assert_array_equal(other.success, one.success)


def test_a_pass_is_no_larger_than_asked_for():
    sizes = []

    def measured(x):
        def note(size):
            sizes.append(int(size))
            return size

        tf.py_function(note, [tf.shape(x)[0]], tf.int32)
        return BED(x)

    attack = attacks.make("spsa", epsilon=0.05, samples=600, num_steps=1, max_images=256, iterate="last")
    result = attack(measured, BED.images, BED.labels)
    assert max(sizes) <= 256
    # On the first call also three eager passes over a few images, one of them larger by one, and three of the graph.
    assert sum(sizes) - 6 * LOOKED_AT - 1 == result.forward_passes == 24 * (600 + 2)


def test_a_pass_fits_the_cache_of_the_cores(monkeypatch):
    cores = len(os.sched_getaffinity(0))
    assert spsa.pass_size(128) == 128
    assert spsa.pass_size(10**6) == 256 * cores
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5, 7})
    assert spsa.pass_size(10**6) == 768
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["one"])
    assert spsa.pass_size(10**6) == 10**6


def test_counts():
    settings = {"epsilon": 1e-6, "samples": 20, "num_steps": 3}
    every = attacks.make("spsa", **settings)(BED, BED.images, BED.labels)
    assert not every.success.any()
    # The clean image, the start, and after each step's 20 the new iterate.
    assert (every.queries == 1 + 1 + 3 * 21).all()
    assert every.backward_passes == 0
    last = attacks.make("spsa", iterate="last", **settings)(BED, BED.images, BED.labels)
    assert (last.queries == 1 + 3 * 20).all()
    np.testing.assert_array_equal(last.adversarial, every.adversarial)


@pytest.mark.parametrize("threshold", [0.0, -0.5])
def test_a_threshold_freezes_an_example(threshold):
    """Zero is a threshold as any other."""
    settings = {"epsilon": 0.1, "samples": 64, "iterate": "last", "learning_rate": 0.005}
    stopped = attacks.make("spsa", num_steps=20, stop_threshold=threshold, **settings)(
        BED, BED.images, BED.labels
    )
    steps = (stopped.queries - 1) // 65
    assert (stopped.queries == 1 + 65 * steps).all()
    assert len(set(steps)) > 3
    for count in sorted(set(steps) - {20})[:4]:
        frozen = steps == count
        free = attacks.make("spsa", num_steps=int(count), **settings)(BED, BED.images, BED.labels)
        np.testing.assert_allclose(stopped.adversarial[frozen], free.adversarial[frozen], atol=1e-5)
        values = margins(free.adversarial[frozen], frozen)
        assert (values > -threshold).all()
        before = attacks.make("spsa", num_steps=int(count) - 1, **settings)(BED, BED.images, BED.labels)
        assert (margins(before.adversarial[frozen], frozen) <= -threshold + 1e-4).all()


def margins(images, rows):
    logits = images.reshape(len(images), -1).astype(np.float64) @ BED.kernel + BED.bias
    own = logits[np.arange(len(logits)), BED.labels[rows]]
    logits[np.arange(len(logits)), BED.labels[rows]] = -np.inf
    return logits.max(axis=1) - own


def test_linear_bed_against_pgd_and_the_exact_answer():
    bed = make_bed()
    exact = exactly_robust(bed, norm="linf", epsilon=EPSILON)
    pgd = attacks.make("pgd", epsilon=EPSILON, objective="margin")(bed, bed.images, bed.labels)
    robust = []
    for samples in (32, 128, 1024):
        result = attacks.make("spsa", epsilon=EPSILON, samples=samples)(bed, bed.images, bed.labels)
        assert not (result.success & exact).any()
        robust.append((~result.success).mean())
    assert robust == sorted(robust, reverse=True)
    assert min(robust) >= (~pgd.success).mean() - 0.01
    assert robust[0] > robust[-1]
    assert robust[-1] <= exact.mean() + 0.02


def test_logits_of_mmc_size_change_nothing():
    factor = tf.Variable(1.0)
    bed = make_bed(factor=factor)
    attack = attacks.make("spsa", epsilon=EPSILON)
    plain = attack(bed, bed.images, bed.labels)
    factor.assign(3000.0)
    steep = attack(bed, bed.images, bed.labels)
    assert abs(steep.success.mean() - plain.success.mean()) <= 0.008
    assert plain.success.mean() > 0.1


def test_enough_steps_cross_the_whole_box():
    attack = attacks.make("spsa", epsilon=1.0, learning_rate=0.3, samples=128)
    assert attack(BED, BED.images, BED.labels).success.all()


def test_models_without_gradient():
    def steps(x):
        return tf.round(20 * BED(x)) / 20

    def foreign(x):
        logits = tf.numpy_function(lambda values: BED(values).numpy(), [x], tf.float32)
        logits.set_shape((None, 4))
        return logits

    with pytest.raises(UserError, match="gradient-free"):
        attacks.make("pgd", epsilon=0.08)(foreign, BED.images, BED.labels)
    attack = attacks.make("spsa", epsilon=0.08, num_steps=8, samples=64)
    plain = attack(BED, BED.images, BED.labels)
    np.testing.assert_array_equal(attack(foreign, BED.images, BED.labels).success, plain.success)
    labels = predictions(steps, BED.images)
    assert attack(steps, BED.images, labels).success.mean() >= plain.success.mean() - 0.1 > 0.2


@pytest.mark.parametrize(
    ("head", "expected"), [("dense", "margin"), ("mmc", "mmc_margin"), ("mmlda", "mmc_margin")]
)
def test_the_objective_that_fits_the_head(head, expected):
    layer = small_model(head).layers[-1]
    attack = attacks.make("spsa", epsilon=0.1)
    assert attack.choose_objective(layer) == expected
    assert attack.choose_objective(None) == "margin"
    assert attacks.make("spsa", epsilon=0.1, adaptive=False).choose_objective(layer) == "margin"


def test_the_published_objective_on_a_head_with_centers():
    model, images = small_model("mmc"), small_images()
    labels = predictions(model, images)
    broken = {
        objective: attacks.make("spsa", epsilon=0.08, objective=objective)(model, images, labels).success
        for objective in ("mmc", "mmc_margin", "margin")
    }
    np.testing.assert_array_equal(broken["mmc_margin"], broken["margin"])
    assert broken["mmc"].any()
    with pytest.raises(UserError, match="without MM centers"):
        attacks.make("spsa", epsilon=0.08, objective="mmc")(BED, BED.images, BED.labels)


def test_use_in_training():
    model, images = small_model("dense"), small_images()
    labels = predictions(model, images)
    attack = attacks.make("spsa", epsilon=0.08, num_steps=2, samples=16, iterate="last")

    @tf.function(autograph=False)
    def craft(images, labels):
        return attack.perturb(model, images, labels, indices=tf.range(24), seed=0)

    np.testing.assert_allclose(
        craft(tf.constant(images), tf.constant(labels)),
        attack(model, images, labels).adversarial,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 127}, r"`samples`.*an even number.*samples=127"),
        ({"samples": 0}, r"`samples`.*an integer >= 2"),
        ({"samples": 2.0}, r"`samples`.*an integer"),
        ({"delta": 0.0}, r"`delta`.*> 0"),
        ({"learning_rate": 0}, r"`learning_rate`.*> 0"),
        ({"num_steps": -1}, r"`num_steps`.*>= 0"),
        ({"stop_threshold": "none"}, r"`stop_threshold`.*a number"),
        ({"max_images": 64}, r"`max_images`.*>= 128"),
        ({"norm": "l2"}, r"`norm`.*one of linf"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make("spsa", epsilon=0.1, **settings)
