"""Gaussian noise: its law, clipping, and the verdict on unclipped images (specification, Section 20)."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from mmc_tf import attacks
from mmc_tf.acceptance.linear import make_bed
from mmc_tf.attacks import gaussian
from mmc_tf.attacks.projections import measure
from mmc_tf.checks import UserError

BED = make_bed(shape=(6, 6, 2), size=24, num_classes=4)


def test_docstring_examples():
    outcome = doctest.testmod(gaussian)
    assert (outcome.attempted > 0, outcome.failed) == (True, 0)


def test_the_law_of_the_noise():
    """A million values about mid-grey, out of reach of the clipping."""
    bed = make_bed(size=330, low=0.5, high=0.5, shape=(32, 32, 3))
    noise = attacks.make("gaussian")(bed, bed.images, bed.labels).adversarial.astype(np.float64) - 0.5
    assert noise.size > 1e6
    assert noise.std() == pytest.approx(0.05, abs=0.0005)
    assert noise.mean() == pytest.approx(0, abs=0.0002)
    assert stats.kstest(noise.ravel()[::50] / 0.05, "norm").pvalue > 1e-3


def test_draws_belong_to_example_and_seed():
    attack = attacks.make("gaussian")
    plain = attack(BED, BED.images, BED.labels, seed=4).adversarial
    some = np.array([7, 2])
    alone = attack(BED, BED.images[some], BED.labels[some], indices=some, seed=4).adversarial
    np.testing.assert_array_equal(alone, plain[some])
    other = attack(BED, BED.images, BED.labels, seed=5).adversarial
    assert np.abs(other - plain).mean() > 0.03


def test_clipping():
    clipped, free = (
        attacks.make("gaussian", sigma=0.3, clip=clip)(BED, BED.images, BED.labels) for clip in (True, False)
    )
    assert (clipped.adversarial.min(), clipped.adversarial.max()) == (0, 1)
    np.testing.assert_array_equal(np.clip(free.adversarial, 0, 1), clipped.adversarial)
    assert free.adversarial.min() < 0
    assert free.adversarial.max() > 1
    np.testing.assert_allclose(free.distance, measure(free.adversarial - BED.images, norm="l2"), rtol=1e-5)


def test_the_verdict_on_unclipped_images_is_the_prediction():
    result = attacks.make("gaussian", sigma=0.3, clip=False)(BED, BED.images, BED.labels)
    logits = result.adversarial.reshape(24, -1).astype(np.float64) @ BED.kernel + BED.bias
    wrong = logits.argmax(axis=1) != BED.labels
    assert 0 < wrong.mean() < 1
    for verdict in (result.success, result.misclassified, result.found):
        np.testing.assert_array_equal(verdict, wrong)
    assert result.forward_passes == 2 * 24


def test_an_answer_that_is_not_finite_is_wrong():
    def fragile(x):
        outside = tf.reduce_any((x < 0) | (x > 1), axis=[1, 2, 3])
        return tf.where(outside[:, None], np.nan, BED(x))

    result = attacks.make("gaussian", sigma=0.3, clip=False)(fragile, BED.images, BED.labels)
    assert result.success.all()  # no noisy image stays within [0, 1]
    np.testing.assert_array_equal(result.prediction, -1)


def test_no_noise_changes_nothing():
    result = attacks.make("gaussian", sigma=0.0)(BED, BED.images, BED.labels)
    np.testing.assert_array_equal(result.adversarial, BED.images)
    assert not result.success.any()
    assert (result.queries == 1).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma": -0.1}, r"`sigma`.*>= 0"),
        ({"epsilon": 0.1}, r"`epsilon`.*None: gaussian has no radius.*epsilon=0.1"),
        ({"norm": "linf"}, r"`norm`.*one of l2"),
        ({"targeted": True}, r"`targeted`.*untargeted"),
        ({"objective": "ce"}, r"`objective`.*has its own"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(UserError, match=message):
        attacks.get("gaussian")(**settings)
