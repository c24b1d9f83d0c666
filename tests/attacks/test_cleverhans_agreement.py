"""FGSM, BIM, PGD and MIM against CleverHans 4.0's own, on the same model, loss and start."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import tensorflow as tf
from small_models import predictions, small_images, small_model

from mmc_tf import attacks
from mmc_tf.attacks.starts import uniform_in_ball

ORDERS = {"linf": np.inf, "l2": 2}
RADII = {"linf": 0.1, "l2": 0.8}
SIZE = 24


def cleverhans(name):
    return importlib.import_module(f"cleverhans.tf2.attacks.{name}")


@pytest.fixture(scope="module")
def model():
    return small_model("dense")


@pytest.fixture(scope="module")
def mmc_model():
    return small_model("mmc", scale=3.0)


def reference(name, model, labels, norm, **settings):
    """CleverHans' attack on the model in evaluation mode."""
    return getattr(cleverhans(name), name)(
        lambda x: model(x, training=False),
        tf.constant(small_images(SIZE)),
        norm=ORDERS[norm],
        clip_min=0.0,
        clip_max=1.0,
        y=labels,
        sanity_checks=False,
        **settings,
    ).numpy()


def ours(name, model, labels, norm, *, targets=None, **settings):
    attack = attacks.make(
        name, norm=norm, epsilon=RADII[norm], targeted=targets is not None, iterate="last", **settings
    )
    result = attack(model, small_images(SIZE), labels, targets=targets, seed=3)
    # Every label is the prediction, so that every example is attacked.
    assert (result.clean_prediction == labels).all()
    return result.adversarial


def agree(mine, theirs, *, norm="linf"):
    assert np.abs(theirs - small_images(SIZE)).max() > 0.01
    # Iterates in l2 carry the rounding of ten gradients, which depends on the processor: 1.2e-6 on one of 1,728 pixels
    # where convolutions are by AVX-512 with AMX beside it, below 1e-6 elsewhere.
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6 if norm == "linf" else 2e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_fgsm(model, norm, targeted):
    labels = predictions(model, small_images(SIZE))
    targets = (labels + 1) % 4 if targeted else None
    theirs = reference(
        "fast_gradient_method",
        model,
        targets if targeted else labels,
        norm,
        eps=RADII[norm],
        targeted=targeted,
    )
    agree(ours("fgsm", model, labels, norm, targets=targets), theirs)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_bim(model, norm, targeted):
    labels = predictions(model, small_images(SIZE))
    targets = (labels + 1) % 4 if targeted else None
    step = RADII[norm] / 4
    theirs = reference(
        "basic_iterative_method",
        model,
        targets if targeted else labels,
        norm,
        eps=RADII[norm],
        eps_iter=step,
        nb_iter=10,
        targeted=targeted,
    )
    mine = ours("bim", model, labels, norm, targets=targets, step_size=step, num_steps=10)
    agree(mine, theirs, norm=norm)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_pgd_from_the_same_start(model, norm, targeted, monkeypatch):
    labels = predictions(model, small_images(SIZE))
    targets = (labels + 1) % 4 if targeted else None
    step = RADII[norm] / 4
    start = uniform_in_ball((6, 6, 2), tf.range(SIZE), norm=norm, epsilon=RADII[norm], seed=3)
    name = "projected_gradient_descent"
    monkeypatch.setattr(cleverhans(name), "random_lp_vector", lambda *args, **kwargs: start)
    theirs = reference(
        name,
        model,
        targets if targeted else labels,
        norm,
        eps=RADII[norm],
        eps_iter=step,
        nb_iter=10,
        rand_init=True,
        targeted=targeted,
    )
    agree(ours("pgd", model, labels, norm, targets=targets, step_size=step, num_steps=10), theirs)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_mim(model, norm, targeted):
    labels = predictions(model, small_images(SIZE))
    targets = (labels + 1) % 4 if targeted else None
    step = RADII[norm] / 4
    theirs = reference(
        "momentum_iterative_method",
        model,
        targets if targeted else labels,
        norm,
        eps=RADII[norm],
        eps_iter=step,
        nb_iter=10,
        targeted=targeted,
    )
    agree(ours("mim", model, labels, norm, targets=targets, step_size=step, num_steps=10), theirs)


def un1(labels, logits):
    return -0.5 * tf.gather(logits, labels, batch_dims=1)


def un2(labels, logits):
    ranked = tf.sort(logits, direction="DESCENDING")
    own = tf.gather(logits, labels, batch_dims=1)
    return 0.5 * (tf.where(own == ranked[:, 0], ranked[:, 1], ranked[:, 0]) - own)


@pytest.mark.parametrize(("objective", "loss"), [("mmc", un1), ("mmc_margin", un2)])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_adaptive_pgd_on_a_center_head(mmc_model, norm, objective, loss):
    labels = predictions(mmc_model, small_images(SIZE))
    step = RADII[norm] / 4
    theirs = reference(
        "projected_gradient_descent",
        mmc_model,
        labels,
        norm,
        eps=RADII[norm],
        eps_iter=step,
        nb_iter=5,
        loss_fn=loss,
    )
    settings = {"step_size": step, "num_steps": 5, "random_start": False}
    agree(ours("pgd", mmc_model, labels, norm, objective=objective, **settings), theirs)
    if objective == "mmc":
        # The objective of Appendix B.4 is what `adaptive` chooses for this head.
        agree(ours("pgd", mmc_model, labels, norm, **settings), theirs)


def test_not_adaptive_is_cross_entropy(mmc_model):
    images = small_images(SIZE)
    labels = predictions(mmc_model, images)
    theirs = reference("fast_gradient_method", mmc_model, labels, "linf", eps=RADII["linf"])
    mine = ours("fgsm", mmc_model, labels, "linf", adaptive=False)
    # Beyond a gap of about 15 the gradient is rounding error, another one for shifted logits.
    top = tf.math.top_k(mmc_model(images), 2).values
    readable = (top[:, 0] - top[:, 1]).numpy() < 10
    assert readable.sum() >= 8
    np.testing.assert_allclose(mine[readable], theirs[readable], rtol=0, atol=1e-6)
