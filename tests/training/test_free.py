"""Free training: replays, the perturbation that stays with a place, resume amid replays, two replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from toy import losses_of, toy_loop, weights_of

from mmc_tf.checks import UserError
from mmc_tf.data import Split
from mmc_tf.losses import LOSSES
from mmc_tf.training import checkpoints
from mmc_tf.training.recipes import FreeTraining, MethodSettings
from mmc_tf.training.recipes.free import places_of
from mmc_tf.training.runs import RunFolder

EPSILON = 0.1
ZERO = tf.constant(0, tf.int64)


def free(**settings):
    return FreeTraining(**{"epsilon": EPSILON, "num_replays": 4, **settings})


class Spy(FreeTraining):
    """Keeps what every step saw, as the graph of one device computes it."""

    def __init__(self, **settings):
        super().__init__(epsilon=EPSILON, num_replays=4, **settings)
        self.seen = []

    def absorb(self, batch, image_gradient, step):
        super().absorb(batch, image_gradient, step)
        names = ("indices", "clean", "images")
        tf.py_function(
            lambda *values: self.seen.append([value.numpy() for value in values]),
            [*(batch[name] for name in names), self.variables[0].read_value()],
            [],
        )


def test_replays_see_one_batch_and_the_perturbation_stays_in_ball_and_box():
    spy = Spy()
    toy_loop(recipe=spy, max_steps=11).run()
    assert len(spy.seen) == 11
    previous = np.zeros((20, 8, 8, 1), np.float32)
    for step, (indices, clean, images, delta) in enumerate(spy.seen):
        first_indices, first_clean, *_ = spy.seen[step - step % 4]
        np.testing.assert_array_equal(indices, first_indices)
        np.testing.assert_array_equal(clean, first_clean)
        # What the step before left is what this one sees, on another batch too.
        np.testing.assert_array_equal(images, np.clip(clean + previous, 0, 1))
        assert np.abs(delta).max() <= EPSILON * (1 + 1e-6)
        assert np.abs(np.clip(clean + delta, 0, 1) - (clean + delta)).max() < 1e-6
        assert np.any(delta != previous)
        previous = delta
    batches = {tuple(indices) for indices, *_ in spy.seen}
    assert len(batches) == 3
    assert set.intersection(*map(set, batches)) == set()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_step_of_the_perturbation_by_hand(norm):
    """On a linear model the gradient is W(softmax(h) − y), the same that the weights' gradient is made of."""
    rng = np.random.default_rng(0)
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    recipe = free(norm=norm, step_size=0.06)
    recipe.create_state(num_examples=5, batch_size=5, image_shape=(2, 2, 1))
    delta = rng.uniform(-0.04, 0.04, (5, 2, 2, 1)).astype(np.float32)
    recipe.variables[0].assign(delta)
    clean = rng.uniform(0.3, 0.7, (5, 2, 2, 1)).astype(np.float32)
    batch = recipe.prepare({"images": tf.constant(clean), "labels": tf.constant([0, 1, 2, 0, 1])})
    with tf.GradientTape() as tape:
        tape.watch(batch["images"])
        per_example, _ = recipe.forward(model, LOSSES.get("SCE")(), batch, ZERO)
        total = tf.reduce_sum(per_example)
    recipe.absorb(batch, tape.gradient(total, batch["images"]), ZERO)

    kernel, bias = model.get_weights()
    logits = (clean + delta).reshape(5, -1) @ kernel + bias
    error = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - np.eye(3)[[0, 1, 2, 0, 1]]
    gradient = error @ kernel.T
    if norm == "linf":
        expected = np.clip(delta.reshape(5, -1) + 0.06 * np.sign(gradient), -EPSILON, EPSILON)
    else:
        unit = gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
        expected = delta.reshape(5, -1) + 0.06 * unit
        expected *= np.minimum(1, EPSILON / np.linalg.norm(expected, axis=1, keepdims=True))
    np.testing.assert_allclose(recipe.variables[0].numpy().reshape(5, -1), expected, atol=1e-6)


def test_a_gradient_that_overflowed_leaves_the_perturbation_alone():
    recipe = free()
    recipe.create_state(num_examples=2, batch_size=2, image_shape=(1, 1, 1))
    batch = recipe.prepare({"images": tf.fill((2, 1, 1, 1), 0.5), "labels": tf.constant([0, 1])})
    recipe.absorb(batch, tf.constant([np.nan, 3.0], shape=(2, 1, 1, 1)), ZERO)
    np.testing.assert_allclose(recipe.variables[0].numpy().ravel(), [0.0, EPSILON], rtol=1e-5)


@pytest.mark.parametrize("checkpoint_every", [3, 5])
def test_a_run_that_was_interrupted_amid_replays_ends_with_the_same_weights(tmp_path, checkpoint_every):
    whole = toy_loop(recipe=free(), max_steps=18)
    losses = losses_of(whole)
    first = toy_loop(
        recipe=free(), folder=RunFolder(tmp_path), checkpoint_every=checkpoint_every, max_steps=18
    )

    class KilledError(Exception):
        pass

    def killed(step, loss):
        if step == 9:
            raise KilledError

    with pytest.raises(KilledError):
        first.run(on_step=killed)
    second = toy_loop(recipe=free(), folder=RunFolder(tmp_path), max_steps=18)
    second.restore(checkpoints.newest(tmp_path / "checkpoints"))
    resumed_at = second.step
    assert resumed_at % 4 != 0
    np.testing.assert_array_equal(losses_of(second), losses[resumed_at:])
    for mine, other in zip(weights_of(second), weights_of(whole), strict=True):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(second.recipe.variables[0], whole.recipe.variables[0])


def test_two_replicas_take_the_steps_of_one(mirrored):
    alone, together = (
        toy_loop(recipe=free(), max_steps=9),
        toy_loop(recipe=free(), max_steps=9, strategy=mirrored),
    )
    np.testing.assert_allclose(losses_of(together), losses_of(alone), rtol=1e-4)
    delta = alone.recipe.variables[0].numpy()
    copies = mirrored.experimental_local_results(together.recipe.variables[0])
    np.testing.assert_array_equal(copies[0], copies[1])
    # The sign of a gradient of nearly 0 is rounding's.
    assert np.mean(np.abs(copies[0].numpy() - delta) > 1e-5) < 0.01


def test_places_are_those_of_the_global_batch(mirrored):
    split = Split(np.zeros((40, 8, 8, 1), np.float32), np.zeros(40, int))
    batches = {
        name: next(iter(toy_loop(strategy=strategy, train=split)._batches()))
        for name, strategy in (("alone", None), ("together", mirrored))
    }
    places = mirrored.experimental_local_results(
        mirrored.run(lambda batch: places_of(batch["labels"]), args=(batches["together"],))
    )
    parts = mirrored.experimental_local_results(batches["together"]["indices"])
    order = batches["alone"]["indices"].numpy()
    for place, part in zip(places, parts, strict=True):
        np.testing.assert_array_equal(order[place.numpy()], part)


def test_an_epoch_has_as_many_steps_as_any_other():
    assert toy_loop(recipe=free(), epochs=3).num_steps == toy_loop(epochs=3).num_steps


def test_settings_reach_the_recipe():
    recipe = FreeTraining.from_settings(MethodSettings(num_classes=10, epsilon=0.3, num_replays=5))
    assert (recipe.step_size, recipe.num_replays) == (0.3, 5)


@pytest.mark.parametrize(
    ("argument", "value"), [("num_replays", 0), ("step_size", -1.0), ("norm", "l1"), ("epsilon", 0)]
)
def test_values_out_of_range(argument, value):
    with pytest.raises(UserError, match=argument):
        free(**{argument: value})
