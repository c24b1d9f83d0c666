"""Training on DDN's images: cut to the ball, at the boundary where that is nearer."""

import numpy as np
import pytest
import tensorflow as tf
from toy import toy_loop

from mmc_tf.attacks import make
from mmc_tf.checks import UserError
from mmc_tf.training.recipes import MethodSettings, NearestImageTraining

STEP = tf.constant(3, tf.int64)
NUM_STEPS = 60


@pytest.fixture(scope="module", params=["SCE", "MMC"])
def trained(request):
    """A network that has learned its digits, and one of its batches."""
    loop = toy_loop(loss=request.param, epochs=8)
    batch = next(iter(loop._batches()))
    loop.run()
    return loop.model, batch


def distances(batch, images):
    return np.linalg.norm((images - batch["images"]).numpy().reshape(len(images), -1), axis=1)


def test_images_are_those_of_the_attack_cut_to_the_ball(trained):
    model, batch = trained
    attack = make("ddn", norm="l2", num_steps=NUM_STEPS)
    nearest = attack(model, batch["images"].numpy(), batch["labels"].numpy())
    epsilon = float(np.median(nearest.distance))
    recipe = NearestImageTraining(epsilon=epsilon, num_classes=10, num_steps=NUM_STEPS)
    images = tf.function(recipe.craft)(model, batch, STEP)
    assert float(tf.reduce_min(images)) >= 0
    assert float(tf.reduce_max(images)) <= 1
    # The attack's own call packs the examples into smaller batches; here all of them go through.
    np.testing.assert_allclose(distances(batch, images), np.minimum(nearest.distance, epsilon), rtol=1e-3)
    wrong = np.argmax(model(images), axis=1) != batch["labels"].numpy()
    inside = nearest.found & (nearest.distance < 0.999 * epsilon)
    assert inside.sum() > 3
    assert np.all(wrong[inside])
    assert not np.any(wrong[nearest.distance > 1.01 * epsilon])


def test_a_misclassified_image_stays_as_it_is(trained):
    model, batch = trained
    labels = (batch["labels"] + 1) % 10
    right = np.argmax(model(batch["images"]), axis=1) == labels.numpy()
    recipe = NearestImageTraining(epsilon=1.0, num_classes=10, num_steps=5)
    moved = distances(batch, recipe.craft(model, batch | {"labels": labels}, STEP))
    assert not np.any(moved[~right])


def test_settings_reach_the_recipe():
    settings = MethodSettings(num_classes=10, norm="l2", epsilon=2.4, num_steps=100, adv_ratio=0.5)
    recipe = NearestImageTraining.from_settings(settings)
    assert (recipe.epsilon, recipe.attack.num_steps, recipe.adv_ratio) == (2.4, 100, 0.5)


def test_another_norm_is_refused():
    with pytest.raises(UserError, match=r"`norm`. Expected one of l2. Received: norm=linf"):
        NearestImageTraining.from_settings(MethodSettings(num_classes=10))


def test_radius_out_of_range():
    with pytest.raises(UserError, match="epsilon"):
        NearestImageTraining(epsilon=0.0, num_classes=10)
