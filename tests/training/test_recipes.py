"""Recipes: what they minimize, and that adversarial training buys robustness."""

import numpy as np
import pytest
import tensorflow as tf
from toy import digits, toy_loop

from mmc_tf.attacks import make
from mmc_tf.checks import UserError
from mmc_tf.training.recipes import METHODS, FixedEpsilonTraining, StandardTraining


def _batch(loop):
    return next(iter(loop._batches()))


def _mean_loss(recipe, loop, batch, step=3):
    per_example, _ = recipe.forward(loop.model, loop.model.loss, batch, tf.constant(step, tf.int64))
    return float(tf.reduce_mean(per_example))


@pytest.mark.parametrize("loss", ["SCE", "MMC"])
def test_adv_ratio_mixes_clean_and_adversarial_loss(loss):
    loop = toy_loop(loss=loss)
    batch = _batch(loop)
    attack = make("pgd", epsilon=0.2, num_steps=3, iterate="last")
    clean = _mean_loss(StandardTraining(), loop, batch)
    adversarial = _mean_loss(FixedEpsilonTraining(attack, num_classes=10), loop, batch)
    mixed = _mean_loss(FixedEpsilonTraining(attack, num_classes=10, adv_ratio=0.3), loop, batch)
    none = _mean_loss(FixedEpsilonTraining(attack, num_classes=10, adv_ratio=0.0), loop, batch)
    assert adversarial > clean
    assert mixed == pytest.approx(0.7 * clean + 0.3 * adversarial, rel=1e-5)
    assert none == pytest.approx(clean, rel=1e-6)


def test_starts_change_with_the_step_and_not_with_the_batch():
    loop = toy_loop()
    batch = _batch(loop)
    recipe = FixedEpsilonTraining(make("pgd", epsilon=0.2, num_steps=1, iterate="last"), num_classes=10)

    def crafted(batch, step):
        step = tf.constant(step, tf.int64)
        return recipe.craft(loop.model, batch, step).numpy()

    half = {name: value[10:] for name, value in batch.items()}
    np.testing.assert_allclose(crafted(batch, 5)[10:], crafted(half, 5), atol=1e-6)
    assert np.abs(crafted(batch, 5) - crafted(batch, 6)).max() > 0.05


def test_targeted_training_approaches_wrong_classes():
    loop = toy_loop(loss="SCE", max_steps=40, epochs=10)
    batch = _batch(loop)
    loop.run()
    attack = make("pgd", epsilon=0.3, num_steps=10, targeted=True, iterate="last")
    recipe = FixedEpsilonTraining(attack, num_classes=10)
    images = recipe.craft(loop.model, batch, tf.constant(0, tf.int64))
    hit = np.argmax(loop.model(images), axis=-1) != batch["labels"].numpy()
    assert hit.mean() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["SCE", "MMC"])
def test_adversarial_training_raises_robust_accuracy_by_tens_of_points(loss):
    train = digits(train_size=1200).train
    attack = make("pgd", epsilon=0.2, num_steps=10, iterate="last")
    robust = {}
    for name, recipe in {
        "standard": StandardTraining(),
        "adversarial": FixedEpsilonTraining(attack, num_classes=10),
    }.items():
        loop = toy_loop(loss=loss, recipe=recipe, train=train, epochs=15, batch_size=50)
        loop.run()
        # The margin, because softmax cross-entropy and un1 flatter MMC heads.
        judge = make("pgd", epsilon=0.2, num_steps=20, objective="margin")
        result = judge(loop.model, loop.monitored.images, loop.monitored.labels, seed=1)
        robust[name] = 1 - result.misclassified.mean()
    assert robust["adversarial"] > robust["standard"] + 0.2, robust


def test_adv_ratio_out_of_range():
    with pytest.raises(UserError, match="adv_ratio"):
        FixedEpsilonTraining(make("fgsm", epsilon=0.1), num_classes=10, adv_ratio=1.5)


def test_unknown_method_lists_the_choices():
    with pytest.raises(
        UserError, match=f"Expected one of {', '.join(METHODS.names())}. Received: method=curriculum"
    ):
        METHODS.get("curriculum")
    assert set(METHODS.names()) == {
        *("standard", "pgd", "pgdls", "mma", "omma", "trades", "alp", "ddn", "free", "fast")
    }
