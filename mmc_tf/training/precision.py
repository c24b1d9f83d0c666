"""What a training computes in on this machine: one step's weight gradients, timed in each precision."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmc_tf.losses import HeadLoss
from mmc_tf.models.precision import (
    AUTO,
    BATCH_SIZE,
    PrecisionChoice,
    as_asked,
    choose_precision,
    measure_steps,
    unmeasured,
)
from mmc_tf.training.cluster import num_workers
from mmc_tf.training.plan import TrainingPlan

# mixed_float16 is not among them: it needs loss scaling, and not every recipe bears it.
MEASURED = ("float32", "mixed_bfloat16")
Build = Callable[[TrainingPlan, tf.distribute.Strategy], tuple[keras.Model, HeadLoss]]


def settle_precision(plan: TrainingPlan, build: Build, *, resume: bool) -> TrainingPlan:
    """Return the plan with the precision that it is trained in, and why; `auto` is settled here.

    A resumed run keeps what its `config.json` says, on whatever machine it goes on. Several machines take float32,
    since each would measure for itself.

    Args:
        plan: any; one that is settled comes back as it is.
        build: from a plan and a strategy to model and loss.
        resume: whether the run is gone on with, if it is there.
    """
    if plan.precision is not None:
        return plan
    if plan.settings.precision != AUTO:
        return dataclasses.replace(plan, precision=as_asked(plan.settings.precision))
    if resume and plan.folder.config_file.exists():
        kept = _kept(plan.folder.read_config())
        choice = PrecisionChoice(kept, {}, f"{kept}: as the run that is resumed")
    elif num_workers() > 1:
        choice = unmeasured("several machines compute alike (--precision says in what)")
    else:
        choice = _measure(plan, build)
    settings = dataclasses.replace(plan.settings, precision=choice.precision)
    return dataclasses.replace(plan, settings=settings, precision=choice)


def _kept(config: dict[str, Any]) -> str:
    """What a run was begun in; one of older programs says so in its flags alone."""
    return config.get("precision", {}).get("used") or config["flags"]["precision"]


def _measure(plan: TrainingPlan, build: Build) -> PrecisionChoice:
    # Means of pixels need not be right to be as fast, and whitening takes longer to find than all else here.
    few = dataclasses.replace(plan.dataset, train=plan.dataset.train.part(0, BATCH_SIZE))
    preprocessing = "mean" if plan.preprocessing == "zca" else plan.preprocessing
    steps = {}
    for precision in MEASURED:
        settings = dataclasses.replace(plan.settings, precision=precision)
        small = dataclasses.replace(plan, dataset=few, preprocessing=preprocessing, settings=settings)
        model, loss = build(small, tf.distribute.get_strategy())
        steps[precision] = _training_step(model, loss, plan.dataset.image_shape)
    return choose_precision(measure_steps(steps))


def _training_step(model: keras.Model, loss: HeadLoss, image_shape: tuple[int, ...]) -> Callable[[int], None]:
    """One pass forward and back to the weights, on so many images."""

    @tf.function(input_signature=[tf.TensorSpec((None, *image_shape), tf.float32)])
    def gradients(images: tf.Tensor) -> tf.Tensor:
        labels = tf.zeros(tf.shape(images)[0], tf.int32)
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(loss.per_example(labels, model(images, training=True)))
        found = tape.gradient(total, model.trainable_variables, unconnected_gradients="zero")
        return tf.add_n([tf.reduce_sum(tf.cast(each, tf.float32)) for each in found])

    pool = np.random.default_rng(0).uniform(size=image_shape).astype(np.float32)

    def step(count: int) -> None:
        gradients(tf.constant(np.repeat(pool[None], count, axis=0))).numpy()

    return step
