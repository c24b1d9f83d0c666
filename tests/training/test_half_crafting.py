"""Crafting in half precision: what it does to the images, and that zero gradients are counted and told."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks.shortest import shortest_perturbation
from mmc_tf.data import Split, load, training_batches
from mmc_tf.losses import LOSSES
from mmc_tf.models import build_classifier
from mmc_tf.training.monitors import ZeroGradients
from mmc_tf.training.monitors.zero_gradients import describe_zero_gradients
from mmc_tf.training.recipes import METHODS, MethodSettings, Recipe
from mmc_tf.training.steps import make_train_step

STEP = tf.constant(0, tf.int64)
SIZE = 400


def build(precision):
    keras.config.set_dtype_policy(precision)
    try:
        return build_classifier("lenet5", input_shape=(8, 8, 1), num_classes=10, head="dense")
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def trained():
    """The same well-trained weights in float32 and in half precision, and a batch."""
    data, model = load("digits").train, build("float32")
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), LOSSES.get("SCE")())
    model.fit(data.as_float(), data.labels, epochs=13, batch_size=50, verbose=0)
    half = build("mixed_float16")
    half.set_weights(model.get_weights())
    return model, half, next(iter(training_batches(data, batch_size=SIZE, seed=5, num_steps=1)))


def recipe_of(method):
    shape = {"norm": "l2", "epsilon": 1.5} if method == "ddn" else {"norm": "linf", "epsilon": 0.15}
    settings = MethodSettings(num_classes=10, num_steps=10, max_margin=0.3, **shape)
    return METHODS.get(method).from_settings(settings)


def accuracy(model, images, labels):
    return float((np.argmax(model(images), axis=1) == labels).mean())


@pytest.mark.slow
@pytest.mark.parametrize("method", ["pgd", "trades", "alp", "fast", "ddn"])
def test_images_of_half_precision_fool_as_many_as_those_of_float32(trained, method):
    """The mean of five draws of the starts: those of TRADES alone move the accuracy by a point or two."""
    model, half, batch = trained
    recipe, labels = recipe_of(method), batch["labels"].numpy()
    right, still = [], []
    for network in (model, half):
        craft = tf.function(functools.partial(recipe.craft, network), autograph=False)
        crafted = [craft(batch, tf.constant(step, tf.int64)) for step in range(5)]
        # The same network judges, in float32.
        right.append(np.mean([accuracy(model, images, labels) for images in crafted]))
        moved = [np.abs((images - batch["images"]).numpy()).max(axis=(1, 2, 3)) for images in crafted]
        still.append(np.mean(np.stack(moved) < 0.02))
    assert right[0] < 0.9
    assert abs(right[1] - right[0]) <= 0.02, right
    assert abs(still[1] - still[0]) <= 0.02, still


@pytest.mark.slow
def test_the_search_of_mma_goes_as_far_in_half_precision(trained):
    """Its images lie on the boundary, where rounding decides what is predicted; their distances are compared."""
    model, half, batch = trained
    lengths = []
    for network in (model, half):

        def search(images, network=network):
            return shortest_perturbation(
                network,
                images,
                batch["labels"],
                norm="linf",
                initial_radius=tf.fill([SIZE], 0.1),
                max_radius=0.315,
                num_steps=10,
                indices=batch["indices"],
                seed=0,
            )

        found = tf.function(search, autograph=False)(batch["images"])
        assert found.success.numpy().mean() > 0.9
        # A little beyond the boundary the float32 network is fooled by both.
        beyond = batch["images"] + 1.05 * (found.adversarial - batch["images"])
        lengths.append((found.radius.numpy(), accuracy(model, beyond, batch["labels"].numpy())))
    (exact, fooled), (found, fooled_by_half) = lengths
    assert abs(fooled_by_half - fooled) <= 0.02, (fooled, fooled_by_half)
    assert np.mean(found) == pytest.approx(np.mean(exact), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["pgd", "trades", "mma", "alp", "fast", "ddn"])
def test_no_gradient_of_half_precision_is_zero_where_that_of_float32_is_not(trained, method):
    model, half, batch = trained
    zero = [
        float(
            (np.abs(recipe_of(method).first_gradient(network, batch, STEP)).max(axis=(1, 2, 3)) == 0).mean()
        )
        for network in (model, half)
    ]
    assert zero[1] <= zero[0] + 0.005, zero


def test_the_first_gradient_is_that_of_what_is_climbed(trained):
    model, _, batch = trained
    images, labels = batch["images"], batch["labels"]
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_sum(LOSSES.get("SCE")().per_example(labels, model(images)))
    expected = tape.gradient(loss, images).numpy()
    found = recipe_of("pgd").first_gradient(model, batch, STEP)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_free_training_climbs_the_scaled_loss_of_its_step(trained):
    """Its gradient is the training step's own, which the optimizer scales: 98 % of the signs are float32's."""
    model, half, batch = trained
    deltas, right = [], []
    for network in (model, half):
        recipe = recipe_of("free")
        recipe.create_state(num_examples=SIZE, batch_size=SIZE, image_shape=(8, 8, 1))
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01))
        weights = network.get_weights()
        make_train_step(
            model=network,
            loss=LOSSES.get("SCE")(),
            optimizer=optimizer,
            recipe=recipe,
            strategy=tf.distribute.get_strategy(),
            batch_size=SIZE,
            clip_norm=0.0,
        )(batch, STEP)
        network.set_weights(weights)
        deltas.append(recipe.variables[0].numpy())
        right.append(accuracy(model, batch["images"] + deltas[-1], batch["labels"].numpy()))
    assert abs(right[1] - right[0]) <= 0.02, right
    assert (np.sign(deltas[0]) == np.sign(deltas[1])).mean() > 0.98
    assert (np.abs(deltas[1]).max(axis=(1, 2, 3)) == 0).mean() <= 0.005


class EverySecond(Recipe):
    """Sees no way from images of an even index."""

    has_first_gradient = True

    def first_gradient(self, model, batch, step):
        odd = tf.cast(batch["indices"] % 2, tf.float32)
        return odd[:, None, None, None] * 1e-30 * tf.ones_like(batch["images"])

    def forward(self, model, loss, batch, step):
        raise NotImplementedError


@pytest.mark.parametrize("devices", ["one", "two"])
def test_zero_gradients_are_counted(devices, request):
    strategy = request.getfixturevalue("mirrored") if devices == "two" else tf.distribute.get_strategy()
    split = Split(np.zeros((7, 8, 8, 1), np.uint8), np.zeros(7, int))
    monitor = ZeroGradients(None, EverySecond(), split, strategy=strategy)
    assert monitor.finish() == {}
    assert monitor.end_epoch(1, 10) == {"zero_gradients": pytest.approx(4 / 7)}
    other = ZeroGradients(None, EverySecond(), split, strategy=strategy)
    other.restore(monitor.state())
    assert other.finish() == {"zero_gradients": pytest.approx(4 / 7)}


def test_a_sizeable_share_is_told():
    assert describe_zero_gradients(0.004) is None
    assert describe_zero_gradients(0.5).startswith(
        "warning ZERO_GRADIENT: after the last epoch the gradient in the image is exactly zero on 50% of the "
    )
