"""Exact least distances on the linear test bed, in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mmc_tf.acceptance.linear import LinearBed, make_bed

DUAL_ORDERS = {"linf": 1, "l2": 2, "l1": np.inf}
FACTORS = (1.0, 3000.0)


def near_grey(**settings) -> LinearBed:
    """A bed with |x - ½| <= 0.15, far from the walls of the box, where grey itself is close to every boundary.

    Its median margins are 0.06 in l2 and 0.006 in linf, and its labels take turns.
    """
    bed = make_bed(low=0.35, high=0.65, **settings)
    return replace(bed, bias=(bed.bias - 0.5 * bed.kernel.sum(axis=0)).astype(np.float32))


def class_margins(bed: LinearBed, *, norm: str) -> np.ndarray:
    """(N, L) distance to the boundary with each class, without the box; infinite for the label."""
    logits, labels = bed.logits, bed.labels
    margins = np.full(logits.shape, np.inf)
    for i, y in enumerate(labels):
        for j in range(logits.shape[1]):
            if j != y:
                w = bed.kernel[:, j].astype(np.float64) - bed.kernel[:, y]
                margins[i, j] = (logits[i, y] - logits[i, j]) / np.linalg.norm(w, DUAL_ORDERS[norm])
    return margins
