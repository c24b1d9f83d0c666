"""Saved models run under Keras' PyTorch and JAX backends, in a Python without any TensorFlow import.

Set MMC_TORCH_PYTHON (MMC_JAX_PYTHON) to an interpreter that has keras, lazy_loader, SciPy and torch (jax), or
install torch (jax) beside TensorFlow.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.models import BackboneOptions, build_classifier, head_call
from mmc_tf.models.backbones import resolve
from mmc_tf.models.heads import HEADS

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGES = np.random.default_rng(0).random((6, 20, 20, 1), dtype=np.float32)
# More than there are pixels: a whitening of rank 6 would magnify the backends' rounding a thousand times.
TRAINING_IMAGES = np.random.default_rng(1).random((1000, 20, 20, 1), dtype=np.float32)
LABELS = np.int32([0, 1, 2, 0, 1, 2])
MODELS = [  # together: every head, backbone and preprocessing
    ("resnet8", "mmc", "mean"),
    ("resnet11v2", "lgm", "mean"),
    ("wrn-10-1", "dense", "standardize"),
    ("mnist", "emc", "none"),
    ("lenet5", "mmlda", "zca"),
    ("resnet8", "hmmc", "zca"),
    ("lenet5", "center", "none"),
]

PROGRAM = """
import sys
import keras
import numpy as np
import mmc_tf.losses, mmc_tf.models.backbones
import mmc_tf.models.build  # registers the layers of saved models
from mmc_tf.models import head_call

folder, backend = sys.argv[1:]
images, labels = np.load(folder + "/images.npy"), np.load(folder + "/labels.npy")
for name in sys.stdin.read().split():
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    if backend == "torch":
        import torch

        tensor = torch.tensor(images, device=keras.src.backend.torch.core.get_device(), requires_grad=True)
        logits = model(tensor, training=False)
        picked = logits[torch.arange(len(labels)), torch.tensor(labels, dtype=torch.long)]
        (gradient,) = torch.autograd.grad(picked.sum(), tensor)
        gradient = gradient.cpu().numpy()
    else:
        import jax

        logits = model(images, training=False)
        gradient = jax.grad(lambda x: model(x, training=False)[np.arange(len(labels)), labels].sum())(images)
    logits, features = map(keras.ops.convert_to_numpy, (logits, head_call(logits).features))
    np.savez(f"{folder}/{name}.npz", logits=logits, features=features, gradient=gradient)

assert keras.backend.backend() == backend
assert not [name for name in sys.modules if name.partition(".")[0] == "tensorflow"], "TensorFlow was imported"
"""


def interpreter(backend):
    named = os.environ.get(f"MMC_{backend.upper()}_PYTHON")
    if named:
        return named
    if importlib.util.find_spec(backend):
        return sys.executable
    pytest.skip(f"{backend} is not installed here and MMC_{backend.upper()}_PYTHON is not set")


def trained_looking(name, head, preprocessing):
    """A model none of whose constants has its initial value."""
    model = build_classifier(
        name,
        input_shape=IMAGES.shape[1:],
        num_classes=3,
        head=head,
        preprocessing=preprocessing,
        training_images=TRAINING_IMAGES,
        options=BackboneOptions(seed=3),
    )
    generator = np.random.default_rng(5)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance):
                weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    return model


def test_the_models_here_cover_every_head_and_backbone():
    assert {head for _, head, _ in MODELS} == set(HEADS.names())
    families = {resolve(name).family for name, _, _ in MODELS}
    assert families == {"resnetDv1", "resnetDv2", "wrn-D-K", "mnist", "lenet5"}


@pytest.mark.parametrize(
    ("backend", "models"),
    [
        ("jax", MODELS[:2]),
        pytest.param("jax", MODELS[2:], marks=pytest.mark.slow),
        pytest.param("torch", MODELS, marks=pytest.mark.slow),
    ],
)
def test_logits_features_and_gradients_agree_with_tensorflow(backend, models, tmp_path):
    python = interpreter(backend)
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "labels.npy", LABELS)
    expected = {}
    for name, head, preprocessing in models:
        model = trained_looking(name, head, preprocessing)
        model.save(tmp_path / f"{name}_{head}.keras")
        images = tf.constant(IMAGES)
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = model(images, training=False)
            picked = tf.reduce_sum(tf.gather(logits, LABELS, batch_dims=1))
        gradient = tape.gradient(picked, images)
        expected[f"{name}_{head}"] = {
            "logits": logits.numpy(),
            "features": head_call(logits).features.numpy(),
            "gradient": gradient.numpy(),
        }
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [python, "-c", PROGRAM, str(tmp_path), backend],
        input="\n".join(expected),
        env=environment,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name, values in expected.items():
        with np.load(tmp_path / f"{name}.npz") as other:
            for key, value in values.items():
                difference = np.abs(other[key] - value).max()
                assert difference <= 1e-3 * np.abs(value).max(), f"{name} {key}: {difference}"
