"""What a training step costs with one loss and with another, measured in turn.

Within a process the ratio of two steps repeats to a hundredth. From process to process it need not: of six processes
on one core, four found an adversarial step of MMC to take 1.2 to 1.3 times as long as SCE's, and two as long.
"""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable

import numpy as np

from mmc_tf.experiments.lab import Lab
from mmc_tf.training.runs import RunFolder

# So small that the weights, and with them the work, stay what they are.
_LEARNING_RATE = 1e-9


def step_times(
    lab: Lab, paths: dict[str, pathlib.Path], *, dataset: str, rounds: int
) -> dict[str, np.ndarray]:
    """Processor seconds (R,) of a training step of each network, taken in turn, so that all have the same company.

    By processor time, which others on the machine lengthen less than they do wall-clock time.

    Args:
        lab: where the networks are.
        paths: their runs by the name of the loss; each step is of the run's own method and batch size.
        dataset: as the experiment calls it.
        rounds: R; one more before them compiles.
    """

    def make() -> dict[str, np.ndarray]:
        steps = {loss: _training_step(lab, path, loss, dataset) for loss, path in paths.items()}
        return in_turn(steps, rounds)

    key = {"runs": [path.name for path in paths.values()], "rounds": rounds}
    return lab.compute(f"step-times-{'-'.join(paths)}-{dataset}", key, make)


def in_turn(
    work: dict[str, Callable[[], object]],
    rounds: int,
    *,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, np.ndarray]:
    """The times (R,) of each piece of work over interleaved rounds, after one that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds + 1):
        for name, run in work.items():
            started = clock()
            run()
            times[name].append(clock() - started)
    return {name: np.array(values[1:]) for name, values in times.items()}


def _training_step(lab: Lab, path: pathlib.Path, loss: str, dataset: str) -> Callable[[], object]:
    """One step on a batch that stays the same, waited for."""
    import tensorflow as tf

    from mmc_tf.attacks import make as make_attack
    from mmc_tf.losses import LOSSES
    from mmc_tf.training.optimizers import make_optimizer
    from mmc_tf.training.recipes import FixedEpsilonTraining, StandardTraining
    from mmc_tf.training.steps import make_train_step

    flags = RunFolder(path).read_config()["flags"]
    recipe = StandardTraining()
    if flags.get("method") == "pgd":
        names = ("epsilon", "step_size", "num_steps", "targeted")
        attack = make_attack("pgd", iterate="last", **{name: flags[name] for name in names})
        recipe = FixedEpsilonTraining(attack, num_classes=lab.dataset(dataset).num_classes)
    model = lab.load(path)
    optimizer = make_optimizer("sgd", learning_rate=_LEARNING_RATE)
    optimizer.build(model.trainable_variables)
    size = flags["batch_size"]
    step = make_train_step(
        model=model,
        loss=LOSSES.get(loss)(),
        optimizer=optimizer,
        recipe=recipe,
        strategy=tf.distribute.get_strategy(),
        batch_size=size,
        clip_norm=10.0,
    )
    images = lab.dataset(dataset).train.part(0, size)
    batch = {
        "images": tf.constant(images.as_float()),
        "labels": tf.constant(images.labels),
        "indices": tf.range(size, dtype=tf.int64),
    }
    return lambda: float(step(batch, tf.constant(0, tf.int64))["loss"])
