"""Adversarial logit pairing: its value by hand, on logits and on features."""

import numpy as np
import pytest
import tensorflow as tf
from toy import toy_loop

from mmc_tf.attacks import make
from mmc_tf.checks import UserError
from mmc_tf.models.heads import DenseLogits, MMCLogits, head_call
from mmc_tf.training.recipes import FixedEpsilonTraining, LogitPairing, MethodSettings
from mmc_tf.training.recipes.alp import pair_distance

STEP = tf.constant(3, tf.int64)
FEATURES = np.float32([[1.0, 2.0], [0.0, -1.0]])
OTHERS = np.float32([[1.5, 0.0], [0.0, -1.0]])


def test_logits_of_a_dense_head_are_paired_by_their_mean_square():
    head = DenseLogits(3)
    head.build((None, 2))
    kernel = np.float32([[1, 0, 2], [0, 1, -1]])
    head.set_weights([kernel, np.zeros(3, np.float32)])
    # h − h' = (z − z')W = (−½, 2)W = (−½, 2, −3): squares 0.25 + 4 + 9 over three.
    np.testing.assert_allclose(pair_distance(head(FEATURES), head(OTHERS)), [13.25 / 3, 0.0], rtol=1e-6)


def test_features_are_paired_by_their_squared_distance_where_there_are_centers():
    head = MMCLogits(3, scale=100.0)
    # ‖(−½, 2)‖² = 4.25, whatever the centers.
    np.testing.assert_allclose(pair_distance(head(FEATURES), head(OTHERS)), [4.25, 0.0], rtol=1e-6)


@pytest.mark.parametrize("loss", ["SCE", "MMC"])
def test_value_by_hand(loss):
    loop = toy_loop(loss=loss)
    batch = next(iter(loop._batches()))
    attack = make("pgd", epsilon=0.2, num_steps=3, iterate="last")
    recipe = LogitPairing(attack, num_classes=10, pairing_weight=0.7)
    per_example, logits = recipe.forward(loop.model, loop.model.loss, batch, STEP)

    images = recipe.craft(loop.model, batch, STEP)
    np.testing.assert_array_equal(
        images, FixedEpsilonTraining(attack, num_classes=10).craft(loop.model, batch, STEP)
    )
    pair = [loop.model(each) for each in (batch["images"], images)]
    labels = batch["labels"].numpy()
    h, other = (each.numpy().astype(np.float64) for each in pair)
    if loss == "MMC":
        losses = [-each[np.arange(len(labels)), labels] for each in (h, other)]
        z, moved = (head_call(each).features.numpy().astype(np.float64) for each in pair)
        distance = np.square(z - moved).sum(axis=1)
        assert np.all(distance <= 2 * (losses[0] + losses[1]))  # Appendix B.2: the loss bounds it
    else:
        losses = [
            np.log(np.exp(each).sum(axis=1)) - each[np.arange(len(labels)), labels] for each in (h, other)
        ]
        distance = np.square(h - other).mean(axis=1)
    np.testing.assert_allclose(per_example, 0.5 * (losses[0] + losses[1]) + 0.7 * distance, rtol=1e-4)
    np.testing.assert_allclose(logits, other, rtol=1e-5)


def test_without_pairing_it_is_training_on_both_halves():
    loop = toy_loop()
    batch = next(iter(loop._batches()))
    attack = make("fgsm", epsilon=0.1)
    mixed = FixedEpsilonTraining(attack, num_classes=10, adv_ratio=0.5)
    unpaired = LogitPairing(attack, num_classes=10, pairing_weight=0.0)
    losses = [recipe.forward(loop.model, loop.model.loss, batch, STEP)[0] for recipe in (mixed, unpaired)]
    np.testing.assert_allclose(*losses, rtol=1e-6)


def test_settings_reach_the_recipe():
    settings = MethodSettings(
        num_classes=10, attack_method="mim", epsilon=0.3, num_steps=4, pairing_weight=1.0
    )
    recipe = LogitPairing.from_settings(settings)
    assert (recipe.attack.name, recipe.attack.num_steps, recipe.pairing_weight) == ("mim", 4, 1.0)


def test_weight_out_of_range():
    with pytest.raises(UserError, match="pairing_weight"):
        LogitPairing(make("fgsm", epsilon=0.1), num_classes=10, pairing_weight=-1.0)
