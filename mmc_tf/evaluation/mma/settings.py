"""The settings of the combined protocol; defaults are the paper's (Ding et al., ICLR 2020, Appendix D).

Nothing here needs TensorFlow.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from mmc_tf.checks import argument_error, check_choice, check_epsilon, check_number
from mmc_tf.evaluation.presets import MMA_GRIDS, MMA_RUNS, mma_kind

# Of results on disk; 2 has warnings.
KIND, VERSION = "mma", 2
NORMS = ("linf", "l2")
NUM_STEPS = 100
CW_EXAMPLES, CW_STEPS = 1000, 1000
# The steps of a run together go 2.5 times the radius at least, as 100 steps of ε/40 do.
LEAST_REACH = 2.5
OBJECTIVES = ("ce", "cw")
PRECISIONS = ("float32", "bfloat16", "auto")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """N random-start PGD runs per network and radius, half on CE and half on CW, judged at the last iterate.

    Args:
        norm: `linf` or `l2`; in l2 runs start on the sphere, as AdverTorch's do.
        epsilons: radii > 0, in pixels of [0, 1].
        step_share: length of a step as a share of the radius.
        runs_per_model: N >= 1; the first takes CE, the second CW, and so on.
        num_steps: of a run.
        adaptive: on heads that cross-entropy is blind on, put their own objective in its place.
        only_survivors: attack on a network only the images that its own runs have not broken yet. White-box
            verdicts stay the same, but there is less to transfer.
        attack_precision: what images are crafted in, `float32`, `bfloat16`, or `auto`, the faster of them on this
            machine; verdicts are in float32.

    Raises:
        UserError: for values out of range, or a radius that is there twice.
    """

    norm: str
    epsilons: tuple[float, ...]
    step_share: float
    runs_per_model: int
    num_steps: int = NUM_STEPS
    adaptive: bool = True
    only_survivors: bool = False
    attack_precision: str = "float32"

    def __post_init__(self):
        check_choice("norm", self.norm, NORMS)
        check_choice("attack_precision", self.attack_precision, PRECISIONS)
        if not self.epsilons:
            raise argument_error("epsilon", "one radius or more", "none")
        for epsilon in self.epsilons:
            check_number("epsilon", epsilon, above=0)
            check_epsilon("epsilon", epsilon, norm=self.norm)
        if len(set(self.epsilons)) < len(self.epsilons):
            raise argument_error("epsilon", "radii that differ", ", ".join(f"{e:g}" for e in self.epsilons))
        check_number("step_share", self.step_share, above=0)
        check_number("runs_per_model", self.runs_per_model, minimum=1, integer=True)
        check_number("num_steps", self.num_steps, minimum=1, integer=True)

    def objectives(self) -> list[str]:
        """`ce` and `cw` in turn, one a run."""
        return list(itertools.islice(itertools.cycle(OBJECTIVES), self.runs_per_model))

    def step_size(self, epsilon: float) -> float:
        """The length of a step within a radius."""
        return self.step_share * epsilon

    def as_dict(self) -> dict[str, Any]:
        """The settings as plans and results have them."""
        return dataclasses.asdict(self) | {"epsilons": list(self.epsilons)}


@dataclasses.dataclass(frozen=True)
class Margins:
    """C&W-l2 on the first images.

    Args:
        examples: how many images.
        num_steps: of each of its searches.
    """

    examples: int = CW_EXAMPLES
    num_steps: int = CW_STEPS

    def __post_init__(self):
        check_number("cw_examples", self.examples, minimum=1, integer=True)
        check_number("cw_steps", self.num_steps, minimum=1, integer=True)


def make_protocol(
    dataset: str,
    *,
    norm: str = "linf",
    epsilons: tuple[float, ...] | None = None,
    runs_per_model: int | None = None,
    num_steps: int = NUM_STEPS,
    adaptive: bool = True,
    only_survivors: bool = False,
    attack_precision: str = "float32",
) -> Protocol:
    """The paper's protocol for a data set, with what is given put in its place.

    The step is ε/40 for MNIST in linf and ε/4 elsewhere; with fewer than 100 steps it is as long as it takes to
    go 2.5 times the radius.

    Args:
        dataset: its name; CIFAR's settings go with colour images of that name, MNIST's with all others.
        norm: `linf` or `l2`.
        epsilons: radii instead of the paper's grid.
        runs_per_model: N instead of 50 (MNIST) or 10 (CIFAR).
        num_steps: of a run.
        adaptive: see `Protocol`.
        only_survivors: see `Protocol`.
        attack_precision: see `Protocol`.

    Raises:
        UserError: for values out of range.

    Example:
        >>> protocol = make_protocol("mnist")
        >>> protocol.epsilons, protocol.runs_per_model, round(protocol.step_size(0.3), 6)
        ((0.1, 0.2, 0.3, 0.4), 50, 0.0075)
    """
    check_choice("norm", norm, NORMS)
    check_number("num_steps", num_steps, minimum=1, integer=True)
    kind = mma_kind(dataset)
    grid, share = next((grid, share) for name, grid, share in MMA_GRIDS[kind] if name == norm)
    return Protocol(
        norm=norm,
        epsilons=grid if epsilons is None else tuple(epsilons),
        step_share=max(share, LEAST_REACH / num_steps),
        runs_per_model=MMA_RUNS[kind] if runs_per_model is None else runs_per_model,
        num_steps=num_steps,
        adaptive=adaptive,
        only_survivors=only_survivors,
        attack_precision=attack_precision,
    )
