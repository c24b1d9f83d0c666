"""What speaks against the protocol's figures: attacks surpassed by others', or weaker within more room; few images."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from mmc_tf.evaluation.diagnostics.coverage import find_gradient_attacks_only, find_wide_interval
from mmc_tf.evaluation.diagnostics.finding import Finding, Record, leaves, leaves_more
from mmc_tf.evaluation.diagnostics.order import BLACK_BOX_LEAD, WEAKER
from mmc_tf.evaluation.wording import radius


def find_doubts(results: Mapping[str, Any]) -> list[Finding]:
    """TRANSFER_STRONGER and LARGER_RADIUS_WEAKER, of each network at the radius where it is plainest, FEW_EXAMPLES, and
    PGD_ONLY, which holds of every set of networks.

    Args:
        results: of `runner.run`.
    """
    doubts = [finding for model in results["models"] for finding in _doubts_of(model, results)]
    everything = [record for model in results["models"] for record in _records(model, "combined", results)]
    return [*doubts, *find_wide_interval(everything), *find_gradient_attacks_only(everything)]


def _records(model: Mapping[str, Any], kind: str, results: Mapping[str, Any]) -> list[Record]:
    """What the checks of `mmc_tf.evaluation.diagnostics` ask, of one network at each radius, in ascending order."""
    protocol, size, found = results["protocol"], results["examples"], model[kind]
    columns = (protocol["epsilons"], found["robust_accuracy"], found["intervals"])
    return [
        {
            "attack": "pgd",
            "label": f"{model['name']} {protocol['norm']} {radius(epsilon)}",
            "ball": f"{protocol['norm']} {radius(epsilon)}",
            "epsilon": epsilon,
            "examples": size,
            "robust": round(share * size),
            "robust_accuracy": share,
            "interval": interval,
        }
        for epsilon, share, interval in sorted(zip(*columns, strict=True))
    ]


def _doubts_of(model: Mapping[str, Any], results: Mapping[str, Any]) -> Iterator[Finding]:
    own, combined = (_records(model, kind, results) for kind in ("white_box", "combined"))
    before, after = max(zip(own, combined, strict=True), key=_lost)
    if leaves_more(before, after, by=BLACK_BOX_LEAD, examples=1):
        yield Finding(
            "TRANSFER_STRONGER",
            f"{model['name']} keeps {leaves(before)} under its own attacks at {before['ball']}, and {leaves(after)} "
            "when images of other networks are added: masked gradients, or too few runs or steps.",
            (model["name"],),
        )
    pairs = [(large, small) for small, large in itertools.combinations(own, 2)]
    large, small = max(pairs, key=_lost, default=(before, before))
    if leaves_more(large, small, by=WEAKER, examples=1):
        yield Finding(
            "LARGER_RADIUS_WEAKER",
            f"{model['name']} keeps {leaves(large)} under its own attacks at {large['ball']}, {leaves(small)} at "
            f"{small['ball']}: what they break within the smaller radius they miss within the larger one, so they "
            "are weak at both.",
            (model["name"],),
        )


def _lost(pair: tuple[Record, Record]) -> int:
    """How many examples the second leaves fewer than the first."""
    return pair[0]["robust"] - pair[1]["robust"]
