"""AN-PGD against exact margins, and as a function for training steps (specification, Section 19)."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from exact_margins import FACTORS, class_margins, near_grey
from small_models import predictions, small_images, small_model

from mmc_tf import attacks
from mmc_tf.acceptance.linear import make_bed
from mmc_tf.attacks.objectives import slm
from mmc_tf.attacks.projections import measure
from mmc_tf.attacks.shortest import bisect, shortest_perturbation
from mmc_tf.checks import UserError
from mmc_tf.classifier import Scores

NORMS = ("linf", "l2")
RADII = {"linf": 0.006, "l2": 0.07}
LARGEST = {"linf": 1.05 * 32 / 255, "l2": 1.05 * 3}


def shortest(model, images, labels, *, norm, radius, num_steps=40, seed=0, **settings):
    """The function for training, compiled."""

    @tf.function
    def step(images, labels, radius):
        return shortest_perturbation(
            model,
            images,
            labels,
            norm=norm,
            initial_radius=radius,
            num_steps=num_steps,
            indices=tf.range(len(images)),
            seed=seed,
            **{"max_radius": LARGEST[norm], **settings},
        )

    radius = np.broadcast_to(np.float32(radius), labels.shape)
    return [value.numpy() for value in step(tf.constant(images), tf.constant(labels), tf.constant(radius))]


def soft_margins(model, images, labels):
    return slm(Scores(model(tf.constant(images))), tf.constant(labels)).numpy()


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("boundary", ["slm", "prediction"])
@pytest.mark.parametrize("norm", NORMS)
def test_two_classes(norm, boundary, factor):
    """There is one direction, and SLM = LM: linf exact, l2 1.016 for what the random start leaves behind."""
    bed = near_grey(seed=6, num_classes=2, factor=factor)
    exact = class_margins(bed, norm=norm).min(axis=1)
    settings = {"norm": norm, "radius": RADII[norm], "boundary": boundary}
    ratio = {}
    for halvings in (10, 20):
        images, e, success = shortest(bed, bed.images, bed.labels, num_bisections=halvings, **settings)
        assert success.all()
        np.testing.assert_allclose(measure(images - bed.images, norm=norm), e, rtol=1e-4, atol=1e-6)
        ratio[halvings] = e / exact
    if norm == "linf":
        np.testing.assert_allclose(ratio[20], 1, atol=0.005)
    else:
        assert ratio[20].mean() == pytest.approx(1.016, abs=0.002)
        assert 1.008 <= ratio[20].min() <= ratio[20].max() <= 1.025
    # Ten halvings know it to M/1024, from outside.
    excess = exact * (ratio[10] - ratio[20])
    assert excess.min() >= -1e-6
    assert excess.max() <= LARGEST[norm] / 1024 + 1e-6


@pytest.mark.parametrize(("norm", "mean"), [("linf", 1.0025), ("l2", 1.018)])
def test_ten_classes_with_steep_logits(norm, mean):
    """After a second call from e, as training makes it in the next epoch."""
    bed = near_grey(seed=6, factor=3000.0)
    exact = class_margins(bed, norm=norm).min(axis=1)
    settings = {"norm": norm, "num_bisections": 20}
    radius = LARGEST[norm] / 4
    _, first, _ = shortest(bed, bed.images, bed.labels, radius=radius, **settings)
    _, second, success = shortest(bed, bed.images, bed.labels, radius=first, seed=1, **settings)
    assert success.all()
    assert (first / exact).mean() > 1.05
    assert (second / exact).mean() == pytest.approx(mean, abs=0.004)
    # The attack makes both calls, and keeps the nearer image.
    result = attacks.make("an_pgd", num_restarts=2, **settings)(bed, bed.images, bed.labels)
    assert result.found.all()
    assert (result.distance / exact).mean() == pytest.approx(mean, abs=0.004)


@pytest.mark.parametrize("norm", NORMS)
def test_the_soft_margin_is_crossed_before_the_prediction_changes(norm):
    """Shallow logits: d_SLM < d; where the true class has probability ½ it still leads."""
    bed = near_grey(seed=8, factor=5.0)
    radius = RADII[norm]
    rows = soft_margins(bed, bed.images, bed.labels) < 0
    results = {
        boundary: shortest(
            bed, bed.images, bed.labels, norm=norm, radius=radius, boundary=boundary, num_bisections=20
        )
        for boundary in ("slm", "prediction")
    }
    images, e, success = results["slm"]
    assert success[rows].all()
    np.testing.assert_allclose(soft_margins(bed, images, bed.labels)[rows], 0, atol=1e-2)
    assert (e <= results["prediction"][1] * (1 + 1e-5)).all()
    assert np.mean(e[rows] / results["prediction"][1][rows]) < 0.95
    assert 0.3 < rows.mean() < 1
    assert np.mean(predictions(bed, images)[rows] == bed.labels[rows]) > 0.8


@pytest.mark.parametrize("norm", NORMS)
def test_success_within_epsilon_is_that_of_pgd(norm):
    """Test mode: PGD at a fixed radius, then the distance."""
    bed = make_bed(seed=9)
    epsilon = RADII[norm]
    pgd = attacks.make(
        "pgd", norm=norm, epsilon=epsilon, objective="slm", num_steps=40, step_size=2.5 * epsilon / 40,
        iterate="last",
    )(bed, bed.images, bed.labels)  # fmt: skip
    result = attacks.make("an_pgd", norm=norm, epsilon=epsilon)(bed, bed.images, bed.labels)
    assert 0.1 < pgd.success.mean() < 0.6
    assert result.success[pgd.success].all()
    assert result.success.mean() <= pgd.success.mean() + 0.02
    assert (result.distance[pgd.success] <= pgd.distance[pgd.success] + 1e-6).all()
    np.testing.assert_array_equal(result.queries, 1 + 40 + 1 + 10)
    assert result.backward_passes == len(bed.images) * (1 + 40)
    assert not result.zero_gradient.any()


def test_bisection():
    edges = np.float32([0.013, 0.2, 0.4, 0.62, 0.99, 1.2])
    start = np.full(6, 0.5, np.float32)
    for halvings in (0, 4, 10):
        found, across = bisect(
            lambda distance: distance >= edges,
            start=start,
            end=np.ones(6, np.float32),
            num_bisections=halvings,
        )
        reachable = edges <= 1 if halvings == 10 else edges <= 0.5
        np.testing.assert_array_equal(across.numpy()[reachable], True)
        np.testing.assert_array_equal(across.numpy()[edges > 1], False)
        excess = (found.numpy() - edges)[edges <= 1]
        assert excess.min() >= 0
        assert excess.max() <= 0.5 * 0.5**halvings
        assert found.numpy()[-1] == 1


@pytest.mark.parametrize("norm", NORMS)
def test_where_there_is_no_direction(norm):
    bed = make_bed(size=8, low=0.35, high=0.65)
    radius = np.float32([0, 0.05] * 4)
    images, e, success = shortest(bed, bed.images, bed.labels, norm=norm, radius=radius)
    np.testing.assert_array_equal(images[::2], bed.images[::2])
    np.testing.assert_allclose(e[::2], LARGEST[norm], rtol=1e-6)
    assert not success[::2].any()
    assert success[1::2].all()


@pytest.mark.parametrize("norm", NORMS)
def test_beyond_the_largest_radius_nothing_is_found(norm):
    bed = near_grey(seed=10, factor=3000.0)
    exact = class_margins(bed, norm=norm).min(axis=1)
    largest = float(np.median(exact))
    settings = {"norm": norm, "radius": largest / 2, "max_radius": largest}
    _, e, success = shortest(bed, bed.images, bed.labels, **settings)
    assert not success[exact > largest].any()
    np.testing.assert_allclose(e[~success], largest, rtol=1e-6)
    assert e.min() >= 0
    assert e.max() <= largest * (1 + 1e-6)
    attack = attacks.make("an_pgd", norm=norm, initial_radius=largest / 2, max_radius=largest)
    result = attack(bed, bed.images, bed.labels)
    np.testing.assert_array_equal(result.adversarial[~result.found], bed.images[~result.found])
    assert result.distance.max() <= largest * (1 + 1e-6)
    assert 0.2 < result.found.mean() < 0.6


@pytest.mark.parametrize("norm", NORMS)
def test_pixels_stay_in_the_box(norm):
    """The authors' code searches with the clip and returns without it."""
    model, images = small_model(), np.round(small_images(16))
    labels = predictions(model, images)
    found, e, _ = shortest(model, images, labels, norm=norm, radius=LARGEST[norm] / 2, num_steps=10)
    assert found.min() >= 0
    assert found.max() <= 1
    assert (measure(found - images, norm=norm) <= e * (1 + 1e-5) + 1e-6).all()


def test_in_a_training_step():
    """Compiled, with radii of its own for each example, without touching gradients or moving averages."""
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(6, 3)(inputs))
    model = keras.Model(
        inputs, keras.layers.Rescaling(20.0)(keras.layers.Dense(4)(keras.layers.Flatten()(x)))
    )
    images, indices = small_images(16), np.arange(16)
    labels = predictions(model, images)
    labels[::4] = (labels[::4] + 1) % 4
    correct = labels == predictions(model, images)
    before = [np.array(weight) for weight in model.non_trainable_weights]
    traces = []

    @tf.function
    def train_step(images, labels, radius, seed):
        traces.append(None)
        active = soft_margin_is_negative(model, images, labels)
        found = shortest_perturbation(
            model, images, labels, norm="linf", initial_radius=radius, max_radius=0.2, num_steps=10,
            indices=indices, seed=seed, active=active,
        )  # fmt: skip
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(found.adversarial, training=True)[:, 0])
        return found, active, tape.gradient(loss, model.trainable_weights)

    batch, radius = (tf.constant(images), tf.constant(labels)), tf.linspace(0.01, 0.2, 16)
    found, active, gradients = train_step(*batch, radius, tf.constant(3))
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    active = active.numpy()
    assert not active[~correct].any()
    np.testing.assert_array_equal(found.adversarial.numpy()[~active], images[~active])
    assert not found.radius.numpy()[~active].any()
    assert not found.success.numpy()[~active].any()
    assert (found.radius.numpy()[active] > 0).all()
    assert found.success.numpy()[active].any()
    for weight, value in zip(model.non_trainable_weights, before, strict=True):
        # One training pass has moved them once; the search has not.
        assert np.abs(np.array(weight) - value).max() <= 0.02 or weight.dtype != "float32"
    train_step(*batch, 0.5 * radius, tf.constant(4))
    assert len(traces) == 1


def soft_margin_is_negative(model, images, labels):
    return slm(Scores(model(images, training=False)), labels) < 0


def test_an_example_does_not_depend_on_its_batch():
    bed = make_bed(seed=11, size=16, low=0.35, high=0.65)
    radius = np.linspace(0.004, 0.05, 16).astype(np.float32)
    _, together, _ = shortest(bed, bed.images, bed.labels, norm="linf", radius=radius, num_steps=10)
    _, alone, _ = shortest(bed, bed.images[:1], bed.labels[:1], norm="linf", radius=radius[:1], num_steps=10)
    np.testing.assert_allclose(alone, together[:1], atol=1e-6)


def test_default_radii():
    def radii(**settings):
        tunables = attacks.make("an_pgd", **settings).tunables()
        return tunables["initial_radius"], tunables["max_radius"]

    assert radii() == pytest.approx((LARGEST["linf"] / 4, LARGEST["linf"]))
    assert radii(norm="l2") == pytest.approx((LARGEST["l2"] / 4, LARGEST["l2"]))
    assert radii(epsilon=8 / 255) == pytest.approx((8 / 255, LARGEST["linf"]))
    assert radii(epsilon=0.3) == pytest.approx((0.3, 0.315))
    assert radii(epsilon=0.3, initial_radius=0.1, max_radius=0.4) == (0.1, 0.4)
    assert radii(epsilon=0.0) == pytest.approx((LARGEST["linf"] / 4, LARGEST["linf"]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_radius": 0.0}, r"`max_radius`. Expected a number > 0. Received: max_radius=0.0"),
        ({"initial_radius": 0.0}, r"`initial_radius`. Expected a number > 0. Received: initial_radius=0.0"),
        (
            {"initial_radius": 0.3, "max_radius": 0.2},
            r"`initial_radius`. Expected a radius <= max_radius = 0.2 .*Received: initial_radius=0.3",
        ),
        ({"epsilon": 0.3, "max_radius": 0.2}, r"`initial_radius`. Expected a radius <= max_radius = 0.2"),
        ({"num_steps": 0}, r"`num_steps`. Expected an integer >= 1. Received: num_steps=0"),
        ({"num_bisections": -1}, r"`num_bisections`. Expected an integer >= 0. Received: num_bisections=-1"),
        ({"num_restarts": 0}, r"`num_restarts`. Expected an integer >= 1. Received: num_restarts=0"),
        ({"boundary": "lm"}, r"`boundary`. Expected one of prediction, slm. Received: boundary=lm"),
        ({"norm": "l1"}, r"`norm`. Expected one of linf, l2 for the attack an_pgd. Received: norm=l1"),
        ({"targeted": True}, r"`targeted`. Expected False: an_pgd is untargeted"),
        ({"objective": "ce"}, r"`objective`. Expected None: an_pgd has its own"),
    ],
)
def test_bad_input(settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make("an_pgd", **settings)


@pytest.mark.parametrize("setting", [{"norm": "l1"}, {"boundary": "lm"}])
def test_bad_input_of_the_function(setting):
    bed = make_bed(size=2)
    with pytest.raises(UserError, match=f"`{next(iter(setting))}`. Expected one of"):
        shortest_perturbation(
            bed, bed.images, bed.labels, initial_radius=tf.ones(2), max_radius=1.0, num_steps=1,
            indices=tf.range(2), seed=0, **{"norm": "linf", **setting},
        )  # fmt: skip
