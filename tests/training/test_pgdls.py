"""PGDLS: the radius at every step."""

import numpy as np
import pytest
import tensorflow as tf
from toy import toy_loop

from mmc_tf.checks import UserError
from mmc_tf.training.recipes import METHODS, LinearlyScaledTraining, MethodSettings
from mmc_tf.training.recipes.crafting import scaled_lengths


def _recipe(**settings):
    return METHODS.get("pgdls").from_settings(MethodSettings(num_classes=10, **settings))


def test_radius_grows_from_zero_over_the_epochs_asked_for():
    recipe = _recipe(epsilon=0.4, num_steps=5, steps_per_epoch=7, epsilon_warmup_epochs=50)
    assert recipe.epsilon_warmup_steps == 350
    for step, share in ((0, 0), (1, 1 / 350), (175, 0.5), (350, 1), (1000, 1)):
        radius = scaled_lengths(recipe.attack, recipe.share_of_radius(tf.constant(step, tf.int64)))
        assert float(radius["epsilon"]) == pytest.approx(0.4 * share, abs=1e-7)
        assert float(radius["step_size"]) == pytest.approx(2.5 * 0.4 * share / 5, abs=1e-7)


def test_images_stay_within_the_radius_of_the_step():
    loop = toy_loop(loss="SCE")
    batch = next(iter(loop._batches()))
    recipe = _recipe(epsilon=0.3, num_steps=5, steps_per_epoch=10, epsilon_warmup_epochs=2)
    for step in (0, 5, 20, 40):
        moved = recipe.craft(loop.model, batch, tf.constant(step, tf.int64)) - batch["images"]
        assert np.abs(moved).max() == pytest.approx(0.3 * min(step / 20, 1), abs=1e-6)


def test_settings_that_leave_nothing_to_grow_over_are_refused():
    with pytest.raises(UserError, match="epsilon_warmup_epochs"):
        _recipe(epsilon_warmup_epochs=0.0)
    with pytest.raises(UserError, match="epsilon_warmup_steps"):
        _recipe(epsilon_warmup_steps=10)


def test_it_is_adversarial_training_otherwise():
    recipe = _recipe(epsilon_warmup_epochs=1, adv_ratio=0.25)
    assert isinstance(recipe, LinearlyScaledTraining)
    assert recipe.adv_ratio == 0.25
