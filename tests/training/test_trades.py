"""TRADES: its gradient by hand on a linear model, its images, its temperature."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from toy import toy_loop

from mmc_tf.checks import UserError
from mmc_tf.losses import LOSSES
from mmc_tf.training.recipes import MethodSettings, TradesTraining
from mmc_tf.training.recipes.mma import head_temperature
from mmc_tf.training.recipes.trades import START_DEVIATION, kl_divergence

STEP = tf.constant(3, tf.int64)


def linear_model(*, num_classes=3, side=2):
    """Wx + b on side² pixels, and the weights."""
    rng = np.random.default_rng(0)
    model = keras.Sequential(
        [keras.Input((side, side, 1)), keras.layers.Flatten(), keras.layers.Dense(num_classes)]
    )
    model.set_weights([rng.normal(size=(side * side, num_classes)), rng.normal(size=num_classes)])
    return model


def batch_of(model, size=5):
    rng = np.random.default_rng(1)
    images = rng.uniform(0.3, 0.7, (size, *model.input_shape[1:])).astype(np.float32)
    return {
        "images": tf.constant(images),
        "labels": tf.constant(rng.integers(0, model.output_shape[1], size), tf.int32),
        "indices": tf.range(size, dtype=tf.int64),
    }


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def test_gradient_is_the_one_written_by_hand():
    model, beta, temperature = linear_model(), 6.0, 1.7
    batch = batch_of(model)
    recipe = TradesTraining(epsilon=0.1, step_size=0.03, num_steps=5, beta=beta, temperature=temperature)
    with tf.GradientTape() as tape:
        per_example, _ = recipe.forward(model, LOSSES.get("SCE")(), batch, STEP)
        total = tf.reduce_sum(per_example)
    kernel, bias = tape.gradient(total, [variable.value for variable in model.trainable_variables])

    x = batch["images"].numpy().reshape(5, -1).astype(np.float64)
    adversarial = recipe.craft(model, batch, STEP).numpy().reshape(5, -1).astype(np.float64)
    weights, offset = (array.astype(np.float64) for array in model.get_weights())
    one_hot = np.eye(3)[batch["labels"]]
    # ∂CE/∂h = softmax(h) − y; with p, q of h/T and h'/T: ∂KL/∂h' = (q − p)/T, ∂KL/∂h = p·(log p/q − KL)/T.
    clean_logits, logits = x @ weights + offset, adversarial @ weights + offset
    p, q = softmax(clean_logits / temperature), softmax(logits / temperature)
    divergence = np.sum(p * np.log(p / q), axis=1, keepdims=True)
    in_clean = softmax(clean_logits) - one_hot + beta * p * (np.log(p / q) - divergence) / temperature
    in_adversarial = beta * (q - p) / temperature
    np.testing.assert_allclose(kernel, x.T @ in_clean + adversarial.T @ in_adversarial, rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(bias, (in_clean + in_adversarial).sum(axis=0), rtol=2e-4, atol=1e-5)
    clean_loss = -np.log(softmax(clean_logits)[np.arange(5), batch["labels"]])
    np.testing.assert_allclose(per_example, clean_loss + beta * divergence[:, 0], rtol=1e-4)


def test_two_classes_are_driven_to_the_corner_that_the_divergence_grows_towards():
    """With two classes and a linear model the divergence grows along ±(w_1 − w_0); x' lies in a corner of the ball."""
    model = linear_model(num_classes=2)
    batch = batch_of(model)
    recipe = TradesTraining(epsilon=0.1, step_size=0.05, num_steps=8)
    delta = (recipe.craft(model, batch, STEP) - batch["images"]).numpy().reshape(5, -1)
    direction = np.sign(np.diff(model.get_weights()[0], axis=1)[:, 0])
    agreement = delta / (0.1 * direction)
    np.testing.assert_allclose(np.abs(agreement), 1.0, rtol=1e-5)
    np.testing.assert_allclose(agreement, agreement[:, :1] * np.ones_like(agreement), rtol=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_images_stay_in_ball_and_box_and_diverge_more_than_the_start(norm):
    loop = toy_loop(loss="MMC")
    batch = next(iter(loop._batches()))
    recipe = TradesTraining(norm=norm, epsilon=0.2, step_size=0.05, num_steps=10)
    clean, images = batch["images"].numpy(), recipe.craft(loop.model, batch, STEP).numpy()
    assert images.min() >= 0
    assert images.max() <= 1
    order = np.inf if norm == "linf" else 2
    size = np.linalg.norm((images - clean).reshape(len(clean), -1), ord=order, axis=1)
    assert np.all(size <= 0.2 * (1 + 1e-5))
    assert np.all(size > 10 * START_DEVIATION)


def test_the_radius_grows():
    loop = toy_loop(loss="SCE")
    batch = next(iter(loop._batches()))
    recipe = TradesTraining(epsilon=0.2, step_size=0.05, num_steps=10, epsilon_warmup_steps=8)

    def size(step):
        images = recipe.craft(loop.model, batch, tf.constant(step, tf.int64))
        return float(tf.reduce_max(tf.abs(images - batch["images"])))

    assert [size(0), size(3), size(7), size(30)] == pytest.approx([0.025, 0.1, 0.2, 0.2], rel=1e-4)


def test_the_temperature_of_center_heads_gives_the_divergence_a_gradient():
    """Logits of an MMC head at its centers differ by 222: softmax is 1 to the last bit, and KL is flat."""
    loop = toy_loop(loss="MMC")
    batch = next(iter(loop._batches()))
    loop.run()
    head_own = float(head_temperature(loop.model.layers[-1]))
    assert head_own == pytest.approx(22.22, rel=1e-3)  # ‖µ_i − µ_j‖² = 2·C²·L/(L − 1), C = 10, L = 10
    divergence = {}
    for temperature in (None, 1e-2):
        recipe = TradesTraining(epsilon=0.1, step_size=0.02, num_steps=5, temperature=temperature)
        images = recipe.craft(loop.model, batch, STEP)
        scores = [loop.model(each) for each in (batch["images"], images)]
        divergence[temperature] = kl_divergence(*scores, temperature=head_own).numpy().mean()
    assert divergence[None] > 1.2 * divergence[1e-2]


def test_settings_reach_the_recipe():
    settings = MethodSettings(num_classes=10, epsilon=0.3, num_steps=10, beta=4.0, epsilon_warmup_steps=7)
    recipe = TradesTraining.from_settings(settings)
    assert (recipe.step_size, recipe.beta, recipe.epsilon_warmup_steps) == (pytest.approx(0.075), 4.0, 7)


@pytest.mark.parametrize(
    ("argument", "value"), [("beta", -1.0), ("temperature", 0.0), ("norm", "l1"), ("num_steps", 0)]
)
def test_values_out_of_range(argument, value):
    with pytest.raises(UserError, match=argument):
        TradesTraining(**{"epsilon": 0.1, "step_size": 0.1, "num_steps": 1, argument: value})
