"""Published robust accuracies as data, so that a table can print them beside ours.

Sources: Pang et al. 2020, "Rethinking Softmax Cross-Entropy Loss for Adversarial Robustness", Table 1 (its
MMC rows use the adaptive objectives), and the README of the PyTorch reimplementation (cross-entropy on h =
-‖z - µ‖²: not adaptive; step sizes relative to epsilon). All on the whole CIFAR-10 test set.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PAPER = "MMC paper, Table 1"
README = "PyTorch README"

# The methods of Table 1; `at_tar` and `at_un` are PGD-10 adversarial training, targeted and untargeted.
STANDARD, AT_TARGETED, AT_UNTARGETED = "standard", "at_tar", "at_un"

# loss, training: clean accuracy, then tar-10, un-10, tar-50, un-50 at 8/255 and the same at 16/255, in
# percent. None stands for the paper's "≤ 1".
_TABLE_1 = {
    ("SCE", STANDARD): (92.9, (None, 3.7, None, 3.6), (None, 2.9, None, 2.6)),
    ("Center", STANDARD): (92.8, (None, 4.4, None, 4.3), (None, 3.1, None, 2.9)),
    ("MMLDA", STANDARD): (92.4, (None, 16.5, None, 9.7), (None, 6.7, None, 5.5)),
    ("LGM", STANDARD): (92.5, (37.6, 19.8, 8.9, 4.9), (26.0, 11.0, 2.5, 2.8)),
    ("MMC", STANDARD): (92.7, (48.7, 36.0, 26.6, 24.8), (36.1, 25.2, 13.4, 17.5)),
    ("SCE", AT_TARGETED): (83.7, (70.6, 49.7, 69.8, 47.8), (48.4, 26.7, 31.2, 16.0)),
    ("MMC", AT_TARGETED): (83.0, (69.2, 54.8, 67.0, 53.5), (58.6, 47.3, 44.7, 45.1)),
    ("SCE", AT_UNTARGETED): (80.9, (69.8, 55.4, 69.4, 53.9), (53.3, 34.1, 38.5, 21.5)),
    ("MMC", AT_UNTARGETED): (81.8, (70.8, 56.3, 70.1, 55.0), (54.7, 37.4, 39.9, 27.7)),
}
_TABLE_1_COLUMNS = ((True, 10), (False, 10), (True, 50), (False, 50))

# loss: clean accuracy, then (attack, norm, epsilon, steps, percent).
_README = {
    "MMC": (
        90.18,
        (
            ("fgsm", "linf", 8 / 255, 1, 86.33),
            ("pgd", "linf", 8 / 255, 10, 84.71),
            ("pgd", "linf", 8 / 255, 40, 84.31),
            ("fgsm", "linf", 16 / 255, 1, 86.65),
            ("pgd", "linf", 16 / 255, 10, 78.22),
            ("pgd", "linf", 16 / 255, 40, 77.63),
            ("pgd", "l2", 0.5, 50, 88.02),
            ("pgd", "l1", 12.0, 50, 88.30),
        ),
    ),
    "SCE": (
        93.27,
        (
            ("fgsm", "linf", 8 / 255, 1, 21.80),
            ("pgd", "linf", 8 / 255, 10, 0.0),
            ("pgd", "l2", 0.5, 50, 0.01),
            ("pgd", "l1", 12.0, 50, 0.62),
        ),
    ),
}


@dataclass(frozen=True)
class PublishedRow:
    """One published robust accuracy and what it was measured with.

    Accuracies are fractions in [0, 1]; a `robust_accuracy` of None means "at most 1 %".
    """

    source: str
    loss: str
    training: str
    attack: str
    norm: str
    epsilon: float
    num_steps: int
    targeted: bool
    adaptive: bool
    clean_accuracy: float
    robust_accuracy: float | None
    dataset: str = "cifar10"

    @property
    def text(self) -> str:
        """The number as a table prints it, in percent: `48.7`, `≤1`."""
        return "≤1" if self.robust_accuracy is None else f"{100 * self.robust_accuracy:.1f}"


def _paper_rows() -> list[PublishedRow]:
    return [
        PublishedRow(
            source=PAPER,
            loss=loss,
            training=training,
            attack="pgd",
            norm="linf",
            epsilon=epsilon,
            num_steps=num_steps,
            targeted=targeted,
            adaptive=True,
            clean_accuracy=clean / 100,
            robust_accuracy=None if percent is None else percent / 100,
        )
        for (loss, training), (clean, *by_epsilon) in _TABLE_1.items()
        for epsilon, percents in zip((8 / 255, 16 / 255), by_epsilon, strict=True)
        for (targeted, num_steps), percent in zip(_TABLE_1_COLUMNS, percents, strict=True)
    ]


def _readme_rows() -> list[PublishedRow]:
    return [
        PublishedRow(
            source=README,
            loss=loss,
            training=STANDARD,
            attack=attack,
            norm=norm,
            epsilon=epsilon,
            num_steps=num_steps,
            targeted=False,
            adaptive=False,
            clean_accuracy=clean / 100,
            robust_accuracy=percent / 100,
        )
        for loss, (clean, attacks) in _README.items()
        for attack, norm, epsilon, num_steps, percent in attacks
    ]


ROWS: tuple[PublishedRow, ...] = (*_paper_rows(), *_readme_rows())


def training_of(method: str | None, targeted: bool | None) -> str | None:
    """The training of Table 1 that a run's method amounts to, or None when the tables have none like it.

    Args:
        method: the run's `method`; None, `""`, `std` and `standard` are standard training.
        targeted: whether its inner attack was targeted.
    """
    if method in (None, "", "std", "standard"):
        return STANDARD
    if method in ("at", "pgd", "pgd_at"):
        return AT_TARGETED if targeted else AT_UNTARGETED
    return None


def find_published(
    record: Mapping[str, Any], *, dataset: str, loss: str, training: str | None
) -> list[PublishedRow]:
    """The published rows measured with the attack of `record`, on the same data set, loss and training.

    Only heads with centers distinguish adaptive from non-adaptive attacks: on an SCE network both are the
    same.

    Args:
        record: one attack's record of `results.json`.
        dataset: the data set's name, such as `cifar10`.
        loss: the run's loss; a learning policy's suffix (`MMC-C`) is ignored.
        training: `standard`, `at_tar`, `at_un` (see `training_of`), or None.

    Returns:
        The matching rows, the paper's first; empty if nothing published compares.
    """
    loss = loss.split("-")[0]
    return [
        row
        for row in ROWS
        if (row.dataset, row.loss, row.training) == (dataset, loss, training)
        and (row.attack, row.norm, row.targeted) == (record["attack"], record["norm"], record["targeted"])
        and row.num_steps == record["num_steps"]
        and math.isclose(row.epsilon, record["epsilon"], rel_tol=1e-6)
        and (row.adaptive == record["adaptive"] or loss in ("SCE", "Center"))
    ]
