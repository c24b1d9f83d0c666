"""The networks of the MMA paper and how they are trained (Ding et al., ICLR 2020, Section 4 and Appendix C)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmc_tf.checks import parse_number
from mmc_tf.experiments.budgets import Budget
from mmc_tf.experiments.lab import Network

# What a budget trains all networks of a data set by, beside the method's own flags.
Training = Mapping[str, Mapping[str, Any]]

# The paper's weight decay of 2e-4 is PyTorch's, whose gradient is half of Keras'.
_CIFAR_PAPER = {
    "batch_size": 128,
    "lr": 0.3,
    "weight_decay": 1e-4,
    "learning_policy": "MMA-CIFAR",
    "warmup_steps": 0,
    "clip_norm": 0,
    "shift": 0.125,
    "selection": "margin",
    "validation_size": 5000,
}
_MNIST_PAPER = {
    "batch_size": 50,
    "optimizer": "adam",
    "lr": 0.0001,
    "weight_decay": 0,
    "learning_policy": "MMA-MNIST",
    "warmup_steps": 0,
    "clip_norm": 0,
    "shift": 0,
    "selection": "margin",
    "validation_size": 5000,
}
_MNIST_SHORT = {
    "epochs": 8,
    "batch_size": 50,
    "optimizer": "adam",
    "lr": 0.0005,
    "selection": "margin",
    "validation_size": 1000,
    "margin_steps": 20,
}
_CIFAR_SHORT = {"selection": "margin", "validation_size": 500, "margin_steps": 10}
# Without the images that a selection needs.
_SMOKE = {"selection": "last", "validation_size": 0}
STANDARD: Mapping[str, Training] = {
    "mnist": {"smoke": {}, "short": _MNIST_SHORT, "paper": _MNIST_PAPER},
    # The short budget's is the SCE network of the MMC paper's tables.
    "cifar10": {"smoke": {}, "short": {}, "paper": _CIFAR_PAPER},
}
ADVERSARIAL: Mapping[str, Training] = {
    "mnist": {"smoke": _SMOKE, "short": _MNIST_SHORT, "paper": _MNIST_PAPER},
    "cifar10": {"smoke": _SMOKE, "short": _CIFAR_SHORT, "paper": _CIFAR_PAPER},
}
MODELS = {"mnist": "lenet5", "cifar10": "wrn-28-4"}
# Steps of the attack in training.
NUM_STEPS = {
    "mnist": {"smoke": 2, "short": 10, "paper": 40},
    "cifar10": {"smoke": 2, "short": 5, "paper": 10},
}
# Figure 4 measures margins by DDN with 1,000 steps; shorter budgets by what selects the weights.
TRACKING = {
    "smoke": {"track_margins": 20, "margin_steps": 2},
    "short": {"track_margins": 500},
    "paper": {"track_margins": 500, "margin_attack": "ddn"},
}
# PGD and TRADES from scratch at a large radius learn a constant in the few steps of the short budget.
GROWING = {"short": {"epsilon_warmup_steps": 500}}
_PGDLS = {"short": {"epsilon_warmup_epochs": 5}, "smoke": {"epsilon_warmup_epochs": 1}}
# The steps of a run together go 2.5 times the radius.
_REACH = 2.5


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network of the paper's tables.

    Args:
        name: as the tables have it.
        method: of `train_at.py`; None: trained on clean images.
        flags: of the method, on every budget but smoke, where networks of one method and norm are one.
        steps: of its attack on the paper budget, where they are not the data set's.
        more: flags by the name of the budget.
        members: of an ensemble, which is not trained.
        is_tracked: whether its margins are measured after every epoch.
    """

    name: str
    method: str | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    steps: int | None = None
    more: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    is_tracked: bool = False

    def network(self, budget: Budget, *, dataset: str, norm: str) -> Network:
        """The network on a budget."""
        settings: dict[str, Any] = {}
        if self.method is None:
            settings |= STANDARD[dataset][budget.name]
        else:
            settings |= ADVERSARIAL[dataset][budget.name]
            settings["num_steps"] = NUM_STEPS[dataset][budget.name]
            if norm != "linf":
                settings["norm"] = norm
            if self.method in ("pgd", "pgdls"):
                settings["objective"] = "slm"
            if self.method in ("mma", "omma") and budget.name == "smoke":
                settings["epsilon"] = None  # of the budget, which these methods have no use for
            if budget.name == "paper" and self.steps is not None:
                settings["num_steps"] = self.steps
            if budget.name != "smoke":
                settings |= self.flags
                if (dataset, norm) == ("cifar10", "linf") and "epsilon" in settings:
                    # The default of the flag is 2/255 whatever the radius.
                    settings.setdefault("step_size", step_size(settings["epsilon"], settings["num_steps"]))
        # On the smoke budget all of a method are one network.
        if self.is_tracked or (budget.name == "smoke" and self.method is not None and norm == "l2"):
            settings |= TRACKING[budget.name]
        settings |= self.more.get(budget.name, {})
        return Network(
            dataset=dataset,
            loss="SCE",
            model=MODELS[dataset],
            method=self.method,
            flags=tuple(settings.items()),
        )


def fixed_radius(
    prefix: str,
    radii: Sequence[str],
    *,
    unit: str = "",
    growing: Sequence[str] = (),
    tracked: Sequence[str] = (),
) -> tuple[Row, ...]:
    """The rows `PGD-ε` and `PGDLS-ε`.

    Args:
        prefix: `PGD` or `PGDLS`, whose radius grows over 50 epochs, or over 5 on the short budget.
        radii: as the names have them.
        unit: follows a radius where it is a flag: `/255`.
        growing: radii at which the short budget's grows over its first 500 steps.
        tracked: radii of the networks whose margins are recorded.
    """
    return tuple(
        Row(
            name=f"{prefix}-{radius}",
            method=prefix.lower(),
            flags={"epsilon": f"{radius}{unit}"},
            more=_PGDLS if prefix == "PGDLS" else GROWING if radius in growing else {},
            is_tracked=radius in tracked,
        )
        for radius in radii
    )


def max_margin(
    method: str, hinges: Sequence[str], *, unit: str = "", tracked: Sequence[str] = ()
) -> tuple[Row, ...]:
    """The rows `MMA-d_max-sd0` and `-sd1`, two seeds of each; `method` is `MMA` or `OMMA`.

    Args:
        method: with or without the clean loss.
        hinges: d_max, as the names have them.
        unit: follows them where they are flags.
        tracked: names of the networks whose margins are recorded.
    """
    return tuple(
        Row(
            name=f"{method}-{hinge}-sd{seed}",
            method=method.lower(),
            flags={"max_margin": f"{hinge}{unit}"} | ({"seed": seed} if seed else {}),
            is_tracked=f"{method}-{hinge}-sd{seed}" in tracked,
        )
        for hinge in hinges
        for seed in (0, 1)
    )


def ensembles(pgd: Sequence[str], pgdls: Sequence[str]) -> tuple[Row, ...]:
    """The votes of the networks trained at these radii."""
    return (
        Row(name="PGD-ens", members=tuple(f"PGD-{radius}" for radius in pgd)),
        Row(name="PGDLS-ens", members=tuple(f"PGDLS-{radius}" for radius in pgdls)),
    )


def step_size(epsilon: str, num_steps: int) -> str:
    """The paper's step of 2.5 ε/K in 255ths, as a flag.

    Example:
        >>> step_size("8/255", 10), step_size("12/255", 5)
        ('2/255', '6/255')
    """
    return f"{_REACH * 255 * parse_number('epsilon', epsilon) / num_steps:g}/255"
