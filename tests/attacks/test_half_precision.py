"""Gradients through a network in float16 are float32's, where those of an unscaled objective are zero or infinite."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import predictions, small_images, small_model

from mmc_tf.attacks import PGD, DeepFool
from mmc_tf.attacks.oracle import Oracle

IMAGES = small_images(100)
EVERY_CLASS = np.tile(np.arange(4, dtype=np.int32), (len(IMAGES), 1))


def pair(factor, head="dense"):
    """The same network in float32 and in mixed_float16, its logits, or the centers' distances, multiplied."""
    networks = []
    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        try:
            model = small_model(head)
        finally:
            keras.config.set_dtype_policy("float32")
        weights = model.layers[-1].weights
        for weight in weights:
            weight.assign(factor * weight)
        networks.append(model)
    labels = predictions(networks[0], IMAGES)
    return *networks, labels


def ask(network, labels, question, *, traced=True):
    """What an oracle answers in a graph, as attacks ask it, or eagerly."""
    oracle = Oracle(network, tf.constant(labels), None, choose_objective=lambda head: "ce")
    answer = functools.partial(question, oracle)
    return np.asarray((tf.function(answer, autograph=False) if traced else answer)(tf.constant(IMAGES)))


def crafted(attack, network, labels):
    """An attack's images, by its steps alone."""
    indices = tf.range(len(IMAGES), dtype=tf.int64)
    function = tf.function(
        lambda images: attack.perturb(network, images, tf.constant(labels), indices=indices), autograph=False
    )
    return function(tf.constant(IMAGES)).numpy()


def gradient(oracle, images):
    return oracle.evaluate(images).gradient


def class_gradients(oracle, images):
    return oracle.class_gradients(images, tf.constant(EVERY_CLASS)).gradients


def unscaled(network, labels):
    """The gradient of cross-entropy as it is."""
    with tf.GradientTape() as tape:
        images = tf.constant(IMAGES)
        tape.watch(images)
        values = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, network(images))
    return tape.gradient(values, images).numpy()


def equal_signs(some, others):
    """The share of the pixels, of those with a gradient in float32."""
    return (np.sign(some) == np.sign(others))[some != 0].mean()


def confident():
    """The networks, and examples that lead by 24 to 60: float32 has gradients of 1e-9 and less, float16 has none."""
    single, half, labels = pair(50.0)
    logits = np.sort(single(IMAGES).numpy(), axis=1)
    lead = logits[:, -1] - logits[:, -2]
    return single, half, labels, (lead > 24) & (lead < 60)


@pytest.mark.parametrize("traced", [True, False])
def test_cross_entropy_of_confident_logits_has_float32s_gradient(traced):
    single, half, labels, chosen = confident()
    assert chosen.sum() >= 8
    assert not unscaled(half, labels)[chosen].any()
    assert unscaled(single, labels)[chosen].any(axis=(1, 2, 3)).all()
    exact, found = (ask(network, labels, gradient, traced=traced)[chosen] for network in (single, half))
    assert 0 < np.abs(exact).max() < 1e-6
    assert np.abs(found).max(axis=(1, 2, 3)).all()
    assert equal_signs(exact, found) >= 0.98


def test_pgd_takes_the_same_steps():
    single, half, labels, chosen = confident()
    attack = PGD(epsilon=0.1, step_size=0.1, num_steps=1, random_start=False, objective="ce", iterate="last")
    exact, found = (crafted(attack, network, labels)[chosen] - IMAGES[chosen] for network in (single, half))
    assert np.abs(exact).max(axis=(1, 2, 3)).all()
    assert equal_signs(exact, found) >= 0.98


@pytest.mark.parametrize(("head", "factor"), [("dense", 1e-8), ("dense", 1e5), ("mmc", 1e3)])
def test_class_gradients_neither_vanish_nor_overflow(head, factor):
    """In float16 1e-8 is zero, and 1e5 infinite."""
    single, half, labels = pair(factor, head)
    exact, found = (ask(network, labels, class_gradients) for network in (single, half))
    assert np.abs(found).max(axis=(2, 3, 4)).all()
    assert equal_signs(exact, found) >= 0.98
    np.testing.assert_allclose(found, exact, atol=0.02 * np.abs(exact).max())


def test_deepfool_goes_as_far():
    single, half, labels = pair(1e-7)
    attack = DeepFool(norm="l2", num_steps=20)
    exact, found = (
        np.linalg.norm((crafted(attack, network, labels) - IMAGES).reshape(len(IMAGES), -1), axis=1)
        for network in (single, half)
    )
    assert exact.min() > 0
    assert np.median(np.abs(found / exact - 1)) < 0.02
