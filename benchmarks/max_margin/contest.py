"""Max-margin training on MNIST: the cost of a step beside PGD's, and examples per second beside PyTorch's loop."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from speed.clock import clock_name, now

from mmc_tf.checks import UserError
from mmc_tf.data import Split, training_batches
from mmc_tf.losses import SCE
from mmc_tf.models import build_classifier
from mmc_tf.training.optimizers import make_optimizer
from mmc_tf.training.recipes import METHODS, MethodSettings, Recipe, StandardTraining
from mmc_tf.training.steps import make_train_step

HERE = pathlib.Path(__file__).resolve().parent
BATCH_SIZE = 50
MAX_MARGIN, MIN_RADIUS, EPSILON = 0.45, 0.1, 0.3
# So small a rate that the weights, and with them the work, stay what they are.
LEARNING_RATE = 1e-9
PRETRAINING_STEPS = 400
AGREEMENT = 1e-4


@dataclass
class OurLoop:
    """A compiled training step over the pipeline's batches.

    Attributes:
        model: the network.
        step: from (batch, step) to sums.
        batches: an endless iterator.
    """

    model: keras.Model
    step: Callable
    batches: object
    done: int = 0

    def seconds(self, steps: int) -> float:
        """What so many steps take."""
        started = now()
        for _ in range(steps):
            sums = self.step(next(self.batches), tf.constant(self.done, tf.int64))
            self.done += 1
        float(sums["loss"])  # waits for the device
        return now() - started


def make_loop(
    split: Split,
    recipe: Recipe,
    *,
    weights: list[np.ndarray] | None = None,
    learning_rate: float = LEARNING_RATE,
    precision: str = "float32",
) -> OurLoop:
    """LeNet5 on images (N, 28, 28, 1), trained by a recipe with Adam."""
    keras.config.set_dtype_policy(precision)
    try:
        model = build_classifier("lenet5", input_shape=split.images.shape[1:], num_classes=10, head="dense")
    finally:
        keras.config.set_dtype_policy("float32")
    if weights is not None:
        model.set_weights(weights)
    optimizer = make_optimizer("adam", learning_rate=learning_rate)
    optimizer.build(model.trainable_variables)
    recipe.create_state(
        num_examples=len(split), batch_size=BATCH_SIZE, image_shape=tuple(split.images.shape[1:])
    )
    step = make_train_step(
        model=model,
        loss=SCE(),
        optimizer=optimizer,
        recipe=recipe,
        strategy=tf.distribute.get_strategy(),
        batch_size=BATCH_SIZE,
        clip_norm=10.0,
    )
    return OurLoop(model, step, iter(training_batches(split, batch_size=BATCH_SIZE, seed=0, num_steps=10**6)))


def trained_weights(split: Split) -> list[np.ndarray]:
    """Of a network that classifies nearly everything: on an untrained one nothing has a margin to look for."""
    loop = make_loop(split, StandardTraining(), learning_rate=1e-3)
    loop.seconds(PRETRAINING_STEPS)
    return loop.model.get_weights()


def recipe(method: str, num_steps: int) -> Recipe:
    """A method with the settings of both sides."""
    settings = MethodSettings(
        num_classes=10,
        epsilon=EPSILON,
        num_steps=num_steps,
        max_margin=MAX_MARGIN,
        min_radius=MIN_RADIUS,
        objective=None if method == "mma" else "slm",
    )
    return METHODS.get(method).from_settings(settings)


class TorchProcess:
    """The process of `max_margin.torch_loop`.

    Args:
        python: an interpreter with PyTorch.
        split: training images.
        model: whose weights it starts from.
        num_steps: of AN-PGD.

    Raises:
        UserError: if it cannot be started, or its network has other logits.
    """

    def __init__(self, python: str, split: Split, model: keras.Model, *, num_steps: int):
        self._folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self._folder.name)
        settings = {
            "batch_size": BATCH_SIZE,
            "max_margin": MAX_MARGIN,
            "min_radius": MIN_RADIUS,
            "num_steps": num_steps,
            "num_bisections": 10,
            "learning_rate": LEARNING_RATE,
        }
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        weights = {}
        layers = [layer for layer in model.layers if layer.weights]
        for number, layer in enumerate(layers):
            weights[f"kernel{number}"], weights[f"bias{number}"] = (w.numpy() for w in layer.weights)
        images = split.as_float()
        np.savez(folder / "arrays.npz", images=images, labels=split.labels, **weights)
        command = [python, "-W", "ignore", "-m", "max_margin.torch_loop", str(folder)]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.hello = self._read()
        ours = np.asarray(model(images[:50], training=False))
        gap = np.abs(ours - np.array(self.hello["logits"])).max() / np.abs(ours).max()
        if gap > AGREEMENT:
            raise UserError(f"The networks differ. Expected equal logits. Received: {gap:.1e} apart")

    def seconds(self, variant: str, steps: int) -> float:
        """What so many steps of a variant take."""
        self._process.stdin.write(json.dumps([variant, steps]) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise UserError(f"PyTorch's process failed. Expected an answer. Received: exit status {code}")
        return json.loads(line)

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


@dataclass
class TorchLoop:
    """One variant of PyTorch's loop."""

    process: TorchProcess
    variant: str

    def seconds(self, steps: int) -> float:
        """What so many steps take."""
        return self.process.seconds(self.variant, steps)


def hold(
    split: Split, *, peer_python: str | None, num_steps: int, rounds: int, steps: int = 2
) -> dict[str, float]:
    """Median milliseconds a step of each contender, over interleaved rounds after one that compiles."""
    weights = trained_weights(split)
    contenders = {
        "PGD step": make_loop(split, recipe("pgd", num_steps), weights=weights),
        "MMA step": make_loop(split, recipe("mma", num_steps), weights=weights),
        "MMA step, bfloat16": make_loop(
            split, recipe("mma", num_steps), weights=weights, precision="mixed_bfloat16"
        ),
    }
    peer = None
    if peer_python:
        peer = TorchProcess(peer_python, split, contenders["MMA step"].model, num_steps=num_steps)
        print(f"PyTorch {peer.hello['torch']}", flush=True)
        contenders |= {f"PyTorch, {name}": TorchLoop(peer, name) for name in peer.hello["variants"]}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    try:
        for number in range(rounds + 1):
            for name, each in contenders.items():
                seconds = each.seconds(steps)
                if number:
                    times[name].append(1e3 * seconds / steps)
    finally:
        if peer:
            peer.close()
    return {name: float(np.median(values)) for name, values in times.items()}


def table(milliseconds: dict[str, float], *, num_steps: int) -> str:
    """The contenders' times and the ratios, at equal precision, with their targets."""
    lines = [f"LeNet5, MNIST, batch {BATCH_SIZE}, {num_steps} attack steps, {clock_name()} time"]
    for name, value in milliseconds.items():
        lines.append(f"{name:<34} {value:9.1f} ms {1e3 * BATCH_SIZE / value:8.1f} images/s")
    ratio = milliseconds["MMA step"] / milliseconds["PGD step"]
    lines.append(f"{'MMA step / PGD step':<58} {ratio:5.2f}   target <= 1.35")
    for name, value in milliseconds.items():
        if not name.startswith("PyTorch"):
            continue
        ours = "MMA step, bfloat16" if name.endswith("bfloat16") else "MMA step"
        lines.append(f"{f'{name} / {ours}':<58} {value / milliseconds[ours]:5.2f}   target >= 1.5")
    return "\n".join(lines)
