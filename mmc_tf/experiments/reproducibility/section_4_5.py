"""How far log-sum-exp is from its largest term, which Theorem 1 puts in its place.

paper     reproducibility report, Section 4.5 and Remark 3; ResNet-32, SCE, CIFAR-10
command   python -m mmc_tf.experiments run report-section-4-5 --budget=short --data_dir=DIR
cost      short: a network of mmc-table-1, and a minute
published second and third score within 5x of each other for 9.16 % of the images
measured  short: 73.9 % by probabilities, 89.3 % by logits, on a network of 59.6 % accuracy

"Scores" may be softmax probabilities, as in the report's Table 3, or logits; "second and third" may count all classes,
or those other than the true one, which the sum runs over. All readings stand side by side. What the approximation costs
is the difference log Σ_{l≠y} exp(h_l) − max_{l≠y} h_l itself, between 0 and log(L − 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from mmc_tf.evaluation.runner_up import comparable, lse_gap, other_scores
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.networks import STANDARD_METHODS
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.experiments.outputs import Outputs, network_outputs
from mmc_tf.report.colours import SERIES
from mmc_tf.report.drawing import add_legend, drawing_style, new_figure
from mmc_tf.report.picture import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PUBLISHED, FACTOR = 9.16, 5.0
KEPT = (1, 2, 3, 5)
_LINES = ("-", "--", ":", "-.")


@experiment("report-section-4-5", source="Reproducibility report, Section 4.5", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """Shares and gaps on the test images."""
    method = next(method for method in STANDARD_METHODS if method.loss == "SCE")
    outputs = network_outputs(lab, lab.train(method.network("cifar10")), dataset="cifar10")
    readings = shares(outputs)
    share = Table(
        name="share",
        caption=f"Test images (%) whose second score is less than {FACTOR:g} times the third, by what counts as a "
        "score and among which classes they are ranked",
        header=("Scores", "All classes", "Without the true one"),
        rows=tuple(
            (name, tuple(Cell(measured=100 * value, published=PUBLISHED, digits=2) for value in values))
            for name, values in readings.items()
        ),
    )
    gaps = {kept: lse_gap(outputs.logits, outputs.labels, kept=kept) for kept in KEPT}
    classes = outputs.logits.shape[1]
    gap = Table(
        name="gap",
        caption="log-sum-exp over the classes other than the true one, minus that of its largest terms (nats): mean, "
        f"median, 95th percentile, largest, and the bound log({classes - 1}/terms)",
        header=("Terms", "Mean", "Median", "95 %", "Largest", "Bound"),
        rows=tuple((str(kept), _gap_row(each, kept, classes)) for kept, each in gaps.items()),
    )
    caption = (
        "Share of test images for which the approximation of log-sum-exp by its largest terms is off by no more than "
        f"so much; one term is the paper's Eq. 6. Vertical: log 2 and log {classes - 1}."
    )
    picture = Picture("gaps", "", caption, draw(gaps, num_classes=classes))
    factor = np.exp(gaps[1])
    notes = (
        f"With one term Σ exp(h_l) is too small by a factor of {np.median(factor):.2f} (median) and "
        f"{factor.mean():.2f} (mean); with five by {np.exp(gaps[5]).mean():.3f} (mean).",
        f"{100 * np.mean(gaps[1] > np.log(2)):.1f} % of the images are off by more than log 2, the rest of the classes "
        "together outweighing the runner-up.",
        f"The network classifies {100 * np.mean(outputs.logits.argmax(axis=1) == outputs.labels):.1f} % of the images "
        "correctly. The report does not say which reading is its own.",
    )
    arrays = {f"gap_{kept}": each for kept, each in gaps.items()}
    return Outcome(tables=(share, gap), pictures=(picture,), notes=notes, arrays=arrays)


def shares(outputs: Outputs) -> dict[str, tuple[float, float]]:
    """By reading of "scores": the share among all classes, and without the true one.

    Ranked among all classes the second and third of all scores are compared; without the true one the first and second
    of the others, which for a correctly classified image are the same.
    """
    found = {}
    logits = outputs.logits.astype(np.float64)
    for name, scores in (("softmax probabilities", softmax(logits, axis=1)), ("logits", logits)):
        ranked = -np.sort(-scores, axis=1)
        others = other_scores(scores, outputs.labels)
        found[name] = (
            float(comparable(ranked[:, 1], ranked[:, 2], factor=FACTOR).mean()),
            float(comparable(others[:, 0], others[:, 1], factor=FACTOR).mean()),
        )
    return found


def _gap_row(gaps: np.ndarray, kept: int, num_classes: int) -> tuple[Cell, ...]:
    values = (
        gaps.mean(),
        np.median(gaps),
        np.percentile(gaps, 95),
        gaps.max(),
        np.log((num_classes - 1) / kept),
    )
    return tuple(Cell(measured=float(value), digits=3) for value in values)


def draw(gaps: dict[int, np.ndarray], *, num_classes: int) -> Figure:
    """The distribution of the gap for each number of terms."""
    with drawing_style():
        figure = new_figure()
        axes = figure.subplots()
        for number, (kept, each) in enumerate(gaps.items()):
            axes.plot(
                np.sort(each),
                100 * np.arange(1, len(each) + 1) / len(each),
                color=SERIES[number],
                linestyle=_LINES[number],
                label="1 term: the maximum" if kept == 1 else f"{kept} terms",
            )
        for limit in (np.log(2), np.log(num_classes - 1)):
            axes.axvline(limit, color=SERIES[6], linewidth=0.8, zorder=1)
        axes.set_xlabel("log-sum-exp minus that of its largest terms (nats)")
        axes.set_ylabel("test images (%)")
        axes.set_xlim(left=0)
        axes.set_ylim(0, 101.5)
        add_legend(figure, axes)
    return figure
