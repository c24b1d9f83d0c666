"""C&W and SPSA as Tables 2 to 4 have them, cut to what a budget allows."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from mmc_tf.experiments.lab import Lab


def evaluate_cw(lab: Lab, run: pathlib.Path, *, dataset: str, targeted: bool) -> Mapping[str, Any]:
    """The record of C&W: 9 weights of 1,000 iterations; on the short budget 5 of 100, on twenty images.

    The paper's scripts leave a descent that makes no progress, and so does this one where time is short.
    """
    flags = lab.budget.pick(
        # Steps so long that the two that are taken find something.
        smoke={"cw_binary_search_steps": 2, "cw_learning_rate": 2.0, "cw_initial_const": 100.0},
        short={"test_size": 20, "batch_size": 20, "cw_binary_search_steps": 5, "cw_abort_early": True},
        paper={"cw_binary_search_steps": 9},
    )
    num_steps = lab.budget.pick(smoke=2, short=100, paper=1000)
    results = lab.evaluate(run, "cw", dataset=dataset, num_steps=num_steps, targeted=targeted, **flags)
    return results["attacks"][0]


def spsa_objective(loss: str) -> str | None:
    """What the paper's SPSA climbs on a network of this loss; None: the attack's own choice, the margin.

    On MMC it is the distance to the own or the target's center (Appendix B.4: un1 and tar1). The margin, which is
    what decides the class, finds more: it is to be looked at beside.
    """
    return "mmc" if loss == "MMC" else None


def evaluate_spsa(
    lab: Lab,
    run: pathlib.Path,
    *,
    dataset: str,
    targeted: bool,
    epsilons: Sequence[str] = ("8/255",),
    samples: int = 128,
    examples: int = 40,
    objective: str | None = None,
) -> Mapping[str, Any]:
    """`results.json` of ten steps of SPSA; on the short budget on a few images.

    Args:
        lab: where it is.
        run: the network's.
        dataset: as the experiment calls it.
        targeted: whether it aims at a class.
        epsilons: the radii.
        samples: queries of a step; on the smoke budget 4.
        examples: images of the short budget.
        objective: what it climbs; None: the margin.
    """
    chosen = {} if objective is None else {"objective": objective}
    # The paper judges the last iterate.
    size = lab.budget.pick(
        smoke={}, short={"test_size": examples, "batch_size": examples}, paper={"iterate": "last"}
    )
    return lab.evaluate(
        run,
        "spsa",
        dataset=dataset,
        epsilon=tuple(epsilons),
        num_steps=10,
        spsa_samples=lab.budget.pick(smoke=4, short=samples, paper=samples),
        targeted=targeted,
        **size,
        **chosen,
    )
