"""A small network trained adversarially: what a network looks like on which attacks work as they should."""

import keras
import numpy as np
import tensorflow as tf

from mmc_tf.attacks import PGD
from mmc_tf.models.heads import DenseLogits

EPSILON, EPOCHS, BATCH = 0.1, 12, 64


def train(split, *, hidden=64, seed=0):
    """A network of one hidden layer, trained on PGD-5 by Adam (Madry et al., ICLR 2018); a few seconds."""
    keras.utils.set_random_seed(seed)
    images, labels = split.as_float(), np.asarray(split.labels, np.int32)
    inputs = keras.Input(images.shape[1:])
    hidden = keras.layers.Dense(hidden, activation="relu")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, DenseLogits(10)(hidden))
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(model.trainable_variables)
    inner = PGD(epsilon=EPSILON, num_steps=5, step_size=0.03, iterate="last")

    @tf.function
    def step(images, labels, indices, number):
        adversarial = inner.perturb(model, images, labels, indices=indices, seed=number)
        with tf.GradientTape() as tape:
            logits = model(adversarial, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    chance, number = np.random.default_rng(seed), 0
    for _ in range(EPOCHS):
        order = chance.permutation(len(images))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            step(
                tf.constant(images[rows]),
                tf.constant(labels[rows]),
                tf.constant(rows, tf.int64),
                tf.constant(number, tf.int64),
            )
            number += 1
    return model
