"""The compiled training and evaluation steps: one graph for every strategy."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from mmc_tf.losses import HeadLoss
from mmc_tf.models import head_call
from mmc_tf.training.center_moves import MovedOnce
from mmc_tf.training.recipes.base import Recipe

# Sums over a batch, in the order in which the loop accumulates them.
SUMS = ("loss", "correct", "feature_norm", "examples")


def make_train_step(
    *,
    model: keras.Model,
    loss: HeadLoss,
    optimizer: keras.optimizers.Optimizer,
    recipe: Recipe,
    strategy: tf.distribute.Strategy,
    batch_size: int,
    clip_norm: float,
) -> Callable[[dict, tf.Tensor], dict[str, tf.Tensor]]:
    """One step: minimizes Σ_i L_i / `batch_size` + λΣw² over the global batch.

    The data loss is divided by the *global* batch size and the L2 penalty by the number of replicas, so that the sum
    of the replicas' gradients is the gradient on one device. The centers of the center loss move once a step, however
    many passes its recipe takes (`MovedOnce`).

    Args:
        model: the classifier.
        loss: its head's loss.
        optimizer: built on the model's trainable variables.
        recipe: how a batch becomes a loss.
        strategy: any strategy; model and optimizer were made in its scope.
        batch_size: of the global batch.
        clip_norm: largest global norm of the gradient; 0 leaves it alone.

    Returns:
        A function from (batch, step) to the batch's sums (`SUMS`).
    """
    replicas = strategy.num_replicas_in_sync
    scale_loss = getattr(optimizer, "scale_loss", lambda value: value)

    def on_replica(batch, step):
        batch = recipe.prepare(batch)
        passes = MovedOnce(loss)
        with tf.GradientTape() as tape:
            if recipe.needs_image_gradient:
                tape.watch(batch["images"])
            per_example, logits = recipe.forward(model, passes, batch, step)
            total = tf.reduce_sum(per_example) / batch_size
            if model.losses:
                total += tf.add_n(model.losses) / replicas
            total = scale_loss(total)
        variables = [variable.value for variable in model.trainable_variables]
        sources = [*variables, *passes.values]
        if recipe.needs_image_gradient:
            sources.append(batch["images"])
        gradients = tape.gradient(total, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        if recipe.needs_image_gradient:
            recipe.absorb(batch, gradients.pop(), step)
        gradients, shares = gradients[: len(variables)], gradients[len(variables) :]
        # The total is a mean over the global batch, and scaled in half precision.
        passes.move_centers(shares, unit=scale_loss(tf.constant(1.0 / batch_size)))
        if clip_norm:
            gradients = _clip(gradients, clip_norm, replicas, optimizer)
        optimizer.apply(gradients, model.trainable_variables)
        return batch_sums(per_example, logits, batch["labels"])

    @tf.function
    def train_step(batch, step):
        return _reduced(strategy, strategy.run(on_replica, args=(batch, step)))

    return train_step


def _clip(gradients, clip_norm: float, replicas: int, optimizer):
    """Clips the gradient of the global batch, which only exists after the replicas' gradients are summed.

    The optimizer sums over the replicas once more, hence the division.
    """
    if replicas > 1:
        context = tf.distribute.get_replica_context()
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    loss_scale = getattr(optimizer, "dynamic_scale", 1.0)
    clipped, _ = tf.clip_by_global_norm(gradients, clip_norm * tf.convert_to_tensor(loss_scale))
    return [gradient / replicas for gradient in clipped]


def make_eval_step(*, model: keras.Model, loss: HeadLoss, strategy: tf.distribute.Strategy):
    """A function from a padded batch to the sums (`SUMS`) over its valid examples, in inference mode."""

    def on_replica(batch):
        logits = model(batch["images"], training=False)
        per_example = loss.per_example(batch["labels"], logits)
        return batch_sums(per_example, logits, batch["labels"], batch["valid"])

    @tf.function
    def eval_step(batch):
        return _reduced(strategy, strategy.run(on_replica, args=(batch,)))

    return eval_step


def make_synchronize(*, model: keras.Model, strategy: tf.distribute.Strategy) -> Callable[[], None]:
    """A function that gives every replica the mean of all replicas' batch-norm statistics.

    Keras keeps one copy a replica, moved by that replica's part of each batch. They are made equal before the model is
    evaluated or saved, so that a network does not depend on which replica wrote it.
    """
    layers = [
        layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)
    ]
    statistics = [weight.value for layer in layers for weight in (layer.moving_mean, layer.moving_variance)]
    if strategy.num_replicas_in_sync == 1 or not statistics:
        return lambda: None

    def on_replica():
        context = tf.distribute.get_replica_context()
        means = context.all_reduce(
            tf.distribute.ReduceOp.MEAN, [tf.identity(weight) for weight in statistics]
        )
        for weight, mean in zip(statistics, means, strict=True):
            weight.assign(mean)

    @tf.function
    def synchronize():
        strategy.run(on_replica)

    return synchronize


def batch_sums(per_example, logits, labels, valid=None) -> dict[str, tf.Tensor]:
    """Sums of loss, correct predictions, feature norms and examples over a batch, where `valid`."""
    weights = tf.ones_like(per_example) if valid is None else tf.cast(valid, per_example.dtype)
    correct = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.cast(labels, tf.int32))
    call = head_call(logits)
    norms = (
        tf.zeros_like(per_example) if call is None else tf.norm(tf.cast(call.features, tf.float32), axis=-1)
    )
    return {
        "loss": tf.reduce_sum(per_example * weights),
        "correct": tf.reduce_sum(tf.cast(correct, tf.float32) * weights),
        "feature_norm": tf.reduce_sum(norms * weights),
        "examples": tf.reduce_sum(weights),
    }


def _reduced(strategy: tf.distribute.Strategy, per_replica: dict) -> dict[str, tf.Tensor]:
    return {
        name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
        for name, value in per_replica.items()
    }
