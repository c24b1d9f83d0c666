"""What one training step does, against a step written out by hand."""

import numpy as np
import pytest
import tensorflow as tf
from toy import toy_loop

from mmc_tf.models import BackboneOptions
from mmc_tf.training.steps import batch_sums


def one_step(**settings):
    """Weights before and after one step of plain SGD, and the gradient of mean loss + L2 penalty."""
    loop = toy_loop(
        loss="MMC",
        max_steps=1,
        momentum=0.0,
        learning_rate=0.5,
        warmup_steps=0,
        options=BackboneOptions(weight_decay=0.1),
        **settings,
    )
    batch = next(iter(loop._batches()))
    variables = [v.value for v in loop.model.trainable_variables]
    centers = loop.model.get_layer("logits").centers.value
    kernels = [v for v in loop.model.trainable_variables if v.path.startswith("conv") and v.name == "kernel"]
    with tf.GradientTape() as tape:
        features = loop.model(batch["images"], training=True)._mmc_tf_head_call.features
        distances = tf.reduce_sum(tf.square(features - tf.gather(centers, batch["labels"])), axis=-1)
        penalty = 0.1 * tf.add_n([tf.reduce_sum(tf.square(kernel.value)) for kernel in kernels])
        total = tf.reduce_mean(distances) + penalty
    gradient = tape.gradient(total, variables)
    before = [v.numpy() for v in variables]
    sums = loop._train_step(batch, tf.constant(0, tf.int64))
    after = [v.numpy() for v in variables]
    assert float(sums["loss"]) == pytest.approx(float(tf.reduce_sum(distances)), rel=1e-5)
    return before, after, [g.numpy() for g in gradient]


def test_step_follows_the_gradient_of_mean_loss_and_penalty():
    for before, after, gradient in zip(*one_step(clip_norm=0.0), strict=True):
        np.testing.assert_allclose(after, before - 0.5 * gradient, rtol=1e-4, atol=1e-5)


def test_clipping_scales_the_whole_gradient_to_the_norm():
    before, after, gradient = one_step(clip_norm=0.25)
    norm = np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in gradient))
    assert norm > 0.25
    moved = np.sqrt(
        sum(np.sum(np.square(b - a, dtype=np.float64)) for b, a in zip(before, after, strict=True))
    )
    assert moved == pytest.approx(0.5 * 0.25, rel=1e-3)


def test_sums_leave_out_what_is_not_valid():
    logits = tf.constant([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    sums = batch_sums(
        tf.constant([1.0, 2.0, 4.0]), logits, tf.constant([0, 1, 1]), tf.constant([True, True, False])
    )
    assert {name: float(value) for name, value in sums.items()} == {
        "loss": 3.0,
        "correct": 1.0,
        "feature_norm": 0.0,
        "examples": 2.0,
    }
