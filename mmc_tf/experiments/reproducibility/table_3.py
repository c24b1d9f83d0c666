"""Uncertainty on images of a kind that the network does not know.

paper     Reproducibility report on Pang et al., Table 3; SCE and MMC on MNIST, CIFAR-10 and CIFAR-100
command   python -m mmc_tf.experiments run report-table-3 --budget=short --data_dir=DIR
cost      short: the networks of the other tables and a minute; paper: likewise
published SCE is sure of foreign images (0.997 on MNIST, 1 on CIFAR), MMC far from all centers (-1618.7 on MNIST)
measured  short: AUC of foreign images on MNIST: SCE's confidence 0.992, MMC's loss 1.000; on CIFAR-10 0.725, 0.712

The report showed MNIST's networks a photo of a lion and CIFAR's an image of MNIST. Here the lion is the first test
image of CIFAR-10, a cat, in grey and of 28x28 pixels; CIFAR's networks see the first test image of MNIST, a seven, of
32x32 pixels and three equal channels. One image decides nothing, so a second table has the AUC of telling 1,000
foreign test images from 1,000 own ones by each score that a network gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from mmc_tf.evaluation.detection import SCORES, detection_auc
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.experiments.reproducibility.foreign import reshape_images
from mmc_tf.experiments.reproducibility.networks import WITHOUT_CIFAR100, available, standard

if TYPE_CHECKING:
    import keras

# Data set of the network: that of the foreign images.
FOREIGN = {"mnist": "cifar10", "cifar10": "mnist", "cifar100": "mnist"}
# Which test image the first table shows.
SHOWN = 0
TOP = 3
WORDS = {"mmc_loss": "MMC loss", "confidence": "confidence", "margin": "margin"}


@dataclass(frozen=True)
class Row:
    """A network and its three highest scores in the report."""

    title: str
    loss: str
    dataset: str
    published: tuple[float, float, float]

    @property
    def digits(self) -> int:
        """After the decimal point: probabilities have more."""
        return 5 if self.loss == "SCE" else 1


ROWS = (
    Row("standard SCE, MNIST", "SCE", "mnist", (0.997, 0.00292, 0.00004)),
    Row("standard MMC, MNIST", "MMC", "mnist", (-1618.7, -1670.0, -1680.0)),
    Row("standard SCE, CIFAR-10", "SCE", "cifar10", (1.0, 0.0, 0.0)),
    Row("standard MMC, CIFAR-10", "MMC", "cifar10", (-10143.0, -10152.0, -10564.0)),
    Row("standard SCE, CIFAR-100", "SCE", "cifar100", (1.0, 0.0, 0.0)),
    Row("standard MMC, CIFAR-100", "MMC", "cifar100", (-138439.0, -139005.0, -141384.0)),
)


@experiment("report-table-3", source="Reproducibility report, Table 3", datasets=("mnist", "cifar10"))
def run(lab: Lab) -> Outcome:
    """Both tables; without CIFAR-100 where its files are not there."""
    datasets = available(lab, tuple(FOREIGN))
    rows = [row for row in ROWS if row.dataset in datasets]
    if lab.budget.name == "smoke":
        rows = rows[:2]
    count = lab.budget.pick(smoke=50, short=1000, paper=1000)
    found = [_look(lab, row, count) for row in rows]
    tops = Table(
        name="scores",
        caption="Highest three scores on one foreign image: probabilities of SCE, -||z - mu||^2 of MMC; for comparison "
        f"the median of the highest on {count} own test images",
        header=("Network", "Class 1", "Class 2", "Class 3", "own images, Class 1"),
        rows=tuple(
            (row.title, (*_top_cells(row, values["top"]), _median_cell(row, values["own_first"])))
            for row, values in zip(rows, found, strict=True)
        ),
    )
    aucs = Table(
        name="auc",
        caption=f"AUC of telling {count} foreign from {count} own test images by each score",
        header=("Network", *map(WORDS.get, SCORES)),
        rows=tuple((row.title, _auc_cells(values)) for row, values in zip(rows, found, strict=True)),
    )
    notes = [
        "MMC loss is that of the predicted class, confidence that of softmax; 0.5 is a coin.",
        *(_say_most(row, values) for row, values in zip(rows, found, strict=True)),
    ]
    if "cifar100" not in datasets:
        notes.append(WITHOUT_CIFAR100)
    return Outcome(tables=(tops, aucs), notes=tuple(notes))


def _look(lab: Lab, row: Row, count: int) -> dict[str, np.ndarray]:
    """`top` (3,), `own_first` (N,), `own` and `foreign` (N, S): the scores of `SCORES`."""
    path = lab.train(standard(row.loss, row.dataset))
    other = FOREIGN[row.dataset]

    def make() -> dict[str, np.ndarray]:
        from mmc_tf.evaluation.scoring import (
            score_images,
        )  # needs TensorFlow, which listing experiments does not

        model = lab.load(path)
        own = lab.dataset(row.dataset).test.part(0, count).as_float()
        foreign = reshape_images(lab.dataset(other).test.part(0, count).as_float(), own.shape[1:])
        outputs = [_outputs(model, images, row.loss) for images in (foreign[SHOWN : SHOWN + 1], own)]
        return {
            "top": np.sort(outputs[0][0])[::-1][:TOP],
            "own_first": outputs[1].max(axis=1),
            "own": score_images(model, own),
            "foreign": score_images(model, foreign),
        }

    return lab.compute(
        f"foreign-{row.dataset}-{row.loss}",
        {"run": path.name, "foreign": lab.plan(other).dataset, "count": count, "shown": SHOWN},
        make,
    )


def _outputs(model: keras.Model, images: np.ndarray, loss: str) -> np.ndarray:
    """What the report calls the scores: probabilities of SCE, logits of MMC; (N, L) float64."""
    logits = model.predict(images, batch_size=100, verbose=0).astype(np.float64)
    return softmax(logits, axis=1) if loss == "SCE" else logits


def _top_cells(row: Row, top: np.ndarray) -> tuple[Cell, ...]:
    return tuple(
        Cell(measured=float(value), published=published, digits=row.digits)
        for value, published in zip(top, row.published, strict=True)
    )


def _median_cell(row: Row, first: np.ndarray) -> Cell:
    return Cell(measured=float(np.median(first)), digits=row.digits)


def _auc_cells(values: dict[str, np.ndarray]) -> tuple[Cell, ...]:
    """By each score; a hyphen where the network has it not."""
    columns = zip(values["own"].T, values["foreign"].T, strict=True)
    return tuple(
        Cell() if np.isnan(own).all() else Cell(measured=detection_auc(own, foreign), digits=3)
        for own, foreign in columns
    )


def _say_most(row: Row, values: dict[str, np.ndarray]) -> str:
    """Which score tells the most."""
    cells = dict(zip(SCORES, _auc_cells(values), strict=True))
    found = {name: cell.measured for name, cell in cells.items() if cell.measured is not None}
    best = max(found, key=found.get)
    return f"{row.title}: foreign images are told best by {WORDS[best]} ({found[best]:.3f})."
