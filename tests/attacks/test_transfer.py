"""Transfer: crafted on one network, judged on another."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from small_models import predictions, small_images, small_model

from mmc_tf import attacks
from mmc_tf.acceptance.linear import make_bed
from mmc_tf.attacks import Source
from mmc_tf.checks import UserError

IMAGES = small_images(48)
SOURCE, TARGET = small_model("dense", seed=3), small_model("dense", seed=8)


@pytest.mark.parametrize(("method", "norm"), [("pgd", "linf"), ("mim", "linf"), ("pgd", "l2")])
def test_on_the_network_itself_it_is_the_white_box_attack(method, norm):
    labels = predictions(SOURCE, IMAGES)
    settings = {"epsilon": 0.05 if norm == "linf" else 0.4, "norm": norm, "objective": "ce", "num_steps": 5}
    whitebox = attacks.make(method, iterate="last", **settings)(SOURCE, IMAGES, labels, seed=2)
    transfer = attacks.make("transfer", source=Source("itself", SOURCE), method=method, **settings)
    result = transfer(SOURCE, IMAGES, labels, seed=2)
    np.testing.assert_allclose(result.adversarial, whitebox.adversarial, atol=1e-6)
    np.testing.assert_array_equal(result.success, whitebox.success)
    assert result.success.any()


def test_verdicts_are_the_targets():
    labels = predictions(TARGET, IMAGES)
    labels[:5] = (labels[:5] + 1) % 4
    attack = attacks.make("transfer", epsilon=0.1, source=Source("other", SOURCE))
    result = attack(TARGET, IMAGES, labels)
    np.testing.assert_array_equal(result.prediction, predictions(TARGET, result.adversarial))
    np.testing.assert_array_equal(result.misclassified, result.prediction != labels)
    np.testing.assert_array_equal(result.adversarial[:5], IMAGES[:5])
    np.testing.assert_array_equal(result.source_correct, predictions(SOURCE, IMAGES) == labels)
    assert 0 < result.source_correct.mean() < 1
    assert np.abs(result.adversarial[5:] - IMAGES[5:]).max() == pytest.approx(0.1, abs=1e-6)


def test_it_climbs_what_fools_the_source_best():
    mmc = small_model("mmc")
    labels = predictions(mmc, IMAGES)
    settings = {"epsilon": 0.05, "source": Source("mmc", mmc), "num_steps": 5}
    own = attacks.make("transfer", **settings)(mmc, IMAGES, labels)
    margin = attacks.make("transfer", objective="margin", **settings)(mmc, IMAGES, labels)
    np.testing.assert_allclose(own.adversarial, margin.adversarial, atol=1e-6)
    assert attacks.make("transfer", **settings).settings()["source"] == "mmc"


def test_what_is_compiled_does_not_keep_the_source_alive():
    bed = make_bed(shape=(6, 6, 2), num_classes=4)

    def source(images):
        return bed(images)

    attack = attacks.make("transfer", epsilon=0.1, source=Source("gone", source), num_steps=2)
    attack(TARGET, IMAGES, predictions(TARGET, IMAGES))
    gone = weakref.ref(source)
    del attack, source
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: attacks.make("transfer", epsilon=0.1), r"`transfer_from`.*network to craft on"),
        (
            lambda: attacks.make("transfer", epsilon=0.1, source=Source("a", SOURCE), method="fgsm"),
            r"`method`.*mim, pgd.*fgsm",
        ),
        (
            lambda: attacks.make(
                "transfer", epsilon=0.1, source=Source("ten", make_bed(shape=(6, 6, 2), num_classes=10))
            )(TARGET, IMAGES, predictions(TARGET, IMAGES)),
            r"`transfer_from`.*4 classes.*10 classes",
        ),
        (
            lambda: attacks.make("transfer", epsilon=0.1, source=Source("a", SOURCE)).perturb(
                TARGET, IMAGES, predictions(TARGET, IMAGES), indices=np.arange(48), seed=0
            ),
            r"`attack`.*pgd on the network to craft on.*transfer",
        ),
    ],
)
def test_bad_arguments(action, message):
    with pytest.raises(UserError, match=message):
        action()
