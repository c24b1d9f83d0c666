"""The network under attack, its test images, and its weights for another framework."""

from __future__ import annotations

import hashlib
import pathlib
from dataclasses import dataclass

import keras
import numpy as np

from mmc_tf.checks import argument_error
from mmc_tf.data import load
from mmc_tf.training.runs import find_model, load_run


@dataclass(frozen=True)
class Subject:
    """A trained network and the first of its test images.

    Attributes:
        name: the run's.
        model: the classifier.
        images: (N, H, W, C) float32.
        labels: (N,) int32.
        digest: of weights, images and labels.
    """

    name: str
    model: keras.Model
    images: np.ndarray
    labels: np.ndarray
    digest: str

    def part(self, size: int) -> Subject:
        """The same with fewer images."""
        return Subject(self.name, self.model, self.images[:size], self.labels[:size], self.digest)

    def logits_of(self, images: np.ndarray) -> np.ndarray:
        """(N, L), in evaluation mode."""
        parts = [self.model(images[i : i + 100], training=False) for i in range(0, len(images), 100)]
        return np.concatenate([np.asarray(part) for part in parts])


def load_subject(checkpoint: str, *, data_dir: str | None, examples: int) -> Subject:
    """A run's network and test images."""
    model_file, config = find_model(checkpoint)
    if not config:
        raise argument_error("checkpoint", "a run, which says what it was trained on", checkpoint)
    model, _ = load_run(checkpoint)
    flags = config["flags"]
    split = load(flags["dataset"], data_dir=data_dir or flags["data_dir"], test_size=examples).test
    images, labels = split.as_float(), np.asarray(split.labels, np.int32)
    digest = hashlib.sha256(model_file.read_bytes() + images.tobytes()).hexdigest()[:10]
    return Subject(pathlib.Path(checkpoint).resolve().name, model, images, labels, digest)


def export(model: keras.Model) -> dict[str, np.ndarray]:
    """The weights of a ResNet v1 by `layer/number`, as `torch_network.ResNet` reads them.

    Raises:
        UserError: for another network.
    """
    names = {layer.name for layer in model.layers}
    if not model.name.startswith("resnet") or "v1" not in model.name or "subtract_pixel_mean" not in names:
        raise argument_error("checkpoint", "a ResNet v1 behind the pixel mean for this row", model.name)
    weights = {
        f"{layer.name}/{number}": np.asarray(value, np.float32)
        for layer in model.layers
        for number, value in enumerate(layer.get_weights())
    }
    head = model.layers[-1]
    if getattr(head, "has_centers", False):
        weights["centers"] = np.asarray(head.centers, np.float32)
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    return weights | {
        "mean": np.asarray(model.get_layer("subtract_pixel_mean").mean, np.float32),
        "epsilon": np.float32(norm.epsilon),
    }
