"""How the cost of an attack grows with examples, steps, classes and image size: one table, from measurements."""

from __future__ import annotations

import statistics

import numpy as np

from mmc_tf.attacks import make
from mmc_tf.classifier import Classifier
from mmc_tf.models import build_classifier
from speed.clock import clock_name, now

BASE = {"examples": 100, "steps": 10, "classes": 10, "size": 32}
VARIED = {
    "examples": (50, 100, 200),
    "steps": (5, 10, 20),
    "classes": (10, 100, 1000),
    "size": (16, 32, 64),
}
ATTACKS = ("pgd", "mt_pgd")
BATCH_SIZE = 50


def measure(attack_name: str, numbers: dict[str, int], *, model_name: str, rounds: int) -> float:
    """Seconds of an attack to the last step on an untrained network, whose work is that of a trained one.

    Args:
        attack_name: in the registry.
        numbers: `examples`, `steps`, `classes` and `size`.
        model_name: a backbone.
        rounds: of which the median is taken, after one that compiles.
    """
    shape = (numbers["size"], numbers["size"], 3)
    model = build_classifier(model_name, input_shape=shape, num_classes=numbers["classes"], head="dense")
    generator = np.random.default_rng(0)
    images = generator.random((numbers["examples"], *shape)).astype(np.float32)
    labels = np.concatenate(
        [
            np.asarray(model(part, training=False)).argmax(axis=1)
            for part in np.split(images, len(images) // 50)
        ]
    )
    # So small a radius breaks nothing, and every step is done.
    attack = make(attack_name, epsilon=1e-6, num_steps=numbers["steps"], iterate="last")
    copy, times = Classifier.of(model).crafting(), []
    for _ in range(rounds + 1):
        started = now()
        for start in range(0, len(images), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            attack(copy, images[part], labels[part])
        times.append(now() - started)
    return statistics.median(times[1:])


def table(*, model_name: str, rounds: int, store) -> str:
    """Seconds by attack and what grows, as Markdown; the number that is not varied is `BASE`'s."""
    lines = [
        f"| {model_name}, folded float32, batches of {BATCH_SIZE} | {' | '.join(ATTACKS)} |",
        f"| --- | {' | '.join('---:' for _ in ATTACKS)} |",
    ]
    for quantity, values in VARIED.items():
        for value in values:
            numbers = BASE | {quantity: value}
            cells = []
            for name in ATTACKS:
                key = f"growth/{model_name}/{name}/{sorted(numbers.items())}/{rounds}/{clock_name()}"
                seconds = store.get(key)
                if seconds is None:
                    seconds = measure(name, numbers, model_name=model_name, rounds=rounds)
                    store.put(key, seconds)
                    print(f"growth, {name}, {quantity} {value}: {seconds:.2f} s", flush=True)
                cells.append(f"{seconds:.2f} s")
            lines.append(f"| {quantity} {value} | {' | '.join(cells)} |")
    fixed = ", ".join(f"{value} {name}" for name, value in BASE.items())
    return "\n".join([*lines, "", f"Where not varied: {fixed}."])
