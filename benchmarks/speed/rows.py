"""The rows of the table: who attacks what, and which ratio is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.attacks import PGD, make
from mmc_tf.attacks.oracle import Oracle
from speed import tensorflow_peers
from speed.clock import clock_name
from speed.contest import Contender, Store, Task, hold, timed
from speed.network import Subject
from speed.ours import contender, models_of
from speed.peers import Peers

EQUAL = 0.003  # robust accuracies that count as equal


@dataclass(frozen=True)
class Target:
    """A ratio asked for: how many times faster `ours` is than the fastest contender that is not ours.

    Attributes:
        ours: the contender's name.
        ratio: the least.
    """

    ours: str
    ratio: float


@dataclass(frozen=True)
class Outcome:
    """A finished row.

    Attributes:
        name: with the images and steps in it.
        results: by contender, as `hold` gives them.
        targets: what was asked for.
        peers: the contenders that are not ours.
    """

    name: str
    results: dict[str, dict[str, Any]]
    targets: tuple[Target, ...]
    peers: tuple[str, ...]


@dataclass(frozen=True)
class Bench:
    """What the rows share.

    Attributes:
        subject: the network and all images.
        robust: the adversarially trained one; the same if there is none.
        arguments: of the command line.
        store: where results are kept.
        peers: starts the other process, once for each subject.
    """

    subject: Subject
    robust: Subject
    arguments: argparse.Namespace
    store: Store
    peers: Callable[[Subject], Peers]

    def hold(
        self, name: str, subject: Subject, contenders: list[Contender], parameters: dict, **task: Any
    ) -> dict[str, dict[str, Any]]:
        """The contest on a subject; its digest and size are among the parameters."""
        known = {
            "digest": subject.digest,
            "examples": len(subject.labels),
            "clock": clock_name(),
            **parameters,
        }
        judged = Task(subject.images, subject.labels, subject.logits_of, **task)
        rounds = self.arguments.rounds
        return hold(name, contenders, judged, rounds=rounds, store=self.store, parameters=known)


def pgd(bench: Bench, num_steps: int) -> Outcome:
    """PGD, linf, softmax cross-entropy, a random start: everybody's defaults apart from the numbers."""
    arguments, subject = bench.arguments, bench.subject.part(bench.arguments.examples)
    epsilon, step_size, batch = arguments.epsilon, arguments.step_size, arguments.batch_size
    numbers = {"epsilon": epsilon, "step_size": step_size, "num_steps": num_steps}
    attack = make("pgd", objective="ce", **numbers)
    to_the_end = make("pgd", objective="ce", iterate="last", **numbers)
    models = models_of(subject)
    contenders = [
        *(contender(name, attack, model, subject, batch) for name, model in models.items()),
        *(contender(f"{name}, last", to_the_end, model, subject, batch) for name, model in models.items()),
    ]
    logits = tensorflow_peers.logits_function(subject.model)
    others = {"CleverHans": tensorflow_peers.cleverhans_pgd, "foolbox TF": tensorflow_peers.foolbox_pgd()}
    for name, function in others.items():
        if function is not None:
            contenders.append(_in_tensorflow(name, function, logits, subject, batch, numbers))
    theirs = {
        "foolbox PyTorch": ("foolbox", "LinfPGD", {"abs_stepsize": step_size, "steps": num_steps}),
        "torchattacks": ("torchattacks", "PGD", {"eps": epsilon, "alpha": step_size, "steps": num_steps}),
    }
    contenders += [
        _in_pytorch(bench, name, request, subject, batch, epsilon=epsilon) for name, request in theirs.items()
    ]
    name = f"PGD-{num_steps}"
    results = bench.hold(name, subject, contenders, numbers | {"batch": batch}, epsilon=epsilon)
    targets = (Target("bfloat16", 3.0), Target("folded", 1.3))
    return Outcome(name, results, targets, tuple(each.name for each in contenders if not each.ours))


def _in_tensorflow(name, function, logits, subject, batch, numbers) -> Contender:
    def run(number: int = len(subject.labels), **changes: Any) -> np.ndarray:
        parts = [slice(start, start + batch) for start in range(0, number, batch)]
        settings = numbers | changes
        return np.concatenate(
            [function(logits, subject.images[part], subject.labels[part], **settings) for part in parts]
        )

    return Contender(name, lambda: timed(run), lambda: run(batch, num_steps=1))


def _in_pytorch(bench, name, request, subject, batch, *, epsilon) -> Contender:
    library, attack, settings = request

    def run(size: int = len(subject.labels)):
        peers = bench.peers(bench.robust if subject.digest == bench.robust.digest else bench.subject)
        numbers = {"examples": size, "batch_size": batch, "epsilon": epsilon}
        return peers.attack(library, attack, settings, **numbers)

    return Contender(name, run)


def autoattack(bench: Bench) -> Outcome:
    """AutoAttack standard, linf, on the adversarially trained network."""
    arguments, subject = bench.arguments, bench.robust.part(bench.arguments.aa_examples)
    epsilon, batch = arguments.epsilon, arguments.batch_size
    attack = make("autoattack", epsilon=epsilon)
    contenders = [
        contender(name, attack, model, subject, batch)
        for name, model in models_of(subject).items()
        if name != "as is"
    ]
    request = ("torchattacks", "AutoAttack", {"eps": epsilon, "n_classes": 10, "seed": 0})
    contenders.append(_in_pytorch(bench, "torchattacks", request, subject, batch, epsilon=epsilon))
    results = bench.hold("AutoAttack", subject, contenders, {"batch": batch, "e": epsilon}, epsilon=epsilon)
    targets = (Target("bfloat16", 2.0), Target("folded", 2.0))
    return Outcome("AutoAttack", results, targets, ("torchattacks",))


def spsa(bench: Bench) -> Outcome:
    """SPSA with 128 queries a step, 10 steps, the margin of the logits as its loss on both sides."""
    arguments, subject = bench.arguments, bench.subject.part(bench.arguments.spsa_examples)
    epsilon, batch = arguments.epsilon, len(subject.labels)
    numbers = {"samples": 128, "num_steps": 10, "delta": 0.01, "learning_rate": 0.01}
    attack = make("spsa", epsilon=epsilon, objective="margin", **numbers)
    contenders = [
        contender(name, attack, model, subject, batch) for name, model in models_of(subject).items()
    ]
    logits = tensorflow_peers.logits_function(subject.model)
    loop = tensorflow_peers.spsa_one_by_one
    settings = numbers | {"epsilon": epsilon}
    contenders.append(
        Contender(
            "CleverHans 3.1",
            lambda: timed(lambda: loop(logits, subject.images, subject.labels, **settings)),
            lambda: loop(logits, subject.images[:1], subject.labels[:1], **(settings | {"num_steps": 1})),
        )
    )
    results = bench.hold("SPSA", subject, contenders, settings, epsilon=epsilon)
    return Outcome("SPSA", results, (Target("bfloat16", 10.0), Target("folded", 10.0)), ("CleverHans 3.1",))


def carlini_wagner(bench: Bench) -> Outcome:
    """C&W, l2, 9 constants of up to 1,000 steps, both aborting early; bfloat16 has no part in it."""
    arguments, subject = bench.arguments, bench.subject.part(bench.arguments.cw_examples)
    numbers = {"binary_search_steps": 9, "initial_const": 1e-2, "confidence": 0.0, "abort_early": True}
    num_steps, rate = arguments.cw_steps, 5e-3
    attack = make("cw", learning_rate=rate, num_steps=num_steps, objective="margin", **numbers)
    contenders = [
        contender(name, attack, model, subject, len(subject.labels))
        for name, model in models_of(subject).items()
        if name != "bfloat16"
    ]
    settings = {"steps": num_steps, "stepsize": rate, **numbers}
    request = ("foolbox", "L2CarliniWagnerAttack", settings)
    contenders.append(_in_pytorch(bench, "foolbox", request, subject, len(subject.labels), epsilon=None))
    results = bench.hold("C&W", subject, contenders, settings, epsilon=None, norm="l2")
    return Outcome("C&W", results, (Target("folded", 1.5),), ("foolbox",))


class UnpackedPGD(PGD):
    """PGD that sends whole batches through the model until every example is broken or the steps are over."""

    def oracle(self, model, labels, targets, **settings) -> Oracle:
        """One that does not pack."""
        return super().oracle(model, labels, targets, **(settings | {"packing": False}))


def packing(bench: Bench) -> Outcome:
    """PGD-50 on images of which 90 % break early, with and without packing the others."""
    arguments = bench.arguments
    subject, epsilon = nine_of_ten(bench)
    settings = {"epsilon": epsilon, "num_steps": 50, "objective": "margin"}
    batch = len(subject.labels)
    model = models_of(subject)["folded"]
    contenders = [
        contender("packed", PGD(**settings), model, subject, batch),
        contender("not packed", UnpackedPGD(**settings), model, subject, batch),
    ]
    results = bench.hold(
        "packing", subject, contenders, settings | {"s": arguments.examples}, epsilon=epsilon
    )
    return Outcome(
        f"packing (ε = {255 * epsilon:.2g}/255)", results, (Target("packed", 5.0),), ("not packed",)
    )


def nine_of_ten(bench: Bench) -> tuple[Subject, float]:
    """Images of the standard network of which PGD-50 leaves a tenth, and the radius at which it does.

    Among the correctly classified ones, the radius is halved until a tenth survives, and as many of the
    broken ones are taken as make nine of ten.
    """
    subject = bench.subject.part(bench.arguments.examples)
    correct = subject.logits_of(subject.images).argmax(axis=1) == subject.labels
    kept = f"nine of ten/{subject.digest}/{len(correct)}"
    found = bench.store.get(kept)
    if found is None:
        images, labels, epsilon = subject.images[correct], subject.labels[correct], bench.arguments.epsilon
        model = models_of(subject)["folded"]
        while True:
            attack = PGD(epsilon=epsilon, num_steps=50, objective="margin")
            robust = ~attack(model, images, labels).misclassified
            if robust.mean() >= 0.1:
                break
            epsilon /= 2
        rows = np.flatnonzero(correct)
        survivors, broken = rows[robust], rows[~robust]
        number = min(len(survivors), len(broken) // 9)
        chosen = sorted([*survivors[:number].tolist(), *broken[: 9 * number].tolist()])
        found = {"rows": chosen, "epsilon": epsilon}
        bench.store.put(kept, found)
    rows = np.array(found["rows"])
    digest = f"{subject.digest} {found['epsilon']}"
    part = Subject(subject.name, subject.model, subject.images[rows], subject.labels[rows], digest)
    return part, found["epsilon"]


def limit(bench: Bench) -> Outcome:
    """PGD without early stop against its steps times one compiled input gradient, on the network as it is."""
    arguments, batch = bench.arguments, bench.arguments.batch_size
    subject = bench.subject.part(batch)
    num_steps, repeats = 10, arguments.limit_repeats
    attack = PGD(epsilon=arguments.epsilon, num_steps=num_steps, iterate="last", objective="ce")
    images, labels = tf.constant(subject.images), tf.constant(subject.labels)
    indices = tf.range(batch, dtype=tf.int64)

    @tf.function(autograph=False)
    def crafted():
        return attack.perturb(subject.model, images, labels, indices=indices)

    @tf.function(autograph=False)
    def gradient(images):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = subject.model(images, training=False)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            total = tf.reduce_sum(losses)
        return tape.gradient(total, images)

    def whole() -> np.ndarray:
        for _ in range(repeats):
            result = crafted().numpy()
        return result

    def parts() -> np.ndarray:
        for _ in range(repeats * num_steps):
            gradient(images).numpy()
        return subject.images

    contenders = [
        Contender("PGD-10", lambda: timed(whole), lambda: crafted(), ours=True),
        Contender("10 gradients", lambda: timed(parts), lambda: gradient(images)),
    ]
    parameters = {"batch": batch, "repeats": repeats}
    results = bench.hold("limit", subject, contenders, parameters, epsilon=arguments.epsilon)
    return Outcome("the limit", results, (Target("PGD-10", 1 / 1.05),), ("10 gradients",))


ROWS: dict[str, Callable[[Bench], Outcome]] = {
    "limit": limit,
    "pgd10": lambda bench: pgd(bench, 10),
    "pgd50": lambda bench: pgd(bench, 50),
    "packing": packing,
    "spsa": spsa,
    "cw": carlini_wagner,
    "autoattack": autoattack,
}
