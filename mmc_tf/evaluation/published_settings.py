"""With which settings the published numbers were measured, as records of attacks have them.

What a source does not say is what `--preset` takes for it: "several" restarts of PGD are five, the iterate is the last
one, the scripts' noise is not clipped. Nothing here needs TensorFlow.

Sources: Pang et al. 2020, Sections 4.3 to 4.5 and Appendix B.4 (objectives: un1 and tar1 for PGD and SPSA, un2 and tar2
for C&W, on networks of the MMC loss alone); the PyTorch reimplementation's scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]

RADII = (8 / 255, 16 / 255)
LINF_8, LINF_16 = ({"norm": "linf", "epsilon": epsilon} for epsilon in RADII)
L2, L1 = {"norm": "l2", "epsilon": 0.5}, {"norm": "l1", "epsilon": 12.0}


def _with(settings: Settings, **parameters: Any) -> Settings:
    return {**settings, "parameters": parameters}


# The MMC paper's. Objectives depend on the network's loss: `paper_objective`.
PAPER_PGD = _with(
    {"attack": "pgd", "norm": "linf", "adaptive": True},
    step_size=2 / 255,
    num_restarts=5,
    random_start=True,
    iterate="last",
)
PAPER_CW = _with(
    {"attack": "cw", "norm": "l2", "num_steps": 1000},
    binary_search_steps=9,
    initial_const=0.01,
    learning_rate=0.005,
    confidence=0.0,
    abort_early=False,
)
PAPER_NOISE = _with({"attack": "gaussian"}, sigma=0.05, clip=False)
PAPER_ROTATION = _with({"attack": "rotation"}, max_degrees=30.0, worst_of=1)


def paper_spsa(samples: int) -> Settings:
    """SPSA-10 with so many queries a step."""
    return _with(
        {"attack": "spsa", "norm": "linf", "num_steps": 10, "adaptive": True},
        samples=samples,
        delta=0.01,
        learning_rate=0.01,
        stop_threshold=None,
        random_start=True,
        iterate="last",
    )


def paper_objective(attack: str, loss: str) -> str | None:
    """What the MMC paper's attack climbed on networks of a loss; None of what climbs nothing.

    Example:
        >>> paper_objective("pgd", "MMC"), paper_objective("cw", "MMC"), paper_objective("pgd", "LGM")
        ('mmc', 'mmc_margin', 'ce')
    """
    on_mmc = {"pgd": "mmc", "spsa": "mmc", "cw": "mmc_margin"}
    elsewhere = {"pgd": "ce", "spsa": "margin", "cw": "margin"}
    return (on_mmc if loss == "MMC" else elsewhere).get(attack)


# The PyTorch reimplementation's: cross-entropy on every head, one run, steps relative to the radius.
_NAIVE = {"adaptive": False, "objective": "ce"}
README_FGSM = _with({"attack": "fgsm", "num_steps": 1} | _NAIVE)
README_DEEPFOOL = _with(
    {"attack": "deepfool", "num_steps": 50, "objective": "margin"},
    overshoot=0.02,
    num_candidates=10,
    xi=1e-6,
    foolbox_compatible=False,
    clip_to_epsilon=True,
)
README_CW = _with(
    {"attack": "cw", "num_steps": 1000, "objective": "margin"} | L2,
    binary_search_steps=9,
    initial_const=0.001,
    learning_rate=0.01,
    confidence=0.0,
    abort_early=False,
)
README_AUTOATTACK = _with({"attack": "autoattack"}, version="standard", num_queries=5000, num_iterations=100)


def readme_pgd(ball: Settings, num_steps: int, *, share: float) -> Settings:
    """PGD from one random start whose step is a share of the radius."""
    settings = {"attack": "pgd", "num_steps": num_steps} | _NAIVE | dict(ball)
    return _with(
        settings, step_size=share * ball["epsilon"], num_restarts=1, random_start=True, iterate="last"
    )


README_SLIDE = _with(
    {"attack": "slide", "num_steps": 50} | _NAIVE | L1,
    step_size=0.6,
    num_restarts=1,
    random_start=False,
    quantile=0.99,
    joint_projection=False,
    iterate="last",
)
