"""The evaluation protocols of the sources as data: `--preset=NAME` runs one of them.

Nothing here needs TensorFlow.

Sources: `mmc_paper`: Pang et al., ICLR 2020, Section 4 and Tables 1 to 3. `mma_paper`: Ding et al., ICLR 2020,
Section 4 and Appendix D: its white-box part (`mmc_tf.evaluation.mma` has the whole). `pytorch_readme`: the README of
the PyTorch reimplementation. `original_code`: the MMC paper's scripts with CleverHans, whose radii are 256ths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from mmc_tf.checks import argument_error, check_choice

Entry = Mapping[str, Any]

# MMA, Appendix D: radii, and the step as a share of the radius.
MMA_GRIDS = {
    "mnist": (("linf", (0.1, 0.2, 0.3, 0.4), 1 / 40), ("l2", (1.0, 2.0, 3.0, 4.0), 1 / 4)),
    "cifar": (
        ("linf", tuple(level / 255 for level in (4, 8, 12, 16, 20, 24, 28, 32)), 1 / 4),
        ("l2", (0.5, 1.0, 1.5, 2.0, 2.5), 1 / 4),
    ),
}
MMA_RUNS = {"mnist": 50, "cifar": 10}


def mma_kind(dataset: str) -> str:
    """Whose settings the MMA paper's protocol takes for a data set: `cifar` or `mnist`."""
    return "cifar" if dataset.startswith("cifar") else "mnist"


class Subject(NamedTuple):
    """What a protocol depends on: the data set's name, the objective adapted to the network's head (`ce` if it has
    none), and whether it is an ensemble, whose vote has no gradient."""

    dataset: str
    adaptive_objective: str = "ce"
    is_vote: bool = False

    @property
    def spsa_objective(self) -> str:
        """What the MMC paper's SPSA climbs: un1 and tar1 on networks of the MMC loss, else CleverHans' margin."""
        return "mmc" if self.adaptive_objective == "mmc" else "margin"


def _mmc_paper(subject: Subject) -> Iterator[Entry]:
    """Table 1: PGD tar/un, 10 and 50 steps of 2/255, at the last iterate. Table 2: C&W, SPSA, noise, rotation. Table 3,
    of networks of the MMC loss alone: SPSA with more samples.

    The paper's "several restarts" of PGD are five here; its noise is not clipped.
    """
    spsa = {"attack": "spsa", "objective": subject.spsa_objective, "iterate": "last"}
    for epsilon in (8 / 255, 16 / 255):
        for num_steps in (10, 50):
            for targeted in (True, False):
                yield {
                    "attack": "pgd",
                    "epsilon": epsilon,
                    "step_size": 2 / 255,
                    "num_steps": num_steps,
                    "num_restarts": 5,
                    "targeted": targeted,
                    "iterate": "last",
                }
    for targeted in (True, False):
        yield {"attack": "cw", "norm": "l2", "targeted": targeted}
    for epsilon in (8 / 255, 16 / 255):
        for targeted in (True, False):
            yield spsa | {"epsilon": epsilon, "targeted": targeted}
    for samples in (4096, 8192) if subject.spsa_objective == "mmc" else ():
        for targeted in (True, False):
            yield spsa | {"epsilon": 8 / 255, "targeted": targeted, "samples": samples}
    yield {"attack": "gaussian", "clip": False}
    yield {"attack": "rotation"}


def _mma_paper(subject: Subject) -> Iterator[Entry]:
    """N runs of PGD-100 judged at their last iterates, half on CE and half on CW, over the grids; SPSA from the
    clean image at one radius, 2,048 samples counted as queries; C&W and DDN margins, not of ensembles. Starts in l2
    are uniform in the ball, whose mass is at its sphere in such dimensions.

    What transferred images break beyond that is found by `python -m mmc_tf.evaluation mma`."""
    kind = mma_kind(subject.dataset)
    for norm, radii, share in MMA_GRIDS[kind]:
        for epsilon in radii:
            for climb, runs in _mma_climbs(MMA_RUNS[kind], is_vote=subject.is_vote):
                yield climb | {
                    "norm": norm,
                    "epsilon": epsilon,
                    "step_size": share * epsilon,
                    "num_steps": 100,
                    "num_restarts": runs,
                    "iterate": "last",
                }
    spsa = {
        "samples": 2048,
        "num_steps": 100,
        "random_start": False,
        "iterate": "last",
        "stop_threshold": -5.0,
    }
    yield {"attack": "spsa", "epsilon": 8 / 255 if kind == "cifar" else 0.3} | spsa
    if not subject.is_vote:
        yield {"attack": "cw", "norm": "l2"}
        yield {"attack": "ddn", "norm": "l2", "num_steps": 1000}


def _mma_climbs(runs: int, *, is_vote: bool) -> Iterator[tuple[dict[str, str], int]]:
    """What the runs climb, with their numbers: half of them CE, half CW; on an ensemble the members' summed losses,
    and as many again on the vote with each sign."""
    for name in ("ce", "cw"):
        yield (
            {"attack": "vote_pgd", "strategy": name} if is_vote else {"attack": "pgd", "objective": name},
            runs // 2,
        )
    for name in ("away", "towards") if is_vote else ():
        yield {"attack": "vote_pgd", "strategy": name}, runs


def _pytorch_readme(subject: Subject) -> Iterator[Entry]:
    """Steps relative to the radius, cross-entropy, one random start; DeepFool's result cut to the ball."""
    naive = {"adaptive": False, "iterate": "last"}
    for epsilon in (8 / 255, 16 / 255):
        yield {"attack": "fgsm", "epsilon": epsilon, "adaptive": False}
        yield {"attack": "pgd", "epsilon": epsilon, "num_steps": 10, "step_size": epsilon / 4} | naive
        yield {"attack": "pgd", "epsilon": epsilon, "num_steps": 40, "step_size": epsilon / 10} | naive
        yield {"attack": "deepfool", "norm": "linf", "epsilon": epsilon, "clip_to_epsilon": True}
        yield {"attack": "autoattack", "epsilon": epsilon}
    l2, l1 = {"norm": "l2", "epsilon": 0.5}, {"norm": "l1", "epsilon": 12.0}
    yield {"attack": "pgd", "num_steps": 50, "step_size": 0.05} | l2 | naive
    yield {"attack": "deepfool", "clip_to_epsilon": True} | l2
    yield {"attack": "cw", "learning_rate": 0.01, "initial_const": 1e-3, "adaptive": False} | l2
    yield {"attack": "autoattack"} | l2
    yield {"attack": "pgd", "num_steps": 50, "step_size": 0.6} | l1 | naive
    slide = {"num_steps": 50, "step_size": 0.6, "joint_projection": False}
    yield {"attack": "slide"} | slide | l1 | naive


def _original_code(subject: Subject) -> Iterator[Entry]:
    """The scripts' attacks: radii and steps in 256ths, the last iterate, no clipping of noise."""
    spsa = {"attack": "spsa", "objective": subject.spsa_objective, "iterate": "last"}
    for level in (8, 16, 24, 32):
        epsilon = level / 256
        yield {"attack": "fgsm", "epsilon": epsilon}
        for attack in ("bim", "pgd", "mim"):
            settings = {"num_steps": 10, "step_size": 2 / 256, "iterate": "last"}
            yield {"attack": attack, "epsilon": epsilon} | settings
    for level in (8, 16):
        yield spsa | {"epsilon": level / 256}
    yield {"attack": "cw", "norm": "l2", "abort_early": True}
    yield {
        "attack": "ead",
        "norm": "l1",
        "binary_search_steps": 1,
        "initial_const": 1.0,
        "confidence": 0.1,
        "decision_rule": "en",
    }
    yield {"attack": "gaussian", "clip": False}
    yield {"attack": "rotation"}


PRESETS: dict[str, Callable[[Subject], Iterator[Entry]]] = {
    "mmc_paper": _mmc_paper,
    "mma_paper": _mma_paper,
    "pytorch_readme": _pytorch_readme,
    "original_code": _original_code,
}


class PresetOptions(Protocol):
    """What chooses among a preset's attacks."""

    preset: str
    attack: list[str]
    norm: str | None
    epsilon: list[float] | None


def find_entries(options: PresetOptions, subject: Subject) -> list[dict[str, Any]]:
    """The settings of a preset's attacks, those that the options' attacks, norm and radii do not rule out.

    Args:
        options: `preset`; `attack` empty for all.
        subject: what is attacked.

    Raises:
        UserError: for an unknown preset, or if nothing is left.
    """
    check_choice("preset", options.preset, PRESETS)
    whole = list(PRESETS[options.preset](subject))
    entries = [
        dict(entry)
        for entry in whole
        if (not options.attack or entry["attack"] in options.attack)
        and options.norm in (None, entry.get("norm", "linf"))
        and (not options.epsilon or any(abs(entry.get("epsilon", -1) - e) < 1e-6 for e in options.epsilon))
    ]
    if not entries:
        names = sorted({entry["attack"] for entry in whole})
        raise argument_error(
            "preset", f"an attack, norm and radius of {options.preset} ({', '.join(names)})", options.preset
        )
    return entries
