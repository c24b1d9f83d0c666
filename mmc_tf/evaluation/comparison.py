"""Two finished evaluations side by side: what differs, and whether more than chance does."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from mmc_tf.evaluation.differences import mcnemar_p_value, paired_interval, unpaired_interval
from mmc_tf.evaluation.folders import Finished
from mmc_tf.evaluation.records import is_bounded

CLEAN, ALL = "clean", "all of them"


@dataclasses.dataclass(frozen=True)
class Difference:
    """One row of a comparison: an accuracy of A and of B.

    Attributes:
        label: the attack's label, `clean`, or `all of them`.
        accuracy_a, accuracy_b: in [0, 1].
        examples_a, examples_b: how many they are of.
        interval: of accuracy_a - accuracy_b, 95 %.
        p_value: of McNemar's exact test; None where different examples are compared.
        only_a_wrong, only_b_wrong: examples that are misclassified (under the attack) by A alone, by B alone; None
            where different examples are compared.
    """

    label: str
    accuracy_a: float
    accuracy_b: float
    examples_a: int
    examples_b: int
    interval: tuple[float, float]
    p_value: float | None = None
    only_a_wrong: int | None = None
    only_b_wrong: int | None = None

    @property
    def difference(self) -> float:
        """accuracy_a - accuracy_b."""
        return self.accuracy_a - self.accuracy_b


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two evaluations side by side.

    Attributes:
        a, b: what was compared.
        rows: clean accuracy, each attack of both, and what survives all of these if they are more than one.
        alone: (which, label, why) of the attacks that are not compared: `A`, `B` or `A and B`.
        notes: what the reader must know, one sentence each.
    """

    a: Finished
    b: Finished
    rows: tuple[Difference, ...]
    alone: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]


def compare(a: Finished, b: Finished) -> Comparison:
    """Compares every accuracy that both evaluations measured in the same way.

    Attacks are compared if label and parameters agree. Where both evaluations are of the same set of images (by
    its fingerprint), the examples that both hold are compared one by one: Tango's interval, McNemar's exact test. Of
    different sets only the accuracies are compared, as of independent examples (Newcombe's interval).
    """
    labels = [[record["label"] for record in each.results["attacks"]] for each in (a, b)]
    alone = [("A", label, "not in B") for label in labels[0] if label not in labels[1]]
    alone += [("B", label, "not in A") for label in labels[1] if label not in labels[0]]
    numbers = []
    for label in labels[0]:
        if label not in labels[1]:
            continue
        pair = labels[0].index(label), labels[1].index(label)
        records = [each.results["attacks"][number] for each, number in zip((a, b), pair, strict=True)]
        reason = _why_not(*records)
        if reason:
            alone.append(("A and B", label, reason))
        else:
            numbers.append((label, pair))
    paired = a.results["dataset"]["sha256"] == b.results["dataset"]["sha256"]
    rows, notes = [], []
    positions = _common_positions(a, b) if paired else None
    if not paired:
        notes.append(
            "A and B are of different images, compared as independent: of the same images, even a smaller difference "
            "would show."
        )
    elif not len(positions[0]):
        notes.append("A and B hold no example in common; they are compared as independent.")
        positions = None
    elif len(positions[0]) < max(a.results["examples"], b.results["examples"]):
        notes.append(f"Compared on the {len(positions[0])} examples that A and B have in common.")
    if a.results["seed"] != b.results["seed"]:
        notes.append(f"The seeds differ: {a.results['seed']} and {b.results['seed']}.")

    def add(label: str, wrong_a: np.ndarray, wrong_b: np.ndarray) -> None:
        if positions is None:
            rows.append(_unpaired(label, wrong_a, wrong_b))
        else:
            rows.append(_paired(label, wrong_a[positions[0]], wrong_b[positions[1]]))

    add(CLEAN, *(each.examples["clean_prediction"] != each.examples["label"] for each in (a, b)))
    broken = [each.examples["misclassified"] for each in (a, b)]
    for label, (first, second) in numbers:
        add(label, broken[0][first], broken[1][second])
    if len(numbers) > 1:
        first, second = zip(*(pair for _, pair in numbers), strict=True)
        add(ALL, broken[0][list(first)].any(axis=0), broken[1][list(second)].any(axis=0))
    return Comparison(a, b, tuple(rows), tuple(alone), tuple(notes))


def _why_not(first: dict[str, Any], second: dict[str, Any]) -> str:
    """Why two records of one label are not compared; nothing if they are."""
    parameters = [record["parameters"] for record in (first, second)]
    differing = sorted(
        name
        for name in {**parameters[0], **parameters[1]}
        if parameters[0].get(name) != parameters[1].get(name)
    )
    if differing:
        shown = (f"{name} {parameters[0].get(name)} and {parameters[1].get(name)}" for name in differing)
        return "differs in " + ", ".join(shown)
    return "" if is_bounded(first) else "no radius judges it, so it has no accuracy"


def _common_positions(a: Finished, b: Finished) -> tuple[np.ndarray, np.ndarray]:
    """Where the examples that both hold are in A and in B, by ascending index."""
    _, in_a, in_b = np.intersect1d(a.examples["index"], b.examples["index"], return_indices=True)
    return in_a, in_b


def _paired(label: str, wrong_a: np.ndarray, wrong_b: np.ndarray) -> Difference:
    size = len(wrong_a)
    only_a_wrong, only_b_wrong = int((wrong_a & ~wrong_b).sum()), int((wrong_b & ~wrong_a).sum())
    return Difference(
        label=label,
        accuracy_a=int((~wrong_a).sum()) / size,
        accuracy_b=int((~wrong_b).sum()) / size,
        examples_a=size,
        examples_b=size,
        interval=paired_interval(only_b_wrong, only_a_wrong, size),
        p_value=mcnemar_p_value(only_b_wrong, only_a_wrong),
        only_a_wrong=only_a_wrong,
        only_b_wrong=only_b_wrong,
    )


def _unpaired(label: str, wrong_a: np.ndarray, wrong_b: np.ndarray) -> Difference:
    right_a, right_b = int((~wrong_a).sum()), int((~wrong_b).sum())
    return Difference(
        label=label,
        accuracy_a=right_a / len(wrong_a),
        accuracy_b=right_b / len(wrong_b),
        examples_a=len(wrong_a),
        examples_b=len(wrong_b),
        interval=unpaired_interval(right_a, len(wrong_a), right_b, len(wrong_b)),
    )
