"""Telling adversarial from clean images by what the network says of them, and how well that goes (AUC).

Three scores of an image, each the larger the more suspicious; h are its logits, ŷ the predicted class:

    mmc_loss    ½‖z − μ_ŷ‖², the MMC loss at the predicted class (heads with centers alone)
    confidence  −log max_l softmax(h)_l
    margin      −(h_ŷ − max_{j≠ŷ} h_j)

What they detect are images of an attacker who does not care: one who knows the score can seek images that fool the
network and score well, for instance by C&W with a confidence. An AUC near 1 is no defense.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import rankdata

SCORES = ("mmc_loss", "confidence", "margin")


def suspicion(logits: np.ndarray, half_distances: np.ndarray | None = None) -> np.ndarray:
    """The scores of images by their logits.

    The confidence is that of softmax on logits as they are, which on networks with centers is 1 to the last bit of
    float32; −log p = log Σ_l exp(h_l − max h), taken in float64 from the gaps, still ranks such images.

    Args:
        logits: (N, L) or shifted logits, which differ from them by one number in each row.
        half_distances: (N,), ½‖z − μ_ŷ‖²; None: without centers.

    Returns:
        (N, 3) float64, in the order of `SCORES`; `mmc_loss` is NaN without centers.

    Example:
        >>> suspicion(np.array([[2.0, 0.0], [3.0, 3.0]])).round(3).tolist()
        [[nan, 0.127, -2.0], [nan, 0.693, 0.0]]
    """
    sorted_logits = np.sort(np.asarray(logits, np.float64), axis=1)[:, ::-1]
    gaps = sorted_logits[:, 1:] - sorted_logits[:, :1]
    confidence = np.log1p(np.exp(gaps).sum(axis=1))
    absent = np.full(len(gaps), np.nan)
    return np.stack([absent if half_distances is None else half_distances, confidence, gaps[:, 0]], axis=1)


def detection_auc(clean_scores: np.ndarray, adversarial_scores: np.ndarray) -> float | None:
    """The chance that an adversarial image scores above a clean one, ties counting half: the area under the ROC.

    Args:
        clean_scores: (N,), of the negatives.
        adversarial_scores: (M,), of the positives; what is no number is as suspicious as can be.

    Returns:
        AUC = (#{a > c} + ½#{a = c}) / (N·M) over all pairs, in [0, 1]; 0.5 is a coin, less says that adversarial images
        look the cleaner ones. None without images on either side.

    Example:
        >>> detection_auc(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
        0.875
    """
    from sklearn.metrics import roc_auc_score  # takes a second, and few evaluations ask for it

    clean_scores, adversarial_scores = (np.asarray(s, np.float64) for s in (clean_scores, adversarial_scores))
    if not (clean_scores.size and adversarial_scores.size):
        return None
    scores = np.concatenate([clean_scores, adversarial_scores])
    is_adversarial = np.repeat([0, 1], [clean_scores.size, adversarial_scores.size])
    # Ranks have the same AUC and stay finite where logits overflowed.
    ranks = rankdata(np.where(np.isnan(scores), np.inf, scores))
    return float(roc_auc_score(is_adversarial, ranks))


def describe_detection(
    clean_scores: np.ndarray,
    adversarial_scores: np.ndarray,
    *,
    attacked: np.ndarray,
    misclassified: np.ndarray,
) -> dict[str, Any]:
    """What the record of an attack says of detection.

    Negatives are the clean images that are classified correctly. Positives are the adversarial images that fool the
    network (`auc`), or all that the attack returned, also where it failed (`auc_all`).

    Args:
        clean_scores: (N, 3), as `suspicion` gives them.
        adversarial_scores: (N, 3); whatever where nothing was attacked.
        attacked: (N,) bool; the clean image is classified correctly, so it was attacked.
        misclassified: (N,) bool; the image, with the attack or without, is not.

    Returns:
        `clean`, `fooling`, `attacked`: how many images there are; `scores`: for each score that the network has, its
        `auc` and `auc_all`.
    """
    fooling = attacked & misclassified
    negatives = attacked | ~misclassified  # a stage of an ensemble may have left some alone
    scores: dict[str, Mapping[str, float | None]] = {}
    for column, name in enumerate(SCORES):
        clean, adversarial = clean_scores[:, column], adversarial_scores[:, column]
        if np.isnan(clean).all():
            continue
        scores[name] = {
            "auc": detection_auc(clean[negatives], adversarial[fooling]),
            "auc_all": detection_auc(clean[negatives], adversarial[attacked]),
        }
    counts = {"clean": negatives, "fooling": fooling, "attacked": attacked}
    return {name: int(mask.sum()) for name, mask in counts.items()} | {"scores": scores}
