"""A small classifier and its loop, for the tests of training."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mmc_tf.data import Split, load
from mmc_tf.losses import LOSSES
from mmc_tf.models import BackboneOptions, build_classifier
from mmc_tf.training.loop import TrainingLoop
from mmc_tf.training.optimizers import make_optimizer
from mmc_tf.training.recipes import StandardTraining
from mmc_tf.training.settings import LoopSettings


def digits(train_size: int = 200, test_size: int = 100):
    """The first of scikit-learn's digits."""
    return load("digits", train_size=train_size, test_size=test_size)


def toy_loop(
    *,
    loss="MMC",
    strategy=None,
    recipe=None,
    train: Split | None = None,
    folder=None,
    options=None,
    should_stop=lambda: False,
    **settings,
) -> TrainingLoop:
    """A loop around a LeNet5 without batch norm on digits."""
    data = digits()
    strategy = strategy or tf.distribute.get_strategy()
    settings = LoopSettings(**{"epochs": 2, "batch_size": 20, "learning_policy": "constant", **settings})
    loss = LOSSES.get(loss)()
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = build_classifier(
            "lenet5",
            input_shape=(8, 8, 1),
            num_classes=10,
            head=loss.head,
            options=options or BackboneOptions(weight_decay=1e-3),
        )
        optimizer = make_optimizer(
            settings.optimizer, learning_rate=settings.learning_rate, momentum=settings.momentum
        )
        optimizer.build(model.trainable_variables)
        model.compile(optimizer=optimizer, loss=loss)
    return TrainingLoop(
        model=model,
        loss=loss,
        recipe=recipe or StandardTraining(),
        train=train or data.train,
        monitored=data.test,
        monitored_name="test",
        settings=settings,
        strategy=strategy,
        folder=folder,
        collapse_scale=10.0 if loss.head in ("mmc", "emc") else None,
        progress=False,
        should_stop=should_stop,
    )


def losses_of(loop: TrainingLoop) -> np.ndarray:
    """The mean loss of every step of a run."""
    losses: list[float] = []
    loop.run(on_step=lambda step, loss: losses.append(loss))
    return np.array(losses)


def weights_of(loop: TrainingLoop) -> list[np.ndarray]:
    """All variables of model and optimizer."""
    return [v.numpy() for v in (*loop.model.variables, *loop.optimizer.variables)]
