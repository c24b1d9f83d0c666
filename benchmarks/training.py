"""What MMC, adversarial training and the input pipeline cost, side by side in one run.

command   python benchmarks/training.py [--model=resnet32] [--rounds=7] [--no_memory] [--checkpoint=RUN]
          python benchmarks/training.py --max_margin [--data_dir=DIR] [--num_steps=40] [--peer_python=PATH]
prints    ratios of medians over interleaved rounds, so that a busy machine slows both sides of a ratio alike,
          and the peak memory of each piece of work, each in a process of its own; with a checkpoint also what
          evaluation's PGD-10, which stops where every image is broken, gains on a trained network.
          --max_margin: a step of max-margin training on MNIST beside one of PGD training, and beside a straightforward
          loop of the same work in PyTorch (an interpreter that has it: --peer_python), on the same LeNet5; on one core
          (`taskset -c 1 python ...`) by processor time, which others on that core do not lengthen
targets   MMC step / SCE step <= 1.02; adversarial step / (10 input gradients + 1 step) <= 1.05;
          step fed by the pipeline / step on a cached batch <= 1.05; PGD-10 against CleverHans' loop >= 1.5 times;
          MMA step / PGD step <= 1.35; PyTorch's MMA step / ours >= 1.5
"""

from __future__ import annotations

import argparse
import functools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from cleverhans.tf2.attacks.projected_gradient_descent import projected_gradient_descent

from mmc_tf.attacks import make
from mmc_tf.data import Augmentation, Split, load, training_batches
from mmc_tf.losses import LOSSES
from mmc_tf.models import build_classifier
from mmc_tf.training.optimizers import make_optimizer
from mmc_tf.training.recipes import FixedEpsilonTraining, Recipe, StandardTraining
from mmc_tf.training.runs import load_run
from mmc_tf.training.steps import make_train_step

BATCH_SIZE, ATTACK_BATCH_SIZE, NUM_STEPS, EPSILON, STEP_SIZE = 50, 100, 10, 8 / 255, 2 / 255
Work = Callable[[], object]


def images_and_labels(size: int) -> Split:
    rng = np.random.default_rng(0)
    return Split(rng.integers(0, 256, (size, 32, 32, 3), np.uint8), rng.integers(0, 10, size))


def batches(start: int):
    augmentation = Augmentation(flip=True, shift=0.1)
    data = images_and_labels(5000)
    return iter(
        training_batches(data, batch_size=BATCH_SIZE, seed=start, num_steps=10**6, augmentation=augmentation)
    )


@functools.cache
def network(model_name: str, loss_name: str) -> keras.Model:
    head = LOSSES.get(loss_name).head
    return build_classifier(model_name, input_shape=(32, 32, 3), num_classes=10, head=head)


def training_step(model_name: str, loss_name: str, recipe: Recipe, *, piped: bool = False) -> Work:
    model = network(model_name, loss_name)
    # So small a rate that the weights, and with them the work, stay what they are.
    optimizer = make_optimizer("sgd", learning_rate=1e-9)
    optimizer.build(model.trainable_variables)
    step = make_train_step(
        model=model,
        loss=LOSSES.get(loss_name)(),
        optimizer=optimizer,
        recipe=recipe,
        strategy=tf.distribute.get_strategy(),
        batch_size=BATCH_SIZE,
        clip_norm=10.0,
    )
    source = batches(0)
    cached, zero = next(source), tf.constant(0, tf.int64)
    return lambda: float(step(next(source) if piped else cached, zero)["loss"])


def input_gradient(model_name: str, loss_name: str) -> Work:
    """One gradient of the head's own objective with respect to a batch of training size."""
    model, batch = network(model_name, loss_name), next(batches(0))
    loss = LOSSES.get(loss_name)()

    @tf.function
    def gradient(images, labels):
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(loss.per_example(labels, model(images, training=False)))
        return tape.gradient(total, images)

    return lambda: gradient(batch["images"], batch["labels"])[0, 0, 0, 0].numpy()


def our_pgd(model_name: str) -> Work:
    """PGD-10 without early stop: CleverHans attacks every image to the end."""
    attack = make(
        "pgd", epsilon=EPSILON, step_size=STEP_SIZE, num_steps=NUM_STEPS, iterate="last", objective="ce"
    )
    split = images_and_labels(ATTACK_BATCH_SIZE)
    images = tf.constant(split.as_float())
    labels, indices = tf.constant(split.labels), tf.range(ATTACK_BATCH_SIZE, dtype=tf.int64)
    model = network(model_name, "SCE")

    @tf.function
    def crafted(images, labels, indices):
        return attack.perturb(model, images, labels, indices=indices)

    return lambda: crafted(images, labels, indices)[0, 0, 0, 0].numpy()


def cleverhans_pgd(model_name: str, *, traced_once: bool) -> Work:
    """CleverHans' loop. It compiles its gradient once per function object that it is given."""
    split = images_and_labels(ATTACK_BATCH_SIZE)
    images = tf.constant(split.as_float())
    model = network(model_name, "SCE")
    kept = tf.function(lambda x: model(x, training=False))
    return lambda: projected_gradient_descent(
        kept if traced_once else lambda x: model(x, training=False),
        images,
        EPSILON,
        STEP_SIZE,
        NUM_STEPS,
        np.inf,
        clip_min=0.0,
        clip_max=1.0,
        y=split.labels,
        sanity_checks=False,
    )[0, 0, 0, 0].numpy()


def all_work(model_name: str) -> dict[str, Callable[[], Work]]:
    attack = make("pgd", epsilon=EPSILON, step_size=STEP_SIZE, num_steps=NUM_STEPS, iterate="last")
    adversarial = FixedEpsilonTraining(attack, num_classes=10)
    return {
        "SCE step": lambda: training_step(model_name, "SCE", StandardTraining()),
        "MMC step": lambda: training_step(model_name, "MMC", StandardTraining()),
        "MMC step, piped": lambda: training_step(model_name, "MMC", StandardTraining(), piped=True),
        "MMC input gradient": lambda: input_gradient(model_name, "MMC"),
        "MMC adversarial step": lambda: training_step(model_name, "MMC", adversarial),
        "PGD-10, ours": lambda: our_pgd(model_name),
        "PGD-10, CleverHans": lambda: cleverhans_pgd(model_name, traced_once=True),
        "PGD-10, CH, lambda": lambda: cleverhans_pgd(model_name, traced_once=False),
    }


def trained_network(checkpoint: str) -> None:
    """PGD-10 by evaluation's own call and by CleverHans, on a run's first 300 test images, with both verdicts."""
    model, config = load_run(checkpoint)
    flags = config["flags"]
    split = load(flags["dataset"], data_dir=flags["data_dir"], test_size=300).test
    images, kept = split.as_float(), tf.function(lambda x: model(x, training=False))
    attack = make("pgd", epsilon=EPSILON, step_size=STEP_SIZE, num_steps=NUM_STEPS, objective="ce")
    parts = [slice(start, start + ATTACK_BATCH_SIZE) for start in range(0, len(images), ATTACK_BATCH_SIZE)]
    survivors: dict[str, float] = {}

    def ours() -> None:
        broken = [attack(model, images[part], split.labels[part]).misclassified for part in parts]
        survivors["ours"] = 1 - np.mean(np.concatenate(broken))

    def cleverhans() -> None:
        kept_correct = []
        for part in parts:
            labels = split.labels[part]
            crafted = projected_gradient_descent(
                kept, tf.constant(images[part]), EPSILON, STEP_SIZE, NUM_STEPS, np.inf, y=labels
            )
            kept_correct.append(np.argmax(kept(crafted), axis=-1) == labels)
        survivors["CleverHans"] = np.mean(np.concatenate(kept_correct))

    seconds = median_seconds({"ours": ours, "CleverHans": cleverhans}, rounds=3)
    for name, value in seconds.items():
        print(f"{checkpoint}, {name:<12} {len(images) / value:6.1f} images/s, robust {survivors[name]:.1%}")
    print(
        f"{'PGD-10, CleverHans / ours':<30} {seconds['CleverHans'] / seconds['ours']:5.2f}   on this network"
    )


def max_margin(arguments: argparse.Namespace) -> None:
    """A step of max-margin training beside PGD's and PyTorch's."""
    from max_margin.contest import hold, table

    split = load("mnist", data_dir=arguments.data_dir, train_size=5000).train
    settings = {"num_steps": arguments.num_steps}
    found = hold(split, peer_python=arguments.peer_python, rounds=arguments.rounds, **settings)
    print(table(found, **settings))


def median_seconds(work: dict[str, Work], rounds: int) -> dict[str, float]:
    """The median over interleaved rounds of each piece of work, after one round to compile."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, run in work.items():
            started = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in times.items()}


def peak_of_this_process() -> float:
    """In GiB. Not from `getrusage`, whose maximum a process inherits from the one that started it."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 2**20


def peak_memory(name: str, arguments: argparse.Namespace) -> float:
    """Peak resident memory in GiB of a process that does this work alone."""
    command = [sys.executable, __file__, f"--model={arguments.model}", f"--only={name}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet32")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no_memory", action="store_true")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--checkpoint", help="a run whose network PGD-10 is also timed on")
    parser.add_argument("--max_margin", action="store_true", help="max-margin training on MNIST alone")
    parser.add_argument("--data_dir", help="folder with MNIST's files, for --max_margin")
    parser.add_argument("--num_steps", type=int, default=40, help="attack steps, for --max_margin")
    parser.add_argument("--peer_python", help="an interpreter with PyTorch, for --max_margin")
    arguments = parser.parse_args()
    if arguments.max_margin:
        max_margin(arguments)
        return
    makers = all_work(arguments.model)
    if arguments.only:
        run = makers[arguments.only]()
        run(), run()
        print(peak_of_this_process())
        return
    seconds = median_seconds({name: make_work() for name, make_work in makers.items()}, arguments.rounds)
    print(f"{arguments.model}, batch {BATCH_SIZE} (attacks {ATTACK_BATCH_SIZE}), {arguments.rounds} rounds")
    for name, value in seconds.items():
        memory = "" if arguments.no_memory else f"  peak {peak_memory(name, arguments):.2f} GiB"
        print(f"{name:<22} {1000 * value:9.1f} ms{memory}")
    parts = 10 * seconds["MMC input gradient"] + seconds["MMC step"]
    for text, value, target in (
        ("MMC step / SCE step", seconds["MMC step"] / seconds["SCE step"], "<= 1.02"),
        ("adversarial step / its parts", seconds["MMC adversarial step"] / parts, "<= 1.05"),
        ("piped step / cached step", seconds["MMC step, piped"] / seconds["MMC step"], "<= 1.05"),
        ("PGD-10, CleverHans / ours", seconds["PGD-10, CleverHans"] / seconds["PGD-10, ours"], ">= 1.5"),
        ("the same with a lambda a batch", seconds["PGD-10, CH, lambda"] / seconds["PGD-10, ours"], ">= 1.5"),
    ):
        print(f"{text:<30} {value:5.2f}   target {target}")

    if arguments.checkpoint:
        trained_network(arguments.checkpoint)


if __name__ == "__main__":
    main()
