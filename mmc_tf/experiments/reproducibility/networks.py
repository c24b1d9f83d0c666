"""The networks of the report: those of the MMC paper, on MNIST with the original's small network."""

from __future__ import annotations

from mmc_tf.evaluation.published import AT_UNTARGETED
from mmc_tf.experiments.lab import Lab, Network
from mmc_tf.experiments.mmc.networks import Method

_MODELS = {"mnist": "mnist"}
# What a table's note says where it lacks a row.
WITHOUT_CIFAR100 = "CIFAR-100 is left out: its files are not there."


def standard(loss: str, dataset: str, **flags: object) -> Network:
    """A network trained on clean images."""
    return Method(loss, loss).network(dataset, model=_MODELS.get(dataset, "resnet32"), **flags)


def adversarial(loss: str, dataset: str) -> Network:
    """A network trained on untargeted PGD-10 at 8/255: the report gives no settings, the original's code has these."""
    method = Method(loss, loss, AT_UNTARGETED)
    return method.network(dataset, model=_MODELS.get(dataset, "resnet32"))


def available(lab: Lab, datasets: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the data sets whose files are there; the smoke budget takes others' in their place."""
    return tuple(dataset for dataset in datasets if lab.has(dataset))
