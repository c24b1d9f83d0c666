"""Networks with two features, which can be drawn as they are: MNIST, MMC with centers on a circle, and SCE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.experiments.lab import Lab, Network
from mmc_tf.report.colours import CLASSES, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# How far out names stand, in lengths of a center.
_OUTSIDE = 1.47


def demo_network(lab: Lab, loss: str, *, steps: int = 0) -> Network:
    """A network with two features.

    Networks of different `steps` are moments of the same training: the learning rate follows no cosine, which would
    depend on the length of the run.

    Args:
        lab: whose budget says how long it is trained.
        loss: `SCE` or `MMC`.
        steps: after which training stops; 0: at its end.
    """
    flags: dict[str, object] = {"is_2d_demo": True}
    if lab.budget.name == "short":
        flags["learning_policy"] = "constant"
    if steps:
        flags["max_steps"] = steps
    return Network(dataset="mnist", loss=loss, model="mnist", flags=tuple(flags.items()))


def scatter_classes(
    axes: Axes,
    features: np.ndarray,
    labels: np.ndarray,
    *,
    names: Sequence[str],
    centers: np.ndarray | None = None,
    size: float = 5,
) -> None:
    """Features (N, 2) in the colours of their classes, each class named within most of it, or outside its center."""
    if centers is not None:
        axes.update_datalim(1.1 * _OUTSIDE * centers)
    for label in np.unique(labels):
        members = features[labels == label]
        axes.scatter(
            members[:, 0],
            members[:, 1],
            s=size,
            color=CLASSES[label % len(CLASSES)],
            alpha=0.45,
            linewidths=0,
            zorder=2,
            rasterized=True,
        )
        axes.annotate(
            names[label],
            np.median(members, axis=0) if centers is None else _OUTSIDE * centers[label],
            ha="center",
            va="center",
            fontsize=8,
            fontweight="bold",
            color=INK,
            zorder=5,
            bbox={"boxstyle": "circle,pad=0.12", "facecolor": "white", "alpha": 0.75, "linewidth": 0},
        )
    axes.autoscale_view()
