"""Max-margin training: what one step minimizes, what it does to margins, and its memory."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from toy import digits, losses_of, toy_loop, weights_of

from mmc_tf.attacks.objectives import margin, slm, tempered_slm
from mmc_tf.attacks.shortest import shortest_perturbation
from mmc_tf.checks import UserError
from mmc_tf.classifier import read_scores
from mmc_tf.losses import SCE
from mmc_tf.models.heads import HEADS, DenseLogits
from mmc_tf.training import checkpoints
from mmc_tf.training.recipes import METHODS, FixedEpsilonTraining, MaxMarginTraining, MethodSettings
from mmc_tf.training.recipes.base import step_seed
from mmc_tf.training.recipes.mma import head_temperature
from mmc_tf.training.runs import RunFolder
from mmc_tf.training.steps import make_train_step

SETTINGS = {"max_margin": 0.4, "min_radius": 0.1, "num_steps": 5}


def _recipe(**settings) -> MaxMarginTraining:
    return MaxMarginTraining(**SETTINGS | settings)


def _step_on_one_pixel(recipe) -> float:
    """The margin, after one step of SGD, of x = 0.2 on a model whose margin is 0.3 before.

    The lead of class 0 is (w_0 − w_1)·10(x − 0.6) + b_0 − b_1 = −10(x − 0.6) − 1: a step at the boundary x = 0.5 adds
    to it there 1 + (−1)(−1) > 0, one at x = 0.8 adds 1 + 2·(−1) < 0.
    """
    inputs = keras.Input((1, 1, 1))
    features = keras.layers.Rescaling(10.0, offset=-6.0)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, DenseLogits(2)(features))
    head = model.layers[-1]
    head.kernel.assign([[-0.5, 0.5]])
    head.bias.assign([-0.5, 0.5])
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)
    recipe.create_state(num_examples=1, batch_size=1, image_shape=(1, 1, 1))
    step = make_train_step(
        model=model,
        loss=SCE(),
        optimizer=optimizer,
        recipe=recipe,
        strategy=tf.distribute.get_strategy(),
        batch_size=1,
        clip_norm=0.0,
    )
    batch = {
        "images": tf.fill((1, 1, 1, 1), 0.2),
        "labels": tf.constant([0], tf.int32),
        "indices": tf.constant([0], tf.int64),
    }
    step(batch, tf.constant(0, tf.int64))
    (kernel,), bias = head.kernel.numpy(), head.bias.numpy()
    return 0.6 - (bias[0] - bias[1]) / (kernel[0] - kernel[1]) / 10 - 0.2


def test_a_step_at_the_boundary_enlarges_the_margin_and_one_too_far_out_shrinks_it():
    """Theorem 2.1 and Figure 2d."""
    settings = MethodSettings(num_classes=2, epsilon=0.6, num_steps=10, max_margin=0.7, min_radius=0.1)
    assert _step_on_one_pixel(METHODS.get("omma").from_settings(settings)) > 0.301
    assert _step_on_one_pixel(METHODS.get("mma").from_settings(settings)) > 0.301
    assert _step_on_one_pixel(METHODS.get("pgd").from_settings(settings)) < 0.299


def test_soft_margin_bounds_the_margin():
    """Proposition 2.3, at temperature 1 and others."""
    generator = np.random.default_rng(0)
    labels = tf.constant(generator.integers(0, 10, 500), tf.int32)
    scores = read_scores(tf.constant(generator.normal(0, 30, (500, 10)), tf.float32))
    hard = margin(scores, labels).numpy()
    for temperature, objective in ((1.0, slm), (1.0, tempered_slm(1.0)), (40.0, tempered_slm(40.0))):
        soft = objective(scores, labels).numpy()
        assert (soft >= hard - 1e-4).all()
        assert (soft <= hard + temperature * np.log(9) + 1e-4).all()
    assert (tempered_slm(40.0)(scores, labels).numpy() > hard + 1).mean() > 0.5


@pytest.mark.parametrize("head", ["dense", "mmc"])
def test_gradient_of_cross_entropy_is_that_of_the_soft_margin_times_a_share(head):
    """Proposition 2.4 on logits divided by T: ∇CE = r ∇SLM/T with r = 1 − p_y."""
    generator = np.random.default_rng(1)
    layer = HEADS.get(head)(5)
    features = tf.constant(generator.normal(0, 3, (20, 8)), tf.float32)
    labels = tf.constant(generator.integers(0, 5, 20), tf.int32)
    layer(features)
    temperature = head_temperature(layer)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(features)
        scores = read_scores(layer(features))
        logits = scores.logits / temperature
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        soft = tempered_slm(temperature)(scores, labels)
    share = 1 - tf.gather(tf.nn.softmax(logits), labels, batch_dims=1)
    expected = share[:, None] * tape.gradient(soft, features) / temperature
    np.testing.assert_allclose(tape.gradient(entropy, features), expected, atol=2e-6)


def test_temperature_of_heads():
    """Ten simplex centers of norm C are √(2·10/9) C apart; a tenth of the square is C²/4.5."""
    features = np.zeros((1, 16), np.float32)
    for name, expected in (
        ("mmc", 100 / 4.5),
        ("emc", 100 / 4.5),
        ("dense", 1.0),
        ("mmlda", 1.0),
        ("lgm", 1.0),
    ):
        head = HEADS.get(name)(10)
        head(features)
        assert float(head_temperature(head)) == pytest.approx(expected, rel=1e-5)


def _first_batch(loop):
    loop.step = 0
    return next(iter(loop._batches()))


def _forward(recipe, loop, step=0):
    batch = _first_batch(loop)
    recipe.create_state(num_examples=len(loop.train), batch_size=20, image_shape=(8, 8, 1))
    per_example, _ = recipe.forward(loop.model, loop.model.loss, batch, tf.constant(step, tf.int64))
    return batch, per_example.numpy()


@pytest.mark.parametrize("loss", ["SCE", "MMC"])
def test_wrong_examples_have_the_clean_loss_and_those_beyond_the_hinge_a_third(loss):
    loop = toy_loop(loss=loss, max_steps=60, epochs=9)
    loop.run()
    recipe = _recipe(max_margin=1e-4, min_radius=1e-5)
    batch, per_example = _forward(recipe, loop)
    logits = loop.model(batch["images"])
    clean = loop.model.loss.per_example(batch["labels"], logits).numpy()
    temperature = head_temperature(loop.model.layers[-1])
    correct = tempered_slm(temperature)(read_scores(logits), batch["labels"]).numpy() < 0
    assert 0 < correct.sum() < 20
    np.testing.assert_allclose(per_example[~correct], clean[~correct], rtol=1e-5)
    np.testing.assert_allclose(per_example[correct], clean[correct] / 3, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("loss", "margin_loss"), [("SCE", "head"), ("MMC", "head"), ("MMC", "ce")])
def test_loss_and_memory_are_those_of_the_shortest_perturbation(loss, margin_loss):
    loop = toy_loop(loss=loss, max_steps=60, epochs=9)
    loop.run()
    recipe = _recipe(margin_loss=margin_loss)
    batch, per_example = _forward(recipe, loop, step=4)
    images, labels = batch["images"], batch["labels"]
    temperature = head_temperature(loop.model.layers[-1])
    logits = loop.model(images)
    correct = tempered_slm(temperature)(read_scores(logits), labels).numpy() < 0
    found = shortest_perturbation(
        loop.model,
        images,
        labels,
        norm="linf",
        initial_radius=tf.fill((20,), 0.1),
        max_radius=0.42,
        num_steps=5,
        indices=batch["indices"],
        seed=step_seed(0, tf.constant(4)),
        active=tf.constant(correct),
        soft_margin=tempered_slm(temperature),
    )
    memory = recipe.variables[0].numpy()
    np.testing.assert_allclose(memory[batch["indices"]], np.where(correct, found.radius, 0), atol=1e-6)
    unseen = np.setdiff1d(np.arange(len(loop.train)), batch["indices"])
    np.testing.assert_array_equal(memory[unseen], np.float32(0.1))
    boundary_logits = loop.model(found.adversarial)
    if margin_loss == "head":
        at_boundary = loop.model.loss.per_example(labels, boundary_logits)
    else:
        scaled = read_scores(boundary_logits).logits / temperature
        at_boundary = temperature * tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scaled)
    counts = ~correct | (found.radius.numpy() < 0.4)
    assert counts[correct].sum() > 0
    clean = loop.model.loss.per_example(labels, logits)
    np.testing.assert_allclose(per_example, clean / 3 + counts * at_boundary * 2 / 3, rtol=1e-4)


def test_the_next_search_starts_where_the_last_one_ended():
    """With no bisection and one PGD step the first radius decides what is found."""
    loop = toy_loop(loss="SCE", max_steps=60, epochs=9)
    loop.run()
    recipe = _recipe(num_bisections=0, num_steps=1)
    batch, _ = _forward(recipe, loop)
    near, far = recipe.variables[0], tf.fill((len(loop.train),), 0.3)
    first = near.numpy()[batch["indices"]]
    near.assign(far)
    recipe.forward(loop.model, loop.model.loss, batch, tf.constant(0, tf.int64))
    second = near.numpy()[batch["indices"]]
    crossed = (first > 0) & (first < 0.15)
    assert crossed.any()
    np.testing.assert_allclose(second[(second > 0) & (second < 0.42)], 0.3, atol=1e-6)


def test_lengths_lie_between_zero_and_the_limit_and_grow_with_training():
    train = digits(train_size=400).train
    recipe = _recipe()
    loop = toy_loop(loss="SCE", recipe=recipe, train=train, epochs=6, learning_rate=0.05)
    averages = []
    for epoch in range(6):
        loop.num_steps = (epoch + 1) * 20
        loop.run()
        memory = recipe.variables[0].numpy()
        assert memory.min() >= 0
        assert memory.max() <= np.float32(1.05 * 0.4)
        averages.append(memory.mean())
    assert averages[-1] > averages[0] + 0.03, averages


def test_memory_of_a_resumed_run_is_the_same_bit_for_bit(tmp_path):
    whole = toy_loop(recipe=_recipe(), folder=RunFolder(tmp_path / "a"), max_steps=14, checkpoint_every=3)
    losses_of(whole)

    class KilledError(Exception):
        pass

    def killed(step, loss):
        if step == 7:
            raise KilledError

    first = toy_loop(recipe=_recipe(), folder=RunFolder(tmp_path / "b"), max_steps=14, checkpoint_every=3)
    with pytest.raises(KilledError):
        first.run(on_step=killed)
    second = toy_loop(recipe=_recipe(), folder=RunFolder(tmp_path / "b"), max_steps=14, checkpoint_every=3)
    second.restore(checkpoints.newest(tmp_path / "b" / "checkpoints"))
    assert second.step == 6
    losses_of(second)
    np.testing.assert_array_equal(second.recipe.variables[0].numpy(), whole.recipe.variables[0].numpy())
    for mine, other in zip(weights_of(second), weights_of(whole), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_two_replicas_take_the_steps_and_keep_the_memory_of_one(mirrored):
    alone = toy_loop(recipe=_recipe(), max_steps=12)
    together = toy_loop(recipe=_recipe(), max_steps=12, strategy=mirrored)
    np.testing.assert_allclose(losses_of(together), losses_of(alone), rtol=1e-4)
    copies = [copy.numpy() for copy in mirrored.experimental_local_results(together.recipe.variables[0])]
    np.testing.assert_array_equal(copies[0], copies[1])
    np.testing.assert_allclose(copies[0], alone.recipe.variables[0].numpy(), atol=2e-3)


def test_the_clean_weight_is_that_of_the_method():
    settings = MethodSettings(num_classes=10)
    assert METHODS.get("mma").from_settings(settings).clean_weight == pytest.approx(1 / 3)
    assert METHODS.get("omma").from_settings(settings).clean_weight == 0


def test_bad_settings():
    for settings, name in (
        ({"max_margin": 0.0}, "max_margin"),
        ({"norm": "l1"}, "norm"),
        ({"clean_weight": 2}, "clean_weight"),
        ({"margin_loss": "slm"}, "margin_loss"),
        ({"correct_by": "luck"}, "correct_by"),
    ):
        with pytest.raises(UserError, match=name):
            _recipe(**settings)
        with pytest.raises(UserError, match=name):
            METHODS.get("mma").from_settings(MethodSettings(**{"num_classes": 10} | settings))


def test_fixed_radius_recipes_remember_nothing():
    recipe = FixedEpsilonTraining.from_settings(MethodSettings(num_classes=10))
    recipe.create_state(num_examples=10, batch_size=5, image_shape=(8, 8, 1))
    assert recipe.variables == ()
