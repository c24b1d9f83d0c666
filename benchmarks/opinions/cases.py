"""What is compared: each attack of ours with its published twin, parameters and tolerance."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

TORCHATTACKS_NORMS = {"linf": "Linf", "l2": "L2", "l1": "L1"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One attack of ours beside a published one.

    Attributes:
        name: unique, the attack's name and its norm.
        attack: name of ours.
        ours: its settings.
        library, peer: `foolbox` or `torchattacks`, and the class there.
        theirs: that class's settings.
        epsilon: radius that verdicts are about, in units of the pixels.
        norm: `linf` or `l2`.
        measure: `accuracy` (robust accuracy within ε), `pixels` (that, and the images themselves), or `distance`
            (the median over the examples that both broke, at whatever distance).
        tolerance: of accuracies in points, of distances in percent.
        least_agreement: share of equal verdicts below which the comparison fails; None: not judged.
        climbs_margin: the peer, which climbs cross-entropy, is given a network on which that is the margin.
        chunk: examples that the peer attacks at a time.
        notes: what could not be matched, one sentence each.
    """

    name: str
    attack: str
    ours: dict[str, Any]
    library: str
    peer: str
    theirs: dict[str, Any]
    epsilon: float
    norm: str
    measure: str
    tolerance: float
    least_agreement: float | None = None
    climbs_margin: bool = False
    chunk: int = 100
    notes: tuple[str, ...] = field(default=())

    def key(self, side: str) -> str:
        """File name of one side's result: another one for other parameters, the same whatever the tolerance."""
        parameters = {
            "ours": ("attack", "ours"),
            "peer": ("library", "peer", "theirs", "climbs_margin", "chunk"),
        }
        values = {name: asdict(self)[name] for name in parameters[side]}
        digest = hashlib.sha256(json.dumps([values, self.epsilon], sort_keys=True).encode()).hexdigest()
        return f"{self.name}-{digest[:10]}.{side}.npz"

    def parameters(self) -> str:
        """Our settings, for the table."""
        shown = {
            name: value for name, value in self.ours.items() if name not in ("epsilon", "norm", "iterate")
        }
        return " ".join(
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in shown.items()
        )


def make_cases(
    *,
    epsilon: float,
    epsilon_l2: float,
    has_centers: bool,
    num_classes: int,
    num_queries: int = 5000,
    cw_steps: int = 1000,
) -> list[Case]:
    """All comparisons for a network.

    Args:
        epsilon: radius in linf.
        epsilon_l2: radius in l2.
        has_centers: the network's head has centers, on which cross-entropy is flat.
        num_classes: L.
        num_queries: of Square.
        cw_steps: of C&W for each of its nine constants.
    """
    radii = {"linf": epsilon, "l2": epsilon_l2}
    cases = []
    for norm, radius in radii.items():
        cases += [
            pgd(norm, radius, objective) for objective in (("ce", "margin") if has_centers else ("ce",))
        ]
    cases.append(pgd_random(epsilon))
    for norm, radius in radii.items():
        cases += [
            apgd_ce(norm, radius),
            apgd_t(norm, radius, num_classes),
            fab_t(norm, radius, num_classes),
            square(norm, radius, num_queries),
            deepfool(norm, radius),
        ]
    return [*cases, ddn(epsilon_l2, "margin" if has_centers else "ce"), cw(epsilon_l2, cw_steps)]


def pgd(norm: str, epsilon: float, objective: str) -> Case:
    """Ten steps from the clean image: nothing is random, and images can be compared pixel by pixel."""
    step_size = epsilon / 4
    settings = {"num_steps": 10, "step_size": step_size, "random_start": False, "objective": objective}
    notes = ()
    if norm == "l2":
        notes = (
            "Foolbox clips to the box once a step, after the ball; ours before it as well, as CleverHans does.",
        )
    return Case(
        name=f"pgd-{norm}" + ("" if objective == "ce" else f"-{objective}"),
        attack="pgd",
        ours={"epsilon": epsilon, "norm": norm, "iterate": "last", **settings},
        library="foolbox",
        peer={"linf": "LinfPGD", "l2": "L2PGD"}[norm],
        theirs={"abs_stepsize": step_size, "steps": 10, "random_start": False},
        epsilon=epsilon,
        norm=norm,
        measure="pixels" if norm == "linf" else "accuracy",
        tolerance=1.0,
        least_agreement=0.98,
        climbs_margin=objective == "margin",
        notes=notes,
    )


def pgd_random(epsilon: float) -> Case:
    """Forty steps from a random start each."""
    return Case(
        name="pgd-linf-random",
        attack="pgd",
        ours={
            "epsilon": epsilon,
            "norm": "linf",
            "iterate": "last",
            "num_steps": 40,
            "step_size": epsilon / 10,
            "objective": "ce",
        },
        library="torchattacks",
        peer="PGD",
        theirs={"eps": epsilon, "alpha": epsilon / 10, "steps": 40, "random_start": True},
        epsilon=epsilon,
        norm="linf",
        measure="accuracy",
        tolerance=1.0,
        notes=("The random starts are different draws.",),
    )


def apgd_ce(norm: str, epsilon: float) -> Case:
    """Auto-PGD on cross-entropy."""
    return Case(
        name=f"apgd_ce-{norm}",
        attack="apgd_ce",
        ours={"epsilon": epsilon, "norm": norm, "num_steps": 100},
        library="torchattacks",
        peer="APGD",
        theirs={
            "norm": TORCHATTACKS_NORMS[norm],
            "eps": epsilon,
            "steps": 100,
            "n_restarts": 1,
            "loss": "ce",
        },
        epsilon=epsilon,
        norm=norm,
        measure="accuracy",
        tolerance=1.0,
        least_agreement=0.98,
        notes=("The random starts are different draws.",),
    )


def apgd_t(norm: str, epsilon: float, num_classes: int) -> Case:
    """Auto-PGD towards nine classes."""
    num_targets = min(9, num_classes - 1)
    notes = ["The random starts are different draws."]
    if norm == "l2":
        notes.append(
            "torchattacks' APGDT steps all examples of a batch by the first one's step size in l2: it is given one "
            "at a time."
        )
    return Case(
        name=f"apgd_t-{norm}",
        attack="apgd_t",
        ours={"epsilon": epsilon, "norm": norm, "num_steps": 100, "num_targets": num_targets},
        library="torchattacks",
        peer="APGDT",
        theirs={
            "norm": TORCHATTACKS_NORMS[norm],
            "eps": epsilon,
            "steps": 100,
            "n_restarts": 1,
            "n_classes": num_targets + 1,
        },
        epsilon=epsilon,
        norm=norm,
        measure="accuracy",
        tolerance=1.0,
        least_agreement=0.98,
        chunk=100 if norm == "linf" else 1,
        notes=tuple(notes),
    )


def fab_t(norm: str, epsilon: float, num_classes: int) -> Case:
    """FAB towards nine classes, all nine on every example: the least distance of all."""
    num_targets = min(9, num_classes - 1)
    return Case(
        name=f"fab_t-{norm}",
        attack="fab_t",
        ours={"norm": norm, "num_steps": 100, "num_targets": num_targets},
        library="torchattacks",
        peer="FAB",
        theirs={
            "norm": TORCHATTACKS_NORMS[norm],
            "steps": 100,
            "n_restarts": 1,
            "multi_targeted": True,
            "n_classes": num_targets + 1,
        },
        epsilon=epsilon,
        norm=norm,
        measure="distance",
        tolerance=1.0,
        least_agreement=0.98,
        notes=(
            "torchattacks' FAB leaves an example at the first class that is within its ε: its runs are called one by "
            "one, and the nearest result counts.",
        ),
    )


def square(norm: str, epsilon: float, num_queries: int) -> Case:
    """Random search by queries."""
    return Case(
        name=f"square-{norm}",
        attack="square",
        ours={"epsilon": epsilon, "norm": norm, "num_queries": num_queries},
        library="torchattacks",
        peer="Square",
        theirs={
            "norm": TORCHATTACKS_NORMS[norm],
            "eps": epsilon,
            "n_queries": num_queries,
            "n_restarts": 1,
            "p_init": 0.8,
            "loss": "margin",
        },
        epsilon=epsilon,
        norm=norm,
        measure="accuracy",
        tolerance=2.0,
        notes=(
            "torchattacks' Square draws one window for all examples of a batch, and none that reaches the last row or "
            "column; ours one for each example, anywhere. Its queries do not include the start's.",
        ),
    )


def deepfool(norm: str, epsilon: float) -> Case:
    """Steps onto linearised boundaries, with Foolbox' ξ."""
    return Case(
        name=f"deepfool-{norm}",
        attack="deepfool",
        ours={
            "norm": norm,
            "num_steps": 50,
            "overshoot": 0.02,
            "num_candidates": 10,
            "foolbox_compatible": True,
        },
        library="foolbox",
        peer={"linf": "LinfDeepFoolAttack", "l2": "L2DeepFoolAttack"}[norm],
        theirs={"steps": 50, "candidates": 10, "overshoot": 0.02, "loss": "logits"},
        epsilon=epsilon,
        norm=norm,
        measure="distance",
        tolerance=1.0,
        least_agreement=0.98,
    )


def ddn(epsilon: float, objective: str) -> Case:
    """Direction and norm apart."""
    return Case(
        name="ddn-l2" + ("" if objective == "ce" else f"-{objective}"),
        attack="ddn",
        ours={"num_steps": 100, "initial_norm": 1.0, "gamma": 0.05, "objective": objective},
        library="foolbox",
        peer="DDNAttack",
        theirs={"steps": 100, "init_epsilon": 1.0, "gamma": 0.05},
        epsilon=epsilon,
        norm="l2",
        measure="distance",
        tolerance=2.0,
        least_agreement=0.98,
        climbs_margin=objective == "margin",
        notes=("Foolbox does not judge the last iterate; ours does.",),
    )


def cw(epsilon: float, num_steps: int) -> Case:
    """Descent on distance and margin for nine constants."""
    shared = {"binary_search_steps": 9, "initial_const": 1e-2, "abort_early": False}
    return Case(
        name="cw-l2",
        attack="cw",
        # `margin` also on heads with centers: `mmc_margin` is half of it, which shifts the constants by two.
        ours={"num_steps": num_steps, "learning_rate": 5e-3, "objective": "margin", **shared},
        library="foolbox",
        peer="L2CarliniWagnerAttack",
        theirs={"steps": num_steps, "stepsize": 5e-3, "confidence": 0, **shared},
        epsilon=epsilon,
        norm="l2",
        measure="distance",
        tolerance=3.0,
        least_agreement=0.98,
    )
