"""What every registered method must do: train with every loss, on one device and on two."""

import numpy as np
import pytest
from toy import losses_of, toy_loop

from mmc_tf.losses import LOSSES
from mmc_tf.training.recipes import METHODS, MethodSettings

ALL_METHODS = METHODS.names()
# They differ in what the methods see: logits, or distances to centers.
TWO_LOSSES = ("SCE", "MMC")


def recipe_of(method):
    """A short one; ddn's norm is l2."""
    settings = MethodSettings(
        num_classes=10,
        steps_per_epoch=10,
        norm="l2" if method == "ddn" else "linf",
        epsilon=0.1,
        num_steps=2,
        num_bisections=4,
        num_replays=2,
        epsilon_warmup_epochs=0.2,
    )
    return METHODS.get(method).from_settings(settings)


def check_training(method, loss):
    loop = toy_loop(loss=loss, recipe=recipe_of(method), max_steps=4)
    before = loop.model.get_weights()
    losses = losses_of(loop)
    assert len(losses) == 4
    assert np.all(np.isfinite(losses))
    after = loop.model.get_weights()
    assert all(np.all(np.isfinite(weight)) for weight in after)
    assert all(np.all(np.isfinite(variable)) for variable in loop.recipe.variables)
    trained = [variable.path for variable in loop.model.trainable_variables]
    moved = [
        variable.path
        for variable, old, new in zip(loop.model.weights, before, after, strict=True)
        if not np.array_equal(old, new)
    ]
    assert set(trained) <= set(moved)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_every_method_trains(method):
    check_training(method, TWO_LOSSES[ALL_METHODS.index(method) % 2])


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES.names())
@pytest.mark.parametrize("method", ALL_METHODS)
def test_every_method_trains_with_every_loss(method, loss):
    check_training(method, loss)


def check_replicas(method, loss, mirrored):
    alone = losses_of(toy_loop(loss=loss, recipe=recipe_of(method), max_steps=4))
    together = losses_of(toy_loop(loss=loss, recipe=recipe_of(method), max_steps=4, strategy=mirrored))
    np.testing.assert_allclose(together, alone, rtol=1e-3)


def test_two_replicas_take_the_steps_of_one(mirrored):
    check_replicas("trades", "MMC", mirrored)


@pytest.mark.slow
@pytest.mark.parametrize("loss", TWO_LOSSES)
@pytest.mark.parametrize("method", ALL_METHODS)
def test_every_method_takes_the_steps_of_one_device_on_two(method, loss, mirrored):
    check_replicas(method, loss, mirrored)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_every_method_says_what_it_does(method):
    assert len(recipe_of(method).description) > 20
