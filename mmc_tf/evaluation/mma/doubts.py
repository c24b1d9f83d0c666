"""What speaks against the protocol's figures: attacks surpassed by others', or weaker within more room; few images."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from mmc_tf.evaluation.diagnostics.coverage import find_gradient_attacks_only, find_wide_interval
from mmc_tf.evaluation.diagnostics.finding import Finding, Record
from mmc_tf.evaluation.wording import percent, radius

# As in `diagnostics.order`: shares, and of a small set more than one example.
TRANSFER_LEAD = 0.01
WEAKER = 0.002


def find_doubts(results: Mapping[str, Any]) -> list[Finding]:
    """TRANSFER_STRONGER and LARGER_RADIUS_WEAKER, of each network at the radius where it is plainest, FEW_EXAMPLES, and
    PGD_ONLY, which holds of every set of networks.

    Args:
        results: of `runner.run`.
    """
    doubts = [finding for model in results["models"] for finding in _doubts_of(model, results)]
    return [*doubts, *find_wide_interval(_records(results)), *find_gradient_attacks_only([{"attack": "pgd"}])]


def _records(results: Mapping[str, Any]) -> list[Record]:
    """What `find_wide_interval` asks about each network and radius, under all attacks."""
    norm = results["protocol"]["norm"]
    return [
        {
            "attack": "pgd",
            "label": f"{model['name']} {norm} {radius(epsilon)}",
            "epsilon": epsilon,
            "examples": results["examples"],
            "interval": interval,
        }
        for model in results["models"]
        for epsilon, interval in zip(
            results["protocol"]["epsilons"], model["combined"]["intervals"], strict=True
        )
    ]


def _doubts_of(model: Mapping[str, Any], results: Mapping[str, Any]) -> Iterator[Finding]:
    protocol, size = results["protocol"], results["examples"]
    radii = [f"{protocol['norm']} {radius(epsilon)}" for epsilon in protocol["epsilons"]]
    own, combined = (model[kind]["robust_accuracy"] for kind in ("white_box", "combined"))

    gaps = [before - after for before, after in zip(own, combined, strict=True)]
    most = max(range(len(gaps)), key=gaps.__getitem__)
    if _exceeds(gaps[most], TRANSFER_LEAD, size):
        yield Finding(
            "TRANSFER_STRONGER",
            f"{model['name']} keeps {percent(own[most])} % under its own attacks at {radii[most]}, and "
            f"{percent(combined[most])} % when images of other networks are added: masked gradients, or too few "
            "runs or steps.",
            (model["name"],),
        )

    order = sorted(range(len(own)), key=protocol["epsilons"].__getitem__)
    rises = [(own[large] - own[small], small, large) for small, large in itertools.combinations(order, 2)]
    rise, small, large = max(rises, default=(0.0, 0, 0))
    if _exceeds(rise, WEAKER, size):
        yield Finding(
            "LARGER_RADIUS_WEAKER",
            f"{model['name']} keeps {percent(own[large])} % under its own attacks at {radii[large]}, "
            f"{percent(own[small])} % at {radii[small]}: what they break within the smaller radius they miss within "
            "the larger one, so they are weak at both.",
            (model["name"],),
        )


def _exceeds(share: float, by: float, size: int) -> bool:
    """Whether a share of the images is more than `by` of them, and more than one image."""
    return round(share * size) > max(by * size + 1e-9, 1)
