"""From verdicts per image to the columns of the paper's tables (Ding et al., ICLR 2020, Appendix F)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmc_tf.evaluation.statistics import wilson_interval


def averages(clean: float, robust: Sequence[float]) -> dict[str, float]:
    """AvgRobAcc = mean over the radii; AvgAcc = mean over clean and the radii.

    Args:
        clean: accuracy on clean images.
        robust: robust accuracy at each radius.

    Example:
        >>> found = averages(84.36, [64.82, 47.18, 31.49, 18.91, 10.16, 4.77, 1.97, 0.81])
        >>> {name: round(value, 2) for name, value in found.items()}
        {'average_accuracy': 29.39, 'average_robust_accuracy': 22.51}
    """
    return {
        "average_accuracy": float(np.mean([clean, *robust])),
        "average_robust_accuracy": float(np.mean(robust)),
    }


def transfer_gap(white_box: Mapping[str, Any], combined: Mapping[str, Any]) -> dict[str, Any]:
    """What transferred images break beyond the network's own: white box minus combined, column by column."""
    names = ("average_accuracy", "average_robust_accuracy")
    pairs = zip(white_box["robust_accuracy"], combined["robust_accuracy"], strict=True)
    return {name: white_box[name] - combined[name] for name in names} | {
        "robust_accuracy": [before - after for before, after in pairs]
    }


def surviving(wrong: np.ndarray, broken: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Who withstands its own attacks, and who all of them.

    An image is robust if it is classified correctly and no run has broken it: verdicts are kept per network that
    the images were crafted on, and joined by "and".

    Args:
        wrong: (M, N) bool, misclassified when clean.
        broken: (E, M, M, N) bool: [e, a, b, n]: some image crafted on a within the radius e fools b.

    Returns:
        (white box, combined), (E, M, N) bool each.
    """
    own = np.stack([broken[:, number, number] for number in range(broken.shape[1])], axis=1)
    return ~wrong & ~own, ~wrong & ~broken.any(axis=1)


def describe(wrong: np.ndarray, broken: np.ndarray) -> list[dict[str, Any]]:
    """Each network's figures under the white-box and the combined attacks, as shares.

    Args:
        wrong: as `surviving` has it.
        broken: as `surviving` has it.
    """
    size = wrong.shape[1]
    described = []
    by_kind = dict(zip(("white_box", "combined"), surviving(wrong, broken), strict=True))
    for number in range(len(wrong)):
        correct = int((~wrong[number]).sum())
        figures: dict[str, Any] = {
            "clean_accuracy": correct / size,
            "clean_interval": list(wilson_interval(correct, size)),
        }
        for kind, robust in by_kind.items():
            counts = robust[:, number].sum(axis=1)
            shares = [int(count) / size for count in counts]
            figures[kind] = averages(correct / size, shares) | {
                "robust_accuracy": shares,
                "intervals": [list(wilson_interval(int(count), size)) for count in counts],
            }
        figures["transfer_gap"] = transfer_gap(figures["white_box"], figures["combined"])
        described.append(figures)
    return described


def summarize_margins(wrong: np.ndarray, found: np.ndarray, distance: np.ndarray) -> dict[str, Any]:
    """Tables 2 and 3: the spread of the least distances, 0 for images that are misclassified when clean.

    Images for which the search found nothing have no distance, and are counted apart.

    Args:
        wrong: (N,) bool, misclassified when clean.
        found: (N,) bool, whether the search found an image.
        distance: (N,) its distance.

    Returns:
        Clean accuracy, and mean and quartiles, None where nothing was found.
    """
    known = wrong | found
    values = np.where(wrong, 0.0, distance)[known]
    spread = {"mean": None, "lower_quartile": None, "median": None, "upper_quartile": None}
    if len(values):
        lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75])
        numbers = (values.mean(dtype=np.float64), lower, median, upper)
        spread = dict(zip(spread, map(float, numbers), strict=True))
    return {
        "examples": len(wrong),
        "clean_accuracy": float((~wrong).mean()),
        "not_found": int((~known).sum()),
        **spread,
    }
