"""The library's verdict on an adversarial image, whatever the attack believed of it."""

from __future__ import annotations

import numpy as np

from mmc_tf.attacks.projections import measure


def radius_limit(epsilon: float, *, norm: str) -> float:
    """The largest distance that counts as within ε.

    linf: ε + 1e-7, since storing x' in float32 alone costs up to 3e-8. l2 and l1: ε(1 + 1e-6) + 1e-6.
    """
    return epsilon + 1e-7 if norm == "linf" else epsilon * (1 + 1e-6) + 1e-6


def is_valid(
    adversarial: np.ndarray, distance: np.ndarray, logits: np.ndarray, *, norm: str, epsilon: float | None
) -> np.ndarray:
    """Whether each image is one the threat model allows: finite, within [0, 1], within ε, with finite logits.

    Args:
        adversarial: (N, H, W, C) images.
        distance: (N,) their distance from the clean images, in `norm`.
        logits: (N, L) the model's output on them.
        norm: `linf`, `l2` or `l1`.
        epsilon: radius, or None for attacks that look for the least distance.

    Returns:
        (N,) bool.
    """
    flat = adversarial.reshape(len(adversarial), -1)
    # Comparisons with NaN are False, which is the verdict wanted.
    valid = (flat.min(axis=1) >= 0) & (flat.max(axis=1) <= 1) & np.isfinite(logits).all(axis=1)
    if epsilon is not None:
        valid &= distance <= radius_limit(epsilon, norm=norm)
    return valid & np.isfinite(distance)


def distances(adversarial: np.ndarray, images: np.ndarray, *, norm: str) -> np.ndarray:
    """(N,) norms of `adversarial - images`, computed in float64."""
    return measure(adversarial.astype(np.float64) - images.astype(np.float64), norm=norm)
