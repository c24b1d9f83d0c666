"""Weight files of Keras 2 written by hand, with h5py alone."""

import h5py
import numpy as np

from mmc_tf.compat.layout import resnet_layers

LAMBDA, ACTIVATION = ("lambda_3", {}), ("activation_99", {})


def dense(number, given, units):
    return f"dense_{number}", {"kernel": (given, units), "bias": (units,)}


def network(version=1, blocks=1, *, use_bn=True, channels=3, end=()):
    """Names and shapes of the layers before the pooling, then those of `end`."""
    layers = resnet_layers(version, blocks, use_bn=use_bn, channels=channels)
    return [("input_1", {}), *((layer.name, dict(layer.shapes)) for layer in layers), *end]


def write(path, layers, *, fill=0.5, **attributes):
    """A file of layers (name, shapes of its weights), as Keras 2.2.4 writes it.

    `attributes` replace those of the file; None leaves one out.
    """
    names = np.array([name.encode() for name, _ in layers])
    attributes = {"layer_names": names, "backend": b"tensorflow", "keras_version": b"2.2.4"} | attributes
    with h5py.File(path, "w") as file:
        for key, value in attributes.items():
            if value is not None:
                file.attrs[key] = value
        for name, shapes in layers:
            group = file.create_group(name)
            weights = [f"{name}/{part}:0" for part in shapes]
            group.attrs["weight_names"] = np.array([weight.encode() for weight in weights])
            for weight, shape in zip(weights, shapes.values(), strict=True):
                group.create_dataset(weight, data=np.full(shape, fill, np.float32))
    return path
