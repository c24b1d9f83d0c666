"""Published numbers as data, so that a table can print them beside ours.

Sources: Pang et al. 2020, "Rethinking Softmax Cross-Entropy Loss for Adversarial Robustness", Tables 1 to 5 (its
MMC rows use the adaptive objectives), and the README of the PyTorch reimplementation (cross-entropy on h =
-‖z - µ‖²: not adaptive; step sizes relative to epsilon). Networks are ResNet-32 on the whole CIFAR test sets, and
ResNet-110 in half of Table 5. `mmc_tf.evaluation.published_settings` has the attacks' settings. (More than 300 lines,
half of which are those numbers.)
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmc_tf.evaluation import published_settings as settings_of
from mmc_tf.evaluation.published_settings import L1, L2, LINF_8, LINF_16, RADII, paper_objective, readme_pgd

PAPER, TABLE_2, TABLE_3, TABLE_4, TABLE_5 = (f"MMC paper, Table {number}" for number in (1, 2, 3, 4, 5))
README = "PyTorch README"
# Where the README is that has the numbers of the SCE network: not the one of MMC, and nowhere to be read any more.
SCE_README = "of SCE, in MTandHJ/PyTorch-Robust, since removed"

# The methods of Table 1; `at_tar` and `at_un` are PGD-10 adversarial training, targeted and untargeted.
TRAININGS = STANDARD, AT_TARGETED, AT_UNTARGETED = "standard", "at_tar", "at_un"
RESNET_32, RESNET_110 = "ResNet-32", "ResNet-110"
# The papers count blocks in a stage, whatever the version makes of them: 5 and 18.
_NETWORKS = {(1, 32): RESNET_32, (2, 47): RESNET_32, (1, 110): RESNET_110, (2, 164): RESNET_110}

# The tables' MMC is "MMC-10".
_SCALE, _AT_SCALE = 10.0, frozenset({"MMC"})

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

# loss, training: mean l2 distance of C&W (targeted, untargeted), then accuracies in percent: SPSA-10 (targeted,
# untargeted) at 8/255, at 16/255, noise, rotation.
_TABLE_2 = {
    ("SCE", STANDARD): ((0.12, 0.07), (12.3, 1.2), (5.1, None), 52.0, 83.5),
    ("Center", STANDARD): ((0.13, 0.07), (21.2, 6.0), (10.6, 2.0), 55.4, 84.9),
    ("MMLDA", STANDARD): ((0.17, 0.10), (25.6, 13.2), (11.3, 5.7), 57.9, 84.8),
    ("LGM", STANDARD): ((0.23, 0.12), (61.9, 45.9), (46.1, 28.2), 59.2, 82.4),
    ("MMC", STANDARD): ((0.34, 0.17), (69.5, 56.9), (57.2, 41.5), 69.3, 87.2),
    ("SCE", AT_TARGETED): ((1.19, 0.63), (81.1, 67.8), (77.9, 59.4), 82.2, 76.0),
    ("MMC", AT_TARGETED): ((1.91, 0.85), (79.1, 69.2), (74.5, 62.7), 83.5, 75.2),
    ("SCE", AT_UNTARGETED): ((1.26, 0.68), (78.8, 67.0), (73.7, 60.3), 78.9, 73.7),
    ("MMC", AT_UNTARGETED): ((1.55, 0.73), (80.4, 69.6), (74.6, 62.4), 80.3, 75.8),
}
# queries per step: accuracy of MMC under SPSA at 8/255, targeted and untargeted. Table 2 has 128.
_TABLE_3 = {4096: (52.0, 41.0), 8192: (49.0, 37.0)}
# CIFAR-100, loss: clean accuracy, PGD-10 and SPSA-10 at 8/255 in percent, C&W's mean l2; each targeted, untargeted.
_TABLE_4 = {
    "SCE": (72.9, (None, 8.0), (14.0, 1.9), (0.16, 0.047)),
    "Center": (72.8, (None, 10.2), (14.7, 2.3), (0.18, 0.048)),
    "MMLDA": (72.2, (None, 13.9), (18.5, 5.6), (0.21, 0.050)),
    "LGM": (71.3, (15.8, 15.3), (22.8, 7.6), (0.31, 0.063)),
    "MMC": (71.9, (23.9, 23.4), (33.4, 15.8), (0.37, 0.085)),
}
# data set, loss, network: as in Table 1. ResNet-32's clean accuracies and numbers of SCE are not those of Table 1.
_TABLE_5 = {
    ("cifar10", "SCE", RESNET_32): (93.6, (None, 3.7, None, 3.6), (None, 2.7, None, 2.9)),
    ("cifar10", "MMC", RESNET_32): (92.7, (48.7, 36.0, 26.6, 24.8), (36.1, 25.2, 13.4, 17.5)),
    ("cifar10", "SCE", RESNET_110): (94.7, (None, 3.0, None, 2.9), (None, 2.1, None, 2.0)),
    ("cifar10", "MMC", RESNET_110): (93.6, (54.7, 46.0, 34.4, 31.4), (41.0, 30.7, 16.2, 21.6)),
    ("cifar100", "SCE", RESNET_32): (72.3, (None, 7.8, None, 7.4), (None, 4.8, None, 4.7)),
    ("cifar100", "MMC", RESNET_32): (71.9, (23.9, 23.4, 15.1, 21.9), (16.4, 16.7, 8.0, 15.7)),
    ("cifar100", "SCE", RESNET_110): (74.8, (None, 7.5, None, 7.3), (None, 4.7, None, 4.5)),
    ("cifar100", "MMC", RESNET_110): (73.2, (34.6, 22.4, 23.7, 16.5), (24.1, 14.9, 13.9, 10.5)),
}

# loss: clean accuracy, then attacks with their accuracy in percent.
_README = {
    "MMC": (
        90.18,
        (
            (settings_of.README_FGSM | LINF_8, 86.33),
            (readme_pgd(LINF_8, 10, share=1 / 4), 84.71),
            (readme_pgd(LINF_8, 40, share=1 / 10), 84.31),
            (settings_of.README_DEEPFOOL | LINF_8, 34.35),
            (settings_of.README_AUTOATTACK | LINF_8, 0.0),
            (settings_of.README_FGSM | LINF_16, 86.65),
            (readme_pgd(LINF_16, 10, share=1 / 4), 78.22),
            (readme_pgd(LINF_16, 40, share=1 / 10), 77.63),
            (settings_of.README_DEEPFOOL | LINF_16, 12.50),
            (settings_of.README_AUTOATTACK | LINF_16, 0.0),
            (readme_pgd(L2, 50, share=1 / 10), 88.02),
            (settings_of.README_DEEPFOOL | L2, 53.38),
            (settings_of.README_CW, 2.41),
            (settings_of.README_AUTOATTACK | L2, 0.09),
            (readme_pgd(L1, 50, share=1 / 20), 88.30),
            (settings_of.README_SLIDE, 86.80),
        ),
    ),
    "SCE": (
        93.27,
        (
            (settings_of.README_FGSM | LINF_8, 21.80),
            (readme_pgd(LINF_8, 10, share=1 / 4), 0.0),
            (settings_of.README_DEEPFOOL | LINF_8, 0.02),
            (settings_of.README_AUTOATTACK | LINF_8, 0.0),
            (readme_pgd(L2, 50, share=1 / 10), 0.01),
            (settings_of.README_DEEPFOOL | L2, 0.66),
            (settings_of.README_CW, 0.0),
            (readme_pgd(L1, 50, share=1 / 20), 0.62),
            (settings_of.README_SLIDE, 0.69),
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """One published number and what it was measured with.

    Accuracies are fractions in [0, 1]; a `robust_accuracy` of None means "at most 1 %", or, beside a `distance`,
    that the table holds the attack's mean l2 distance instead.

    Args:
        num_steps: of the attack; None where it has none.
        epsilon: radius; of no consequence beside a `distance`.
        objective: what was climbed; None where the attack leaves no choice.
        adaptive: whether that was adapted to the head; None where the attack leaves no choice.
        network: `ResNet-32` or `ResNet-110`.
        parameters: all other settings of the attack that its outcome depends on.
        origin: where the source is, if that is not the paper or the README at hand.
    """

    source: str
    loss: str
    training: str
    attack: str
    norm: str | None = None
    epsilon: float | None = None
    num_steps: int | None = None
    targeted: bool = False
    objective: str | None = None
    adaptive: bool | None = None
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    clean_accuracy: float | None
    robust_accuracy: float | None = None
    distance: float | None = None
    dataset: str = "cifar10"
    network: str = RESNET_32
    origin: str = ""

    @property
    def cited(self) -> str:
        """The source as a table names it, with its origin."""
        return f"{self.source} ({self.origin})" if self.origin else self.source

    @property
    def text(self) -> str:
        """The number as a table prints it: `48.7 %`, `≤1 %`, `mean l2 0.17`."""
        if self.distance is not None:
            return f"mean l2 {self.distance:g}"
        return "≤1 %" if self.robust_accuracy is None else f"{100 * self.robust_accuracy:.1f} %"

    def measures(self, record: Mapping[str, Any]) -> bool:
        """Whether `record` is one of the same attack with the same settings, every one of them.

        What a record does not say is not held against it; those of `results.json` say everything.
        """
        given = {**record.get("parameters", {}), "num_steps": record["num_steps"]}
        asked = (
            self.parameters if self.num_steps is None else {**self.parameters, "num_steps": self.num_steps}
        )
        return (
            (self.attack, self.targeted) == (record["attack"], record["targeted"])
            and self.norm in (None, record["norm"])
            and (self.distance is not None or _same(self.epsilon, record["epsilon"]))
            and all(_same(value, given[name]) for name, value in asked.items() if name in given)
            and self._climbs_what(record)
        )

    def _climbs_what(self, record: Mapping[str, Any]) -> bool:
        if "objective" in record:
            return self.objective in (None, record["objective"])
        # Only heads with centers tell adaptive attacks from others.
        return self.adaptive in (None, record["adaptive"]) or self.loss in ("SCE", "Center")


def _same(published: Any, given: Any) -> bool:
    if isinstance(published, float) and isinstance(given, float | int) and not isinstance(given, bool):
        return math.isclose(published, given, rel_tol=1e-6)
    return published == given


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _pairs(values: tuple[Any, Any]) -> Iterator[tuple[bool, Any]]:
    """(targeted, value) of the papers' columns "tar" and "un"."""
    return zip((True, False), values, strict=True)


def _paper(settings: Mapping[str, Any], loss: str, **more: Any) -> dict[str, Any]:
    """One of the paper's attacks on a network of a loss, with what was measured."""
    return {**settings, "objective": paper_objective(settings["attack"], loss), **more}


def _pgd_rows(
    network: Mapping[str, Any], by_epsilon: Iterable[Sequence[float | None]]
) -> Iterator[PublishedRow]:
    """The columns that Tables 1 and 5 have, for one network."""
    for epsilon, percents in zip(RADII, by_epsilon, strict=True):
        for (targeted, num_steps), percent in zip(_TABLE_1_COLUMNS, percents, strict=True):
            more = {"epsilon": epsilon, "num_steps": num_steps, "targeted": targeted}
            attack = _paper(settings_of.PAPER_PGD, network["loss"], **more, robust_accuracy=_share(percent))
            yield PublishedRow(**network, **attack)


def _spsa_rows(
    network: Mapping[str, Any], epsilon: float, samples: int, percents: tuple[float | None, float | None]
) -> Iterator[PublishedRow]:
    for targeted, percent in _pairs(percents):
        more = {"epsilon": epsilon, "targeted": targeted, "robust_accuracy": _share(percent)}
        yield PublishedRow(**network, **_paper(settings_of.paper_spsa(samples), network["loss"], **more))


def _cw_rows(network: Mapping[str, Any], distances: tuple[float, float]) -> Iterator[PublishedRow]:
    for targeted, distance in _pairs(distances):
        more = {"targeted": targeted, "distance": distance}
        yield PublishedRow(**network, **_paper(settings_of.PAPER_CW, network["loss"], **more))


def _paper_rows() -> Iterator[PublishedRow]:
    for (loss, training), (clean, *by_epsilon) in _TABLE_1.items():
        network = {"loss": loss, "training": training, "clean_accuracy": clean / 100}
        yield from _pgd_rows(network | {"source": PAPER}, by_epsilon)
        distances, spsa_8, spsa_16, noise, rotation = _TABLE_2[loss, training]
        network["source"] = TABLE_2
        yield from _cw_rows(network, distances)
        for epsilon, percents in zip(RADII, (spsa_8, spsa_16), strict=True):
            yield from _spsa_rows(network, epsilon, 128, percents)
        for attack, percent in ((settings_of.PAPER_NOISE, noise), (settings_of.PAPER_ROTATION, rotation)):
            yield PublishedRow(**network, **attack, robust_accuracy=_share(percent))
    network = {"loss": "MMC", "training": STANDARD, "clean_accuracy": 0.927, "source": TABLE_3}
    for samples, percents in _TABLE_3.items():
        yield from _spsa_rows(network, 8 / 255, samples, percents)


def _cifar100_rows() -> Iterator[PublishedRow]:
    for loss, (clean, percents, spsa, distances) in _TABLE_4.items():
        network = {"source": TABLE_4, "loss": loss, "training": STANDARD, "dataset": "cifar100"}
        network["clean_accuracy"] = clean / 100
        for targeted, percent in _pairs(percents):
            more = {"epsilon": 8 / 255, "num_steps": 10, "targeted": targeted}
            attack = _paper(settings_of.PAPER_PGD, loss, **more, robust_accuracy=_share(percent))
            yield PublishedRow(**network, **attack)
        yield from _spsa_rows(network, 8 / 255, 128, spsa)
        yield from _cw_rows(network, distances)


def _table_5_rows() -> Iterator[PublishedRow]:
    for (dataset, loss, network), (clean, *by_epsilon) in _TABLE_5.items():
        subject = {"dataset": dataset, "loss": loss, "network": network, "training": STANDARD}
        yield from _pgd_rows(subject | {"source": TABLE_5, "clean_accuracy": clean / 100}, by_epsilon)


def _readme_rows() -> Iterator[PublishedRow]:
    for loss, (clean, attacks) in _README.items():
        network = {"source": README, "loss": loss, "training": STANDARD, "clean_accuracy": clean / 100}
        network["origin"] = SCE_README if loss == "SCE" else ""
        for attack, percent in attacks:
            yield PublishedRow(**network, **attack, robust_accuracy=percent / 100)


ROWS: tuple[PublishedRow, ...] = (*_paper_rows(), *_cifar100_rows(), *_table_5_rows(), *_readme_rows())


def published_network(model: str | None) -> str | None:
    """The network of the tables that a backbone is, or None: `resnet164v2` has the 18 blocks of ResNet-110.

    Example:
        >>> published_network("resnet32"), published_network("resnet110v1"), published_network("lenet5")
        ('ResNet-32', 'ResNet-110', None)
    """
    found = re.fullmatch(r"resnet(\d+)(?:v([12]))?", model or "")
    return _NETWORKS.get((int(found[2] or 1), int(found[1]))) if found else None


def published_subject(results: Mapping[str, Any]) -> dict[str, str | None]:
    """What `results.json` says of its network, as `published_rows` and `find_published` take it."""
    model = results["model"]
    backbone = model.get("backbone") or model.get("model")
    return {
        "dataset": results["dataset"].get("name", ""),
        "loss": _loss_at_scale(model),
        "training": model.get("training"),
        "network": published_network(backbone) or backbone,
    }


def _loss_at_scale(model: Mapping[str, Any]) -> str:
    """The loss as the tables name it; with its scale, by which they know none, where that is not the tables' own."""
    loss, scale = model.get("loss") or "", model.get("scale")
    plain = scale is None or loss.split("-")[0] not in _AT_SCALE or math.isclose(scale, _SCALE)
    return loss if plain else f"{loss} at scale {scale:g}"


def published_rows(
    *, dataset: str, loss: str, training: str | None, network: str | None = None
) -> list[PublishedRow]:
    """The published rows of a network, the paper's first.

    Args:
        dataset: the data set's name, such as `cifar10`.
        loss: the run's loss; a learning policy's suffix (`MMC-C`) is ignored.
        training: `standard`, `at_tar`, `at_un`, or None.
        network: `ResNet-32` or `ResNet-110`, or another one, of which there is none; None: nobody says, and it is held
            against the tables that have ResNet-32 alone.
    """
    subject = (dataset, loss.split("-")[0], training, network or RESNET_32)
    return [
        row
        for row in ROWS
        if (row.dataset, row.loss, row.training, row.network) == subject
        and (network is not None or row.source != TABLE_5)
    ]


def find_published(
    record: Mapping[str, Any],
    *,
    dataset: str,
    loss: str,
    training: str | None,
    network: str | None = None,
) -> list[PublishedRow]:
    """The published rows measured with the attack of `record`, on the same data set, loss, training and network.

    Args:
        record: one attack's record of `results.json`.
        dataset: as `published_rows` takes it, and so are `loss`, `training` and `network`.
        loss: the run's.
        training: the run's.
        network: the run's.

    Returns:
        The matching rows, the paper's first; empty if nothing published compares.
    """
    rows = published_rows(dataset=dataset, loss=loss, training=training, network=network)
    return [row for row in rows if row.measures(record)]
