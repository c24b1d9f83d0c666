"""Points on the unit sphere, far apart from each other."""

from __future__ import annotations

import numpy as np
import scipy.optimize


def normalize_rows(rows: np.ndarray) -> np.ndarray:
    """Every row divided by its l2 norm."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def minimize_largest_inner_product(
    num_classes: int, feature_dim: int, *, seed: int = 0, num_starts: int | None = None
) -> np.ndarray:
    """Minimises log Σ_{i≠j} exp(β·u_i·u_j) / β over unit vectors by L-BFGS, β from 10 to 1e5.

    As β grows this soft maximum falls on the largest inner product; the annealing keeps the search away from
    poor local optima, in which the hard maximum stops.

    Args:
        num_classes: L >= 2.
        feature_dim: d >= 2.
        seed: int, of the starting points.
        num_starts: of which the best end counts. None: 20 for few classes, down to 1 for
            L > 100, where a start takes seconds and the ends differ little.

    Returns:
        Unit rows (L, d) float64.
    """

    def soft_maximum(flat, beta):
        free = flat.reshape(num_classes, feature_dim)
        norms = np.linalg.norm(free, axis=1, keepdims=True)
        unit = free / norms
        gram = unit @ unit.T
        np.fill_diagonal(gram, -np.inf)
        top = gram.max()
        weights = np.exp(beta * (gram - top))
        total = weights.sum()
        gradient = 2 * (weights / total) @ unit
        gradient -= np.sum(gradient * unit, axis=1, keepdims=True) * unit
        return top + np.log(total) / beta, (gradient / norms).ravel()

    # Imported here so that a saved model, which needs no search, loads where threadpoolctl is not installed.
    from threadpoolctl import threadpool_limits

    if num_starts is None:
        num_starts = int(np.clip(20_000 // num_classes**2, 1, 20))
    best, best_value = None, np.inf
    # On a busy machine BLAS threads wait for each other at each of thousands of small products.
    with threadpool_limits(1):
        for start in range(num_starts):
            generator = np.random.default_rng((seed, start))
            unit = normalize_rows(generator.standard_normal((num_classes, feature_dim)))
            for beta in np.geomspace(10, 1e5, 13):
                end = scipy.optimize.minimize(
                    soft_maximum,
                    unit.ravel(),
                    args=(beta,),
                    jac=True,
                    method="L-BFGS-B",
                    options={"maxiter": 150, "ftol": 1e-12, "gtol": 1e-9},
                )
                unit = normalize_rows(end.x.reshape(num_classes, feature_dim))
            value = np.max(unit @ unit.T - 2 * np.eye(num_classes))
            if value < best_value:
                best, best_value = unit, value
    return best
