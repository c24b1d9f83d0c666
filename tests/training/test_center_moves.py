"""The centers of the center loss move once a step, by the numbers of Wen et al., Eq. 4, whatever the method."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from toy import digits, toy_loop

from mmc_tf.attacks import make
from mmc_tf.attacks.objectives import slm
from mmc_tf.attacks.shortest import shortest_perturbation
from mmc_tf.data import training_batches
from mmc_tf.models import head_call
from mmc_tf.training.recipes import (
    FixedEpsilonTraining,
    LogitPairing,
    MaxMarginTraining,
    OnlyMaxMarginTraining,
    StandardTraining,
)
from mmc_tf.training.recipes.base import step_seed
from mmc_tf.training.recipes.mma import MAX_OVER_MARGIN
from mmc_tf.training.steps import make_train_step

SIZE = 40
STEP = tf.constant(3, tf.int64)
MARGINS = {"max_margin": 0.12, "min_radius": 0.05, "num_steps": 2, "num_bisections": 4}
PGD = make("pgd", epsilon=0.2, num_steps=2, iterate="last")


@pytest.fixture(scope="module")
def trained():
    """A network that is right on some images and has centers apart from 0; its weights, and a batch."""
    loop = toy_loop(loss="Center", max_steps=60, epochs=10, learning_rate=0.03, warmup_steps=0)
    loop.run()
    return (
        loop,
        loop.model.get_weights(),
        next(iter(training_batches(digits().train, batch_size=SIZE, seed=1, num_steps=1))),
    )


def moved_by_hand(features, labels, centers, weights, alpha=0.5):
    """Eq. 4 in float64, example by example."""
    moved = centers.copy()
    for j in range(len(centers)):
        own = labels == j
        pull = sum(w * (centers[j] - z) for w, z in zip(weights[own], features[own], strict=True))
        moved[j] -= alpha * pull / (1 + weights[own].sum())
    return moved


def features_of(model, images):
    return head_call(model(images)).features.numpy().astype(np.float64)


def half_of_both(model, recipe, batch):
    crafted = recipe.craft(model, batch, STEP)
    return [(batch["images"], np.full(SIZE, 0.5)), (crafted, np.full(SIZE, 0.5))]


def whole(model, recipe, batch):
    return [(recipe.craft(model, batch, STEP), np.ones(SIZE))]


def at_the_margin(model, recipe, batch):
    """Clean images with ⅓; with ⅔ those at the boundary nearer than d_max, and those that are wrong as they are."""
    images, labels = batch["images"], batch["labels"]
    correct = np.argmax(model(images), axis=1) == labels.numpy()
    found = shortest_perturbation(
        model,
        images,
        labels,
        norm="linf",
        initial_radius=tf.fill([SIZE], MARGINS["min_radius"]),
        max_radius=MAX_OVER_MARGIN * MARGINS["max_margin"],
        num_steps=MARGINS["num_steps"],
        num_bisections=MARGINS["num_bisections"],
        indices=batch["indices"],
        seed=step_seed(0, STEP),
        active=tf.constant(correct),
        soft_margin=slm,
    )
    near = found.radius.numpy() < MARGINS["max_margin"]
    counts = (~correct | near).astype(float)
    assert (~correct).any()
    assert (correct & near).any()
    assert (correct & ~near).any()
    w = recipe.clean_weight
    passes = [(found.adversarial, (1 - w) * counts)]
    return [*passes, (images, np.full(SIZE, w))] if w else passes


METHODS = {
    "standard": (StandardTraining(), lambda model, recipe, batch: [(batch["images"], np.ones(SIZE))]),
    "pgd": (FixedEpsilonTraining(PGD, num_classes=10), whole),
    "pgd, half clean": (FixedEpsilonTraining(PGD, num_classes=10, adv_ratio=0.5), half_of_both),
    "alp": (LogitPairing(PGD, num_classes=10), half_of_both),
    "mma": (MaxMarginTraining(correct_by="prediction", **MARGINS), at_the_margin),
    "omma": (OnlyMaxMarginTraining(correct_by="prediction", clean_weight=0, **MARGINS), at_the_margin),
}


@pytest.mark.parametrize("method", METHODS)
def test_a_step_moves_the_centers_once(trained, method):
    loop, weights, batch = trained
    recipe, passes_of = METHODS[method]
    model, head = loop.model, loop.model.layers[-1]
    model.set_weights(weights)
    recipe.create_state(num_examples=200, batch_size=SIZE, image_shape=(8, 8, 1))
    before = head.class_centers.numpy().astype(np.float64)
    assert np.abs(before).max() > 0.1
    passes = passes_of(model, recipe, batch)
    features = np.concatenate([features_of(model, images) for images, _ in passes])
    labels = np.tile(batch["labels"].numpy(), len(passes))
    expected = moved_by_hand(features, labels, before, np.concatenate([each for _, each in passes]))

    step = make_train_step(
        model=model,
        loss=model.loss,
        optimizer=keras.optimizers.SGD(0.01),
        recipe=recipe,
        strategy=tf.distribute.get_strategy(),
        batch_size=SIZE,
        clip_norm=0.0,
    )
    step(batch, STEP)
    np.testing.assert_allclose(head.class_centers, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(expected - before).max() > 0.05


def test_loss_scaling_leaves_the_centers_step_alone(trained):
    loop, weights, batch = trained
    model, head = loop.model, loop.model.layers[-1]
    moved = []
    for optimizer in (
        keras.optimizers.SGD(0.01),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01)),
    ):
        model.set_weights(weights)
        settings = {
            "recipe": StandardTraining(),
            "strategy": tf.distribute.get_strategy(),
            "batch_size": SIZE,
        }
        step = make_train_step(model=model, loss=model.loss, optimizer=optimizer, clip_norm=0.0, **settings)
        step(batch, STEP)
        moved.append(head.class_centers.numpy())
    np.testing.assert_allclose(*moved, rtol=1e-5)


def test_fit_moves_the_centers_once_a_batch(trained):
    loop, weights, batch = trained
    model, head = loop.model, loop.model.layers[-1]
    model.set_weights(weights)
    labels = batch["labels"].numpy()
    before = head.class_centers.numpy().astype(np.float64)
    expected = moved_by_hand(features_of(model, batch["images"]), labels, before, np.ones(SIZE))
    model.fit(batch["images"], labels, batch_size=SIZE, epochs=1, verbose=0)
    np.testing.assert_allclose(head.class_centers, expected, rtol=1e-4, atol=1e-5)
