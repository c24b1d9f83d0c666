"""Compares two results of the same attack, per example. Pure NumPy."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

import numpy as np

from opinions.cases import Case

SAME_PIXEL, LEAST_SAME_PIXELS = 1e-5, 0.99
SLACK = 1e-6  # of the radius, relative and absolute: what float32 costs


@dataclass(frozen=True)
class Outcome:
    """What one implementation made of the examples.

    Attributes:
        adversarial: (N, H, W, C) float32.
        prediction: (N,) the class that its own backend predicts there.
        seconds: wall-clock time.
    """

    adversarial: np.ndarray
    prediction: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name, parameters: of the attack.
        ours, peer: robust accuracy in percent or median distance.
        difference: ours minus the peer's, in points or in percent of the peer's.
        agreement: share of the examples with equal verdicts within ε.
        same_pixels: share of pixels that are the same; None where that is not compared.
        tolerance, least_agreement: what is asked for.
        passed: whether all of it holds.
    """

    name: str
    parameters: str
    ours: float
    peer: float
    difference: float
    agreement: float
    same_pixels: float | None
    tolerance: str
    passed: bool
    seconds: tuple[float, float]


def distances(adversarial: np.ndarray, images: np.ndarray, norm: str) -> np.ndarray:
    """(N,) distances in `linf`, `l2` or `l1`, in float64."""
    delta = adversarial.astype(np.float64).reshape(len(images), -1) - images.reshape(len(images), -1)
    return np.linalg.norm(delta, ord={"linf": np.inf, "l2": 2, "l1": 1}[norm], axis=1)


def compare(
    case: Case, ours: Outcome, peer: Outcome, *, images: np.ndarray, labels: np.ndarray, correct: np.ndarray
) -> Row:
    """The verdict on one case.

    Args:
        case: what is compared.
        ours: our result.
        peer: the published implementation's.
        images: (N, H, W, C) clean images.
        labels: (N,) true labels.
        correct: (N,) bool, classified correctly by both backends when clean: the others count as broken, and
            take no part in distances and agreement.
    """
    lengths = [distances(each.adversarial, images, case.norm) for each in (ours, peer)]
    found = [correct & (each.prediction != labels) for each in (ours, peer)]
    radius = case.epsilon * (1 + SLACK) + SLACK
    broken = [hit & (length <= radius) for hit, length in zip(found, lengths, strict=True)]
    agreement = float(np.mean((broken[0] == broken[1])[correct])) if correct.any() else 1.0
    both = found[0] & found[1]
    same_pixels = None
    if case.measure == "distance":
        # Without a common example there is nothing to compare: NaN fails.
        values = [float(np.median(length[both])) if both.any() else np.nan for length in lengths]
        difference = 100 * (values[0] / values[1] - 1)
        passed = bool(np.array_equal(found[0], found[1]))
        tolerance = f"±{case.tolerance:g} %"
    else:
        values = [100 * float(np.mean(correct & ~hit)) for hit in broken]
        difference = values[0] - values[1]
        passed = True
        tolerance = f"±{case.tolerance:g}"
    passed &= abs(difference) <= case.tolerance + 1e-9
    if case.least_agreement is not None:
        passed &= agreement >= case.least_agreement
        tolerance += f", {case.least_agreement:.0%}"
    if case.measure == "pixels":
        gap = np.abs(ours.adversarial.astype(np.float64) - peer.adversarial)[correct]
        same_pixels = float(np.mean(gap <= SAME_PIXEL)) if gap.size else 1.0
        passed &= same_pixels >= LEAST_SAME_PIXELS
        tolerance += f", {LEAST_SAME_PIXELS:.0%} px"
    return Row(
        name=case.name,
        parameters=case.parameters(),
        ours=values[0],
        peer=values[1],
        difference=difference,
        agreement=agreement,
        same_pixels=same_pixels,
        tolerance=tolerance,
        passed=bool(passed),
        seconds=(ours.seconds, peer.seconds),
    )


def format_table(rows: list[Row], cases: list[Case]) -> str:
    """The rows as a Markdown table, and what could not be matched as footnotes."""
    notes = list(dict.fromkeys(note for case in cases for note in case.notes))
    header = [
        "attack",
        "peer",
        "parameters",
        "ours",
        "peer's",
        "difference",
        "verdicts",
        "tolerance",
        "s",
        "",
    ]
    table = [header]
    for row, case in zip(rows, cases, strict=True):
        marks = " ".join(f"[{notes.index(note) + 1}]" for note in case.notes)
        distance = case.measure == "distance"
        verdicts = f"{row.agreement:.1%}" + ("" if row.same_pixels is None else f", {row.same_pixels:.1%} px")
        table.append(
            [
                f"{row.name} {marks}".strip(),
                f"{case.library} {case.peer}",
                f"ε={case.epsilon:.4g} {row.parameters}",
                f"{row.ours:.4f}" if distance else f"{row.ours:.1f}",
                f"{row.peer:.4f}" if distance else f"{row.peer:.1f}",
                f"{row.difference:+.2f} %" if distance else f"{row.difference:+.1f}",
                verdicts,
                row.tolerance,
                f"{row.seconds[0]:.0f}/{row.seconds[1]:.0f}",
                "pass" if row.passed else "FAIL",
            ]
        )
    widths = [max(len(line[column]) for line in table) for column in range(len(header))]
    table.insert(1, ["-" * width for width in widths])
    lines = [
        "| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) + " |"
        for line in table
    ]
    return "\n".join([*lines, "", *(f"[{number}] {note}" for number, note in enumerate(notes, start=1))])


def read_outcome(path: pathlib.Path) -> Outcome:
    """A result from its file."""
    with np.load(path, allow_pickle=False) as arrays:
        return Outcome(arrays["adversarial"], arrays["prediction"], float(arrays["seconds"]))


def write_outcome(path: pathlib.Path, outcome: Outcome) -> None:
    """A result into its file, whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    np.savez(temporary, **vars(outcome))
    temporary.replace(path)
