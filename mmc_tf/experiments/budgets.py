"""How much an experiment may spend: `smoke` shows that it runs, `short` is an hour, `paper` the papers' setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mmc_tf.registry import Registry
from mmc_tf.training.growth import GROWING_LOSSES, GROWING_METHODS, GROWTH

Item = TypeVar("Item")
Settings = Mapping[str, Any]

BUDGETS: Registry[Budget] = Registry("budget")


@dataclass(frozen=True, kw_only=True)
class DataPlan:
    """What a budget makes of a data set.

    Args:
        dataset: the one that is used.
        model: the network that is used; None: the experiment's.
        standard: flags of `train_std.py` by name, which an experiment's own replace.
        adversarial: likewise of `train_at.py`.
        examples: test images that are attacked; None: all.
    """

    dataset: str
    model: str | None = None
    standard: Settings
    adversarial: Settings
    examples: int | None


@dataclass(frozen=True, kw_only=True)
class Budget:
    """One budget.

    Args:
        name: what the command line calls it.
        remark: what a reader of its tables has to know.
        plans: by the name of the data set that an experiment asks for.
        evaluation: flags of `eval_attacks.py` by name, which an experiment's own replace.
        max_steps: no attack takes more; None: no such limit.
        max_rows: no table has more networks; None: no such limit.
        bare: whether adversarial training starts with its whole radius, as the papers' does, where `train_at.py` by
            default lets it grow.
        in_process: whether commands run within one Python process, which saves the import of TensorFlow.
    """

    name: str
    remark: str
    plans: Mapping[str, DataPlan]
    evaluation: Settings
    max_steps: int | None = None
    max_rows: int | None = None
    bare: bool = False
    in_process: bool = False

    def steps(self, wanted: int) -> int:
        """The steps of an attack that the budget allows."""
        return wanted if self.max_steps is None else min(wanted, self.max_steps)

    def rows(self, wanted: Sequence[Item]) -> tuple[Item, ...]:
        """As many of the wanted as the budget allows, evenly spread, the first and the last among them."""
        if self.max_rows is None or len(wanted) <= self.max_rows:
            return tuple(wanted)
        if self.max_rows == 1:
            return (wanted[-1],)
        places = {round(place * (len(wanted) - 1) / (self.max_rows - 1)) for place in range(self.max_rows)}
        return tuple(wanted[place] for place in sorted(places))

    def growth(self, loss: str, method: str | None) -> Settings:
        """The flags that keep the growing radius of `train_at.py` away from a bare budget; none elsewhere.

        No part of a network's name, so that those are found that were trained when the default was bare.
        """
        grows = loss in GROWING_LOSSES and method in GROWING_METHODS
        return {GROWTH: 0} if self.bare and grows else {}

    def pick(self, *, smoke: Item, short: Item, paper: Item) -> Item:
        """The value for this budget."""
        return {"smoke": smoke, "short": short, "paper": paper}[self.name]


def _all(plan: DataPlan) -> dict[str, DataPlan]:
    return dict.fromkeys(("digits", "mnist", "cifar10", "cifar100"), plan)


_TINY = {"epochs": 1, "train_size": 100, "batch_size": 50, "warmup_steps": 0, "learning_policy": "constant"}
_QUICK = {"learning_policy": "cosine", "precision": "auto"}
_PAPERS = {"batch_size": 50, "lr": 0.01}

BUDGETS.register("smoke")(
    Budget(
        name="smoke",
        remark="Tiny networks on a few digits, whatever the table says: its numbers mean nothing.",
        plans=_all(
            DataPlan(
                dataset="digits",
                model="lenet5",
                standard=_TINY,
                adversarial=_TINY | {"epsilon": 0.1, "num_steps": 2},
                examples=20,
            )
        ),
        evaluation={"batch_size": 20, "attack_precision": "float32"},
        max_steps=2,
        max_rows=2,
        in_process=True,
    )
)
BUDGETS.register("short")(
    Budget(
        name="short",
        remark="A few epochs, hundreds of test images: orders can be compared with the papers', levels not.",
        plans={
            "digits": DataPlan(
                dataset="digits", standard={"epochs": 40}, adversarial={"epochs": 40}, examples=500
            ),
            "mnist": DataPlan(
                dataset="mnist",
                model="lenet5",
                standard=_QUICK | {"epochs": 6, "batch_size": 50, "shift": 0},
                adversarial=_QUICK | {"epochs": 4, "batch_size": 50, "shift": 0},
                examples=500,
            ),
            **{
                name: DataPlan(
                    dataset=name,
                    model="resnet32",
                    standard=_QUICK | {"epochs": 5, "batch_size": 100, "lr": 0.02, "train_size": 20_000},
                    adversarial=_QUICK | {"epochs": 3, "batch_size": 100, "lr": 0.02, "train_size": 10_000},
                    examples=500,
                )
                for name in ("cifar10", "cifar100")
            },
        },
        evaluation={"attack_precision": "auto", "batch_size": 100},
    )
)
BUDGETS.register("paper")(
    Budget(
        name="paper",
        remark="The papers' setting.",
        plans={
            "digits": DataPlan(dataset="digits", standard={}, adversarial={}, examples=None),
            "mnist": DataPlan(
                dataset="mnist",
                standard=_PAPERS | {"learning_policy": "MMC-M"},
                adversarial=_PAPERS | {"learning_policy": "MMC-M"},
                examples=None,
            ),
            **{
                name: DataPlan(
                    dataset=name,
                    standard=_PAPERS | {"learning_policy": "MMC-C"},
                    adversarial=_PAPERS | {"learning_policy": "MMC-C"},
                    examples=None,
                )
                for name in ("cifar10", "cifar100")
            },
        },
        evaluation={"batch_size": 100},
        bare=True,
    )
)
