"""Where the Max-Mahalanobis centers come from: (L, d) float64 arrays, one row a class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from mmc_tf import files
from mmc_tf.checks import argument_error, check_number
from mmc_tf.sphere import minimize_largest_inner_product, normalize_rows

KINDS = ("simplex", "random", "hierarchical", "spread")
# Beyond, float32 loses features of norm 1 in z − μ (spacing 0.06 at 1e6), and squares overflow from 1e19 on.
LONGEST = 1e6
# Two centers at less than so many times the largest norm from each other are one in float32.
NEAREST = 1e-6


def _check_sizes(num_classes: int, feature_dim: int, scale: float) -> None:
    check_number("num_classes", num_classes, minimum=2, integer=True)
    check_number("feature_dim", feature_dim, minimum=1, integer=True)
    check_number("scale", scale, above=0)


def check_centers(centers: np.ndarray, source: object) -> np.ndarray:
    """Returns (L, d) float64 centers if distances to them can be told apart in float32.

    Args:
        centers: finite.
        source: where they are from, for the error.

    Raises:
        UserError: for norms above 1e6, and for two centers in one place.
    """
    norms = np.linalg.norm(centers, axis=1)
    longest = int(norms.argmax())
    if norms[longest] > LONGEST:
        received = f"{source}, where center {longest} has norm {norms[longest]:.4g}"
        raise argument_error("centers", f"centers of norm {LONGEST:g} at most (float32)", received)
    products = centers @ centers.T
    squares = norms[:, None] ** 2 + norms**2 - 2 * products
    np.fill_diagonal(squares, np.inf)
    first, second = np.unravel_index(squares.argmin(), squares.shape)
    distance = np.linalg.norm(
        centers[first] - centers[second]
    )  # exact, where the difference of squares is not
    if distance <= NEAREST * norms[longest] or distance**2 < np.finfo(np.float32).tiny:
        received = f"{source}, where centers {first} and {second} are {distance:.4g} apart"
        raise argument_error("centers", "centers in different places", received)
    return centers


def simplex_centers(num_classes: int, feature_dim: int, *, scale: float = 1.0) -> np.ndarray:
    """The optimal centers for L <= d+1, the vertices of a regular simplex (MMC paper, Algorithm 1).

    μ_i·μ_i = C², μ_i·μ_j = −C²/(L−1). Algorithm 1 gives all rows below the diagonal of a column the same
    entry, so its recursion has the closed form μ_j(j) = C·√(L(L−j) / ((L−1)(L−j+1))),
    μ_i(j) = −μ_j(j)/(L−j) for i > j.

    Args:
        num_classes: L, 2 <= L <= d+1.
        feature_dim: d.
        scale: C_MM > 0, the norm of every center.

    Returns:
        (L, d) float64.

    Raises:
        UserError: if L > d+1.

    Example:
        >>> simplex_centers(3, 2).round(3).tolist()
        [[1.0, 0.0], [-0.5, 0.866], [-0.5, -0.866]]
    """
    _check_sizes(num_classes, feature_dim, scale)
    if num_classes > feature_dim + 1:
        raise argument_error(
            "centers",
            f"at most d+1 = {feature_dim + 1} classes for simplex centers in d = {feature_dim} dimensions "
            "(--centers=spread has no such limit)",
            f"simplex with L = {num_classes} and d = {feature_dim}",
        )
    below = np.arange(num_classes - 1, 0, -1.0)  # L - j
    diagonal = np.sqrt(num_classes * below / ((num_classes - 1) * (below + 1)))
    centers = np.zeros((num_classes, feature_dim))
    columns = np.tril(np.broadcast_to(-diagonal / below, (num_classes, num_classes - 1)), -1)
    np.fill_diagonal(columns, diagonal)
    centers[:, : num_classes - 1] = columns
    return scale * centers


def random_centers(num_classes: int, feature_dim: int, *, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    """Independent uniform directions of norm C, the original scripts' announced `use_random`.

    Inner products have mean 0 and standard deviation C²/√d.

    Args:
        num_classes: L >= 2.
        feature_dim: d.
        scale: C > 0.
        seed: int >= 0; the same seed gives the same centers.

    Returns:
        (L, d) float64.
    """
    _check_sizes(num_classes, feature_dim, scale)
    check_number("seed", seed, minimum=0, integer=True)
    return scale * normalize_rows(np.random.default_rng(seed).standard_normal((num_classes, feature_dim)))


def spread_centers(num_classes: int, feature_dim: int, *, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    """Centers of norm C whose largest inner product is as small as can be found, for any L.

    L <= 2d: the optimum is known: L−d regular simplices (one if L <= d+1) in orthogonal subspaces, largest
    inner product 0 (−C²/(L−1) if L <= d+1). d = 2: the regular polygon, C²·cos(2π/L). Else the best of
    several annealed minimisations. (The original's hard maximum with Adam stops at .88 for L = 10, d = 2,
    where .809 is optimal.)

    Args:
        num_classes: L >= 2.
        feature_dim: d; d >= 2 if L > 2.
        scale: C > 0.
        seed: int >= 0, of the starts of the minimisation.

    Returns:
        (L, d) float64.

    Raises:
        UserError: if d = 1 and L > 2: a line has two directions only.
    """
    _check_sizes(num_classes, feature_dim, scale)
    check_number("seed", seed, minimum=0, integer=True)
    if feature_dim == 1 and num_classes > 2:
        raise argument_error("feature_dim", f"at least 2 for {num_classes} classes", feature_dim)
    if num_classes <= 2 * feature_dim:
        return scale * _orthogonal_simplices(num_classes, feature_dim)
    if feature_dim == 2:
        angles = 2 * np.pi * np.arange(num_classes) / num_classes
        return scale * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return scale * minimize_largest_inner_product(num_classes, feature_dim, seed=seed)


def _orthogonal_simplices(num_classes: int, feature_dim: int) -> np.ndarray:
    groups = np.array_split(np.arange(num_classes), max(1, num_classes - feature_dim))
    centers = np.zeros((num_classes, feature_dim))
    column = 0
    for rows in groups:
        width = len(rows) - 1
        centers[rows, column : column + width] = simplex_centers(len(rows), width)
        column += width
    return centers


def tree_from_superclasses(superclasses: Sequence[int]) -> list[list[int]]:
    """The tree of two levels in which class l hangs under superclass `superclasses[l]`.

    CIFAR-100's fine labels are alphabetical: l // 5 is not the superclass of l.

    Example:
        >>> tree_from_superclasses([1, 0, 1])
        [[1], [0, 2]]
    """
    superclasses = np.asarray(superclasses)
    return [np.flatnonzero(superclasses == label).tolist() for label in np.unique(superclasses)]


def hierarchical_centers(tree: Any, feature_dim: int, *, scales: Sequence[float] = (10.0, 1.0)) -> np.ndarray:
    """Hierarchical centers: every node is its parent plus a vertex of its brothers' simplex (B.3).

    Each level has coordinates of its own while d suffices, so that the levels are orthogonal and a leaf of
    depth s has the norm √(C_1² + … + C_s²); otherwise the last levels share coordinates with earlier ones.
    An only child sits where its parent is.

    Args:
        tree: nested sequences or mappings of any depth; the leaves are the class indices 0 … L−1, each once.
        feature_dim: d, at least the number of brothers − 1.
        scales: C_s of depth s = 1, 2, …, as many as the tree has levels; smaller ones further down.

    Returns:
        (L, d) float64.

    Raises:
        UserError: if the leaves are not 0 … L−1, scales are too few, there are more than d+1 brothers, or
            centers are as in `check_centers`.

    Example:
        >>> hierarchical_centers({"pets": [0, 2], "cars": [1]}, 2).tolist()
        [[10.0, 1.0], [-10.0, 0.0], [10.0, -1.0]]
    """
    check_number("feature_dim", feature_dim, minimum=1, integer=True)
    widths: list[int] = []
    leaves: dict[int, list[tuple[int, int, int]]] = {}

    def walk(node, path):
        if isinstance(node, bool | str) or not isinstance(node, int | np.integer | Iterable):
            raise argument_error("tree", "nested sequences or mappings of class indices", f"{node!r} in it")
        if isinstance(node, int | np.integer):
            if node in leaves:
                raise argument_error("tree", "every class index once", f"{node} twice")
            leaves[int(node)] = path
            return
        depth = len(path)
        children = list(node.values()) if isinstance(node, Mapping) else list(node)
        if not children:
            raise argument_error("tree", "at least one child of every node", tree)
        widths.extend([0] * (depth + 1 - len(widths)))
        widths[depth] = max(widths[depth], len(children) - 1)
        for position, child in enumerate(children):
            walk(child, [*path, (depth, position, len(children))])

    walk(tree, [])
    if sorted(leaves) != list(range(len(leaves))) or len(leaves) < 2:
        raise argument_error("tree", "leaves that are the class indices 0, 1, …, L-1", sorted(leaves))
    if len(scales) < len(widths):
        raise argument_error("scales", f"{len(widths)} numbers, one for each level of the tree", list(scales))
    centers = np.zeros((len(leaves), feature_dim))
    for label, path in leaves.items():
        for depth, position, brothers in path:
            if brothers > 1:
                first = max(0, min(sum(widths[:depth]), feature_dim - widths[depth]))
                simplex = simplex_centers(brothers, min(brothers - 1, feature_dim), scale=scales[depth])
                centers[label, first : first + simplex.shape[1]] += simplex[position]
    return check_centers(centers, f"a tree in d = {feature_dim} dimensions")


def load_centers(
    path: str | Path, num_classes: int, feature_dim: int, *, scale: float | None = None
) -> np.ndarray:
    """Reads centers from a MATLAB file (variable `mean_logits`, as the original's) or a NumPy file.

    Args:
        path: of a `.mat` or `.npy` file with an array (L, d).
        num_classes: L.
        feature_dim: d.
        scale: multiplies the file's numbers; None keeps them. The original's files hold unit rows.

    Returns:
        (L, d) float64.

    Raises:
        UserError: if the file is missing, unreadable, of another shape, holds numbers that are not finite, or
            centers as in `check_centers`.
    """
    path = Path(path)
    if not path.is_file():
        raise argument_error("centers", "a .mat or .npy file, or one of " + ", ".join(KINDS), str(path))
    try:
        if path.suffix == ".mat":
            centers = scipy.io.loadmat(path, variable_names=["mean_logits"]).get("mean_logits")
        else:
            centers = files.read_array(path)
    except Exception as error:  # a damaged file makes the readers raise errors of a dozen types
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise argument_error("centers", f"a readable {path.suffix} file", f"{path} ({reason})") from None
    if centers is None:
        raise argument_error("centers", "a .mat file with a variable mean_logits", f"{path} without it")
    expected = f"a real array of shape ({num_classes}, {feature_dim}) with finite numbers"
    shape, kind = np.shape(centers), getattr(centers, "dtype", np.dtype(object))
    if shape != (num_classes, feature_dim) or kind.kind not in "fiu":
        raise argument_error("centers", expected, f"{path} with shape {shape} and dtype {kind}")
    centers = centers.astype(np.float64)
    if not np.isfinite(centers).all():
        raise argument_error("centers", expected, f"{path} with {np.sum(~np.isfinite(centers))} that are not")
    return check_centers(centers * (1 if scale is None else check_number("scale", scale, above=0)), path)


def make_centers(
    kind: str,
    num_classes: int,
    feature_dim: int,
    *,
    scale: float = 10.0,
    seed: int = 0,
    superclasses: Sequence[int] | None = None,
    sub_scale: float | None = None,
) -> np.ndarray:
    """The centers that `--centers` names.

    Args:
        kind: `simplex`, `random`, `hierarchical`, `spread`, or the path of a .mat or .npy file.
        num_classes: L.
        feature_dim: d.
        scale: C_MM > 0; it multiplies a file's numbers.
        seed: of `random` and `spread`.
        superclasses: (L,) ints, for `hierarchical`.
        sub_scale: second constant of `hierarchical`; None: scale / 10, as CIFAR-100's 10 and 1.

    Returns:
        (L, d) float64.

    Raises:
        UserError: for an unknown kind or an impossible combination, or as `check_centers`.
    """
    _check_sizes(num_classes, feature_dim, scale)
    if str(kind).endswith((".mat", ".npy")):
        return load_centers(kind, num_classes, feature_dim, scale=scale)
    if kind == "simplex":
        return check_centers(simplex_centers(num_classes, feature_dim, scale=scale), kind)
    if kind == "random":
        return check_centers(random_centers(num_classes, feature_dim, scale=scale, seed=seed), kind)
    if kind == "spread":
        return check_centers(spread_centers(num_classes, feature_dim, scale=scale, seed=seed), kind)
    if kind != "hierarchical":
        raise argument_error("centers", "one of " + ", ".join(KINDS) + ", or a .mat or .npy file", kind)
    if superclasses is None:
        raise argument_error(
            "centers", "a data set with superclasses (cifar100) for hierarchical centers", kind
        )
    if len(superclasses) != num_classes:
        raise argument_error("superclasses", f"one for each of {num_classes} classes", f"{len(superclasses)}")
    sub_scale = scale / 10 if sub_scale is None else check_number("sub_scale", sub_scale, above=0)
    return hierarchical_centers(tree_from_superclasses(superclasses), feature_dim, scales=(scale, sub_scale))
