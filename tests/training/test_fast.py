"""Fast training: the start lies in the ball, and one step of 1.25 ε follows."""

import numpy as np
import pytest
import tensorflow as tf
from toy import toy_loop

from mmc_tf.attacks.starts import random_start
from mmc_tf.training.recipes import FastTraining, MethodSettings
from mmc_tf.training.recipes.base import step_seed

EPSILON = 0.1
STEP = tf.constant(3, tf.int64)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_one_step_from_a_random_start_by_hand(norm):
    loop = toy_loop(loss="SCE")
    batch = next(iter(loop._batches()))
    recipe = FastTraining.from_settings(MethodSettings(num_classes=10, norm=norm, epsilon=EPSILON, seed=2))
    images = recipe.craft(loop.model, batch, STEP).numpy()

    clean = batch["images"].numpy().astype(np.float64)
    start = random_start(
        batch["images"], batch["indices"], norm=norm, epsilon=EPSILON, seed=step_seed(2, STEP)
    )
    with tf.GradientTape() as tape:
        tape.watch(start)
        total = tf.reduce_sum(loop.model.loss.per_example(batch["labels"], loop.model(start)))
    gradient = tape.gradient(total, start).numpy().astype(np.float64)
    start = start.numpy().astype(np.float64)
    if norm == "linf":
        moved = clean + np.clip(start - clean + 1.25 * EPSILON * np.sign(gradient), -EPSILON, EPSILON)
        size = np.abs(start - clean).max()
    else:
        reached = np.clip(start + 1.25 * EPSILON * gradient / length(gradient), 0, 1) - clean
        moved = clean + reached * np.minimum(1, EPSILON / length(reached))
        size = length(start - clean).max()
    np.testing.assert_allclose(images, np.clip(moved, 0, 1), atol=1e-5)
    assert 0 < size <= EPSILON * (1 + 1e-5)


def length(delta):
    return np.sqrt(np.sum(delta**2, axis=(1, 2, 3), keepdims=True))


def test_a_step_size_of_the_command_line_is_kept():
    recipe = FastTraining.from_settings(MethodSettings(num_classes=10, epsilon=0.2, step_size=0.1))
    assert recipe.attack.settings()["step_size"] == 0.1
    default = FastTraining.from_settings(MethodSettings(num_classes=10, epsilon=0.2))
    assert default.attack.settings()["step_size"] == pytest.approx(0.25)
