"""The original code's networks, written down anew for Keras 2 (`tf_keras`), and their weight files."""

import numpy as np
import tf_keras
from tf_keras import layers

CENTERS = "centers"


def resnet(
    version, blocks, *, channels=3, side=32, use_bn=True, use_leaky=False, dense=256, classes=10, centers=None
):
    """A functional model in the order in which the original code creates its layers.

    With `centers` (L, d) the last layer is a Lambda without weights; otherwise a dense layer and a softmax. The
    network's features, for tests, are the output of the layer before.
    """

    def activation(x):
        return layers.LeakyReLU(alpha=0.1)(x) if use_leaky else layers.Activation("relu")(x)

    def norm(x):
        return layers.BatchNormalization()(x) if use_bn else x

    def conv(filters, size=3, strides=1):
        return layers.Conv2D(
            filters,
            kernel_size=size,
            strides=strides,
            padding="same",
            kernel_initializer="he_normal",
            kernel_regularizer=tf_keras.regularizers.l2(1e-4),
        )

    def block_1(x, filters, stage, first):
        strides = 2 if stage and first else 1
        y = activation(norm(conv(filters, strides=strides)(x)))
        y = norm(conv(filters)(y))
        if stage and first:
            x = conv(filters, 1, strides)(x)
        return activation(layers.add([x, y]))

    def block_2(x, narrow, wide, stage, first):
        strides = 2 if stage and first else 1
        y = x if first and not stage else activation(norm(x))
        y = conv(narrow, 1, strides)(y)
        y = conv(narrow)(activation(norm(y)))
        y = conv(wide, 1)(activation(norm(y)))
        if first:
            x = conv(wide, 1, strides)(x)
        return layers.add([x, y])

    images = layers.Input((side, side, channels))
    x = activation(norm(conv(16)(images)))
    for stage in range(3):
        for block in range(blocks):
            if version == 1:
                x = block_1(x, 16 * 2**stage, stage, block == 0)
            else:
                x = block_2(x, (16, 64, 128)[stage], 64 * 2**stage, stage, block == 0)
    if version == 2:
        x = activation(norm(x))
    x = layers.Flatten()(layers.AveragePooling2D(pool_size=side // 4)(x))
    if dense:
        x = layers.Dense(dense, kernel_initializer="he_normal")(x)
    if centers is not None:
        means = np.float32(centers)

        def distances(z):
            return -tf_keras.backend.sum(tf_keras.backend.square(z[:, None, :] - means[None]), axis=-1)

        return tf_keras.Model(images, layers.Lambda(distances)(x))
    logits = layers.Dense(classes, kernel_initializer="he_normal")(x)
    return tf_keras.Model(images, layers.Activation("softmax")(logits))


def randomize(model, seed=0):
    """Biases, and statistics of batch norm, that are not those of the start."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            size = layer.gamma.shape[0]
            draw = random.uniform(0.5, 1.5, size), random.normal(0, 0.2, size)
            layer.set_weights([*draw, random.normal(0, 0.3, size), random.uniform(0.05, 2.0, size)])
        elif layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, random.normal(0, 0.1, bias.shape)])
    return model


def scores(model, images, *, eager=False):
    """Logits of a twin: the output of its head of centers, or the input of its softmax."""
    last = model.layers[-1]
    logits = model if isinstance(last, layers.Lambda) else tf_keras.Model(model.input, last.input)
    return logits(images, training=False).numpy() if eager else logits.predict(images, verbose=0)
