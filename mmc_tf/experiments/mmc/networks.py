"""The methods that the MMC paper compares, as networks to train."""

from __future__ import annotations

from dataclasses import dataclass

from mmc_tf.evaluation.published import AT_TARGETED, AT_UNTARGETED, STANDARD
from mmc_tf.experiments.lab import Lab, Network

_PGD_10 = (("epsilon", "8/255"), ("step_size", "2/255"), ("num_steps", 10))


@dataclass(frozen=True)
class Method:
    """A row of the paper's tables.

    Args:
        title: as the tables have it.
        loss: a name of `mmc_tf.losses.LOSSES`.
        training: as `mmc_tf.evaluation.published` names it.
    """

    title: str
    loss: str
    training: str = STANDARD

    def network(self, dataset: str, *, model: str = "resnet32", **flags: object) -> Network:
        """The network of this method on a data set."""
        settings: tuple[tuple[str, object], ...] = tuple(flags.items())
        method = None
        if self.training != STANDARD:
            method = "pgd"
            settings = (*_PGD_10, ("targeted", self.training == AT_TARGETED), *settings)
        return Network(dataset=dataset, loss=self.loss, model=model, method=method, flags=settings)


STANDARD_METHODS = (
    Method("SCE", "SCE"),
    Method("Center loss", "Center"),
    Method("MMLDA", "MMLDA"),
    Method("L-GM", "LGM"),
    Method("MMC-10", "MMC"),
)
METHODS = (
    *STANDARD_METHODS,
    Method("AT-10 tar (SCE)", "SCE", AT_TARGETED),
    Method("AT-10 tar (MMC-10)", "MMC", AT_TARGETED),
    Method("AT-10 un (SCE)", "SCE", AT_UNTARGETED),
    Method("AT-10 un (MMC-10)", "MMC", AT_UNTARGETED),
)


def chosen_methods(lab: Lab) -> tuple[Method, ...]:
    """The rows that a budget has time for: the short one leaves out the adversarially trained networks."""
    methods = lab.budget.rows(METHODS)
    if lab.budget.name == "short":
        methods = tuple(method for method in methods if method.training == STANDARD)
    return methods
