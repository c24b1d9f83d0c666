"""The losses of single training examples as the theorems on sample density take them, in float64 from features."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import logsumexp

from mmc_tf.evaluation.density import GSCEContours
from mmc_tf.experiments.outputs import Outputs
from mmc_tf.training.runs import RunFolder

_LEAST = 1e-300  # a loss that is positive, but rounds to zero


def mmc_losses(outputs: Outputs, run: pathlib.Path | None = None) -> np.ndarray:
    """½‖z − μ_y‖² (Eq. 8), (N,)."""
    moved = outputs.features.astype(np.float64) - outputs.head["centers"][outputs.labels]
    return 0.5 * (moved**2).sum(axis=1)


def softmax_losses(outputs: Outputs, run: pathlib.Path | None = None) -> np.ndarray:
    """−log softmax(h)_y (Eq. 3), (N,)."""
    return cross_entropies(outputs.logits.astype(np.float64), outputs.labels)


def lgm_losses(outputs: Outputs, run: pathlib.Path) -> np.ndarray:
    """L-GM's cross-entropy with its margin, −log softmax(h − α·½d_y·1_y)_y, without the likelihood term, (N,)."""
    logits = _lgm_logits(outputs)
    rows = np.arange(len(logits))
    half_log_determinants = 0.5 * outputs.head["log_variances"].astype(np.float64).sum(axis=1)
    half_distance = -logits[rows, outputs.labels] - half_log_determinants[outputs.labels]
    logits[rows, outputs.labels] -= lgm_margin(run) * half_distance
    return cross_entropies(logits, outputs.labels)


def cross_entropies(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """log(1 + Σ_{l≠y} exp(h_l − h_y)), which keeps its digits where it is small: (N, L), (N,) -> (N,)."""
    rows = np.arange(len(logits))
    others = logits.copy()
    others[rows, labels] = -np.inf
    return np.maximum(np.logaddexp(0.0, logsumexp(others, axis=1) - logits[rows, labels]), _LEAST)


def runners_up(outputs: Outputs) -> np.ndarray:
    """ỹ = arg max_{l≠y} h_l (N,)."""
    others = outputs.logits.astype(np.float64)
    others[np.arange(len(others)), outputs.labels] = -np.inf
    return others.argmax(axis=1)


def lgm_sigmas(outputs: Outputs) -> np.ndarray:
    """σ_l (L,) of h_l = −σ_l‖z − μ_l‖² + B_l: half the mean of the inverse variances."""
    return 0.5 * np.exp(-outputs.head["log_variances"].astype(np.float64)).mean(axis=1)


def lgm_contours(outputs: Outputs, run: pathlib.Path, *, own: int, other: int) -> GSCEContours:
    """The contours of Theorem 1 for a class and its runner-up; the margin multiplies σ of the own class by 1 + α."""
    sigmas = lgm_sigmas(outputs)
    biases = -0.5 * outputs.head["log_variances"].astype(np.float64).sum(axis=1)
    means = outputs.head["means"].astype(np.float64)
    return GSCEContours(
        sigma=(1 + lgm_margin(run)) * sigmas[own],
        other_sigma=sigmas[other],
        mean=means[own],
        other_mean=means[other],
        bias=biases[own],
        other_bias=biases[other],
    )


def lgm_margin(run: pathlib.Path) -> float:
    """α that a run was trained with."""
    from mmc_tf.losses import LOSSES

    margin = RunFolder(run).read_config()["flags"].get("lgm_margin")
    return LOSSES.get("LGM")().margin if margin is None else margin


def _lgm_logits(outputs: Outputs) -> np.ndarray:
    """−½ Σ_j (z_j − μ_lj)²/s_lj − ½ Σ_j log s_lj (N, L)."""
    log_variances = outputs.head["log_variances"].astype(np.float64)
    features, means = outputs.features.astype(np.float64), outputs.head["means"].astype(np.float64)
    columns = [
        -0.5 * ((features - mean) ** 2 * np.exp(-each)).sum(axis=1) - 0.5 * each.sum()
        for mean, each in zip(means, log_variances, strict=True)
    ]
    return np.stack(columns, axis=1)


# By the name of the loss; for center loss its softmax part.
LOSS_VALUES: Mapping[str, Callable[[Outputs, pathlib.Path], np.ndarray]] = {
    "SCE": softmax_losses,
    "Center": softmax_losses,
    "MMLDA": softmax_losses,
    "LGM": lgm_losses,
    "MMC": mmc_losses,
}
