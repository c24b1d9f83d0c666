"""The sample density of features that the MMC paper's Theorems 1 and 2 predict, and its estimate from features.

    SD(z) = ΔN / Vol(ΔB),   ΔB the points whose loss is in [C, C + ΔC]            (Eq. 2)

In 64 dimensions a unit ball's volume is 1e-20 and a shell's grows with the 63rd power of its radius, so everything here
is a logarithm (natural). Squared radii say where contours of the loss are, since formulas give those.

The paper's volumes are a sphere's surface times ΔC (Eq. 14 and 18), as if a shell were ΔC thick. It is ΔC·|dr/dC|
thick: `log_density` gives the theorems as they are printed, and `log_thickness` what they leave out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import gammaln

from mmc_tf.checks import argument_error, check_number


class Contours(Protocol):
    """Spheres on which a loss has a given value."""

    def squared_radius(self, loss: np.ndarray) -> np.ndarray:
        """r² of the contour L(z) = C, any shape; 0 where no point has that loss."""
        ...

    def log_thickness(self, loss: np.ndarray) -> np.ndarray:
        """log |dr/dC|: by how much a shell is thicker than the paper's formulas have it."""
        ...


@dataclass(frozen=True)
class MMCContours:
    """‖z − μ_y‖² = 2C (Eq. 17)."""

    def squared_radius(self, loss: np.ndarray) -> np.ndarray:
        """2C."""
        return 2.0 * np.asarray(loss, np.float64)

    def log_thickness(self, loss: np.ndarray) -> np.ndarray:
        """dr/dC = (2C)^(−1/2)."""
        return -0.5 * np.log(self.squared_radius(loss))


@dataclass(frozen=True, kw_only=True)
class GSCEContours:
    """‖z − M‖² = B + log(e^C − 1) / (σ_k − σ_j), for class k and the runner-up j (Eq. 12 and 13).

        M = (σ_k μ_k − σ_j μ_j) / (σ_k − σ_j)
        B = σ_k σ_j ‖μ_k − μ_j‖² / (σ_k − σ_j)² + (B_k − B_j) / (σ_k − σ_j)

    of the logits h_l = −σ_l‖z − μ_l‖² + B_l, where log Σ_{l≠k} exp(h_l) is approximated by h_j (Eq. 6).

    Args:
        sigma: σ_k > 0.
        other_sigma: σ_j > 0, another number: with equal ones the contours are hyperplanes.
        mean: μ_k (d,).
        other_mean: μ_j (d,).
        bias: B_k.
        other_bias: B_j.

    Raises:
        UserError: for equal σ.
    """

    sigma: float
    other_sigma: float
    mean: np.ndarray
    other_mean: np.ndarray
    bias: float = 0.0
    other_bias: float = 0.0

    def __post_init__(self):
        check_number("sigma", self.sigma, above=0)
        check_number("other_sigma", self.other_sigma, above=0)
        if self.sigma == self.other_sigma:
            raise argument_error("other_sigma", "another number than sigma (else no spheres)", self.sigma)

    @property
    def center(self) -> np.ndarray:
        """M (d,)."""
        weighted = self.sigma * np.asarray(self.mean) - self.other_sigma * np.asarray(self.other_mean)
        return weighted / (self.sigma - self.other_sigma)

    @property
    def constant(self) -> float:
        """B."""
        difference = self.sigma - self.other_sigma
        apart = float(np.sum((np.asarray(self.mean) - np.asarray(self.other_mean)) ** 2))
        product = self.sigma * self.other_sigma * apart
        return product / difference**2 + (self.bias - self.other_bias) / difference

    @property
    def limit(self) -> float:
        """C* = log(1 + exp(B (σ_j − σ_k))), at which r = 0 (Section 3.2).

        For σ_k > σ_j no point has a smaller loss; for σ_k < σ_j none has a larger one.
        """
        return float(np.logaddexp(0.0, self.constant * (self.other_sigma - self.sigma)))

    def squared_radius(self, loss: np.ndarray) -> np.ndarray:
        """B + log(e^C − 1) / (σ_k − σ_j), or 0 beyond `limit`."""
        loss = np.asarray(loss, np.float64)
        return np.maximum(self.constant + _log_expm1(loss) / (self.sigma - self.other_sigma), 0.0)

    def log_thickness(self, loss: np.ndarray) -> np.ndarray:
        """dr/dC = e^C / ((e^C − 1)·2r·|σ_k − σ_j|)."""
        loss = np.asarray(loss, np.float64)
        slope = loss - _log_expm1(loss) - np.log(2.0 * abs(self.sigma - self.other_sigma))
        return slope - 0.5 * _log(self.squared_radius(loss))


def log_ball_volume(squared_radius: np.ndarray, dimension: int) -> np.ndarray:
    """log of π^(d/2) r^d / Γ(d/2 + 1)."""
    half = 0.5 * dimension
    return half * np.log(np.pi) - gammaln(half + 1) + half * _log(squared_radius)


def log_sphere_area(squared_radius: np.ndarray, dimension: int) -> np.ndarray:
    """log of 2 π^(d/2) r^(d−1) / Γ(d/2) (Loskot and Beaulieu, 2007)."""
    half = 0.5 * dimension
    return np.log(2.0) + half * np.log(np.pi) - gammaln(half) + (half - 0.5) * _log(squared_radius)


def log_shell_volume(squared_radius: np.ndarray, other: np.ndarray, dimension: int) -> np.ndarray:
    """log of the volume between two spheres around the same point, in either order.

    Example:
        >>> shell = log_shell_volume(np.array([1.0]), np.array([4.0]), 3)  # 4π/3 (2³ − 1³)
        >>> np.allclose(np.exp(shell), 28 * np.pi / 3)
        True
    """
    outer = np.maximum(squared_radius, other)
    inner = np.minimum(squared_radius, other)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.exp(0.5 * dimension * (_log(inner) - _log(outer)))
        return log_ball_volume(outer, dimension) + np.log1p(-np.nan_to_num(part, nan=0.0))


def log_density(loss: np.ndarray, contours: Contours, *, dimension: int, losses: np.ndarray) -> np.ndarray:
    """The log density of the theorems, N φ((C − C̄)/S) / S / area (Eq. 7 and 9, with the constants of 14 and 18).

    Args:
        loss: C > 0, where it is wanted, any shape.
        contours: of the class, or of the class and its runner-up.
        dimension: d of the features.
        losses: (N,) of the training examples of that class, or of that pair; their mean and standard deviation are C̄
            and S.

    Returns:
        As `loss`; inf where the contour is a point.
    """
    loss = np.asarray(loss, np.float64)
    deviation = losses.std()
    normal = -0.5 * ((loss - losses.mean()) / deviation) ** 2 - 0.5 * np.log(2 * np.pi)
    area = log_sphere_area(contours.squared_radius(loss), dimension)
    return np.log(len(losses)) + normal - np.log(deviation) - area


@dataclass(frozen=True)
class Estimate:
    """The measured density in shells of the loss.

    Attributes:
        loss: (K,) the median loss in each shell.
        count: (K,) examples.
        log_density: (K,) log(ΔN / Vol(ΔB)); inf where the shell has no volume.
    """

    loss: np.ndarray
    count: np.ndarray
    log_density: np.ndarray


def estimate_density(losses: np.ndarray, contours: Contours, *, dimension: int, num_shells: int) -> Estimate:
    """Counts examples between contours of the loss and divides by the exact volume between them (Eq. 2).

    Args:
        losses: (N,) of one class, or of one class and runner-up; > 0.
        contours: where the loss has a given value.
        dimension: d.
        num_shells: K; the shells hold about as many examples each.
    """
    losses = np.sort(np.asarray(losses, np.float64))
    groups = [group for group in np.array_split(losses, num_shells) if len(group)]
    # Between groups halfway; the outermost shells end at their examples.
    middles = [0.5 * (lower[-1] + upper[0]) for lower, upper in itertools.pairwise(groups)]
    edges = np.array([losses[0], *middles, losses[-1]])
    radii = contours.squared_radius(edges)
    count = np.array([len(group) for group in groups])
    volume = log_shell_volume(radii[:-1], radii[1:], dimension)
    return Estimate(np.array([np.median(group) for group in groups]), count, np.log(count) - volume)


def _log_expm1(values: np.ndarray) -> np.ndarray:
    """log(e^x − 1), also where e^x overflows."""
    with np.errstate(divide="ignore"):
        return values + np.log(-np.expm1(-values))


def _log(values: np.ndarray) -> np.ndarray:
    """log, −inf at 0."""
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(values, np.float64))
