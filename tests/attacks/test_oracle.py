"""What the oracle answers, and for whom it asks the model."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from small_models import predictions, small_images, small_model

from mmc_tf.attacks import FGSM
from mmc_tf.attacks.objectives import margin
from mmc_tf.attacks.oracle import Oracle
from mmc_tf.attacks.packing import pack, unpack

IMAGES = small_images(8)
SOME = tf.constant([True, False, False, True, True, False, True, False])


class Counting:
    """A model that counts the images it is shown."""

    def __init__(self, head="mmc"):
        self.model, self.seen = small_model(head), tf.Variable(0)

    def __call__(self, images):
        self.seen.assign_add(tf.shape(images)[0])
        return self.model(images, training=False)


def make_oracle(model, labels, *, targets=None, **settings):
    return Oracle(model, tf.constant(labels), targets, choose_objective=lambda head: "margin", **settings)


def test_rows_return_to_their_places():
    values = tf.reshape(tf.range(24.0), (8, 3))
    places, (packed, nothing) = pack(SOME, values, None)
    assert nothing is None
    np.testing.assert_array_equal(packed, values.numpy()[SOME.numpy()])
    np.testing.assert_array_equal(unpack(places, packed), np.where(SOME[:, None], values, 0))
    np.testing.assert_array_equal(
        unpack(places, packed, into=-values), np.where(SOME[:, None], values, -values)
    )
    places, (packed,) = pack(tf.zeros(8, tf.bool), values)
    np.testing.assert_array_equal(packed, values[:1])  # a batch of no images is no batch
    np.testing.assert_array_equal(unpack(places, packed), np.zeros((8, 3)))


@pytest.mark.parametrize("head", ["dense", "mmc"])
def test_only_the_active_are_shown_and_answers_are_the_same(head):
    model = Counting(head)
    labels = predictions(model, IMAGES)
    oracle, images = make_oracle(model, labels), tf.constant(IMAGES)
    whole = oracle.evaluate(images)
    model.seen.assign(0)
    some = oracle.evaluate(images, SOME)
    assert model.seen.numpy() == 4
    active = SOME.numpy()
    for name in ("logits", "scores", "prediction", "objective", "gradient"):
        packed, full = getattr(some, name).numpy(), getattr(whole, name).numpy()
        np.testing.assert_allclose(packed[active], full[active], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(some.prediction, labels)
    assert not some.gradient.numpy()[~active].any()
    look = oracle.look(images, SOME)
    np.testing.assert_allclose(look.objective, some.objective, rtol=1e-5)
    np.testing.assert_array_equal(oracle.predictions(images, SOME), labels)
    model.seen.assign(0)
    make_oracle(model, labels, packing=False).evaluate(images, SOME)
    assert model.seen.numpy() == 8


def test_another_objective_gets_its_own_targets():
    model = small_model("mmc")
    labels = predictions(model, IMAGES)
    targets = tf.constant((labels + 1) % 4)

    def lead(scores, labels, targets):
        return tf.gather(scores.logits, targets, batch_dims=1) - tf.gather(
            scores.logits, labels, batch_dims=1
        )

    oracle, images = make_oracle(model, labels), tf.constant(IMAGES)
    found = oracle.evaluate(images, SOME, objective=lead, targets=targets)
    gradients = oracle.class_gradients(images, tf.stack([targets, tf.constant(labels)], axis=1), SOME)
    difference = gradients.gradients[:, 0] - gradients.gradients[:, 1]
    np.testing.assert_allclose(found.gradient, difference, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.scores, gradients.scores, rtol=1e-5, atol=1e-5)
    aimed = make_oracle(model, labels, targets=targets).look(images)
    np.testing.assert_allclose(aimed.objective, margin_by_hand(aimed.scores, targets), rtol=1e-5)
    np.testing.assert_allclose(oracle.look(images, objective=margin).objective, oracle.look(images).objective)


def margin_by_hand(scores, classes):
    scores, rows = scores.numpy(), np.arange(8)
    others = scores.copy()
    others[rows, classes] = -np.inf
    return scores[rows, classes] - others.max(axis=1)


def smooth_network():
    """A network in float64, so that differences of 1e-4 mean something."""
    generator = np.random.default_rng(5)
    inner, outer = generator.normal(0, 0.3, (72, 16)), generator.normal(0, 1, (16, 5))
    return lambda images: tf.tanh(tf.reshape(images, (-1, 72)) @ inner) @ outer


@pytest.mark.parametrize("objective", ["ce", "margin", "slm", "dlr", "cw"])
@pytest.mark.parametrize("targeted", [False, True])
def test_gradients_equal_central_differences(objective, targeted):
    """U8."""
    model, images = smooth_network(), tf.constant(IMAGES, tf.float64)
    labels = predictions(model, images)
    targets = tf.constant((labels + 1) % 5) if targeted else None
    oracle = Oracle(model, tf.constant(labels), targets, choose_objective=lambda head: objective)
    gradient = oracle.evaluate(images).gradient.numpy()
    generator = np.random.default_rng(0)
    for _ in range(5):
        direction = generator.normal(size=images.shape)
        up, down = (oracle.look(images + step * direction).objective for step in (1e-4, -1e-4))
        slope = (gradient * direction).sum(axis=(1, 2, 3))
        np.testing.assert_allclose((up - down) / 2e-4, slope, rtol=1e-3, atol=1e-5)


def test_the_mean_of_several_gradients():
    draws = tf.Variable(0.0)

    def drawn(images):
        draws.assign_add(1.0)
        return tf.stack([0 * images[:, 0, 0, 0], draws * images[:, 0, 0, 0]], axis=1)

    oracle = make_oracle(drawn, np.zeros(8, np.int32), num_samples=3)
    gradient = oracle.evaluate(tf.constant(IMAGES)).gradient
    np.testing.assert_allclose(gradient[:, 0, 0, 0], 2.0, rtol=1e-6)
    assert draws.numpy() == 3


def test_samples_are_a_loop_in_the_graph():
    draws, traces = tf.Variable(0.0), []

    def drawn(images):
        traces.append(images)
        with tf.control_dependencies([draws.assign_add(1.0)]):
            return tf.stack([0 * images[:, 0, 0, 0], draws.read_value() * images[:, 0, 0, 0]], axis=1)

    oracle = make_oracle(drawn, np.zeros(8, np.int32), num_samples=20)
    gradient = tf.function(lambda images, active: oracle.evaluate(images, active).gradient, autograph=False)
    active = tf.constant(np.arange(8) < 3)
    values = gradient(tf.constant(IMAGES), active)[:, 0, 0, 0]
    np.testing.assert_allclose(values, np.where(active, 10.5, 0), rtol=1e-6)  # the mean of 1 to 20
    assert draws.numpy() == 20
    assert len(traces) == 2  # the first pass and the loop's


def test_gradients_that_are_not_finite_are_counted_and_replaced_by_zero():
    def root(images):
        """d√x/dx is inf at x = 0."""
        value = tf.sqrt(images[:, 0, 0, 0])
        return tf.stack([0 * value, value - 0.5], axis=1)

    images = np.float32([0.0, 0.04, 0.0, 0.09])[:, None, None, None]
    labels = np.zeros(4, np.int32)
    asked = np.array([True, True, False, True])
    oracle = Oracle(root, tf.constant(labels), None, choose_objective=lambda head: "margin")
    seen = oracle.evaluate(tf.constant(images), tf.constant(asked))
    assert seen.finite.numpy().tolist() == [False, True, False, True]
    np.testing.assert_allclose(seen.gradient.numpy().ravel(), [0, 2.5, 0, 1 / 0.6], rtol=1e-5)
    result = FGSM(epsilon=0.01, objective="margin")(root, images, labels, active=asked)
    assert result.nonfinite_gradient.tolist() == [True, False, False, False]
    assert not result.zero_gradient.any()  # infinite is not zero
