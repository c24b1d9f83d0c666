"""Centers against Algorithm 1 word by word, Gram closed forms, known optima and damaged files."""

import numpy as np
import pytest
import scipy.io

from mmc_tf.centers import (
    hierarchical_centers,
    load_centers,
    make_centers,
    random_centers,
    simplex_centers,
    spread_centers,
    tree_from_superclasses,
)
from mmc_tf.checks import UserError
from mmc_tf.sphere import minimize_largest_inner_product

PAIRS = [(2, 1), (3, 2), (4, 3), (10, 9), (10, 256), (100, 256)]
# CIFAR-100's coarse labels of its first fine labels look like this: in no order.
SUPERCLASSES = np.random.default_rng(3).permutation(np.repeat(np.arange(20), 5))


def off_diagonal(centers):
    gram = centers @ centers.T
    return gram[~np.eye(len(gram), dtype=bool)]


def algorithm_1(num_classes, feature_dim, scale):
    """The paper's Algorithm 1 as it is printed, loop by loop."""
    mu = np.zeros((num_classes, feature_dim))
    mu[0, 0] = 1
    for i in range(1, num_classes):
        for j in range(i):
            mu[i, j] = -(1 + mu[i] @ mu[j] * (num_classes - 1)) / (mu[j, j] * (num_classes - 1))
        if i < feature_dim:
            rest = 1 - mu[i] @ mu[i]
            mu[i, i] = (
                np.sqrt(rest) if rest > 1e-12 else 0
            )  # the last one's is 0 up to rounding, whose root is not
    return scale * mu


@pytest.mark.parametrize(("num_classes", "feature_dim"), PAIRS)
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_simplex_has_equal_norms_and_equal_inner_products(num_classes, feature_dim, scale):
    centers = simplex_centers(num_classes, feature_dim, scale=scale)
    assert centers.shape == (num_classes, feature_dim)
    assert centers.dtype == np.float64
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), scale, rtol=1e-14)
    np.testing.assert_allclose(off_diagonal(centers), -(scale**2) / (num_classes - 1), rtol=1e-13)
    np.testing.assert_allclose(centers.sum(axis=0), 0, atol=1e-13 * scale)


@pytest.mark.parametrize(("num_classes", "feature_dim"), PAIRS)
def test_simplex_is_algorithm_1(num_classes, feature_dim):
    np.testing.assert_allclose(
        simplex_centers(num_classes, feature_dim, scale=10),
        algorithm_1(num_classes, feature_dim, 10),
        atol=1e-9,
    )


def test_simplex_of_a_thousand_classes():
    centers = simplex_centers(1000, 1024)
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(off_diagonal(centers), -1 / 999, rtol=1e-12)


def test_more_classes_than_a_simplex_has_room_for():
    with pytest.raises(
        UserError, match=r"at most d\+1 = 65 .*--centers=spread.*simplex with L = 100 and d = 64"
    ):
        make_centers("simplex", 100, 64)


def test_random_centers_are_uniform_directions():
    centers = random_centers(400, 64, scale=10, seed=1)
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 10, rtol=1e-14)
    products = off_diagonal(centers)
    assert abs(products.mean()) < 0.2
    assert products.std() == pytest.approx(100 / 8, rel=0.02)
    np.testing.assert_array_equal(centers, random_centers(400, 64, scale=10, seed=1))
    assert not np.array_equal(centers, random_centers(400, 64, scale=10, seed=2))


@pytest.mark.parametrize(
    ("num_classes", "feature_dim", "largest"),
    [
        (10, 2, np.cos(np.pi / 5)),
        (5, 2, np.cos(2 * np.pi / 5)),
        (4, 2, 0.0),
        (10, 5, 0.0),
        (100, 64, 0.0),
        (6, 5, -1 / 5),
        (10, 64, -1 / 9),
        (2, 1, -1.0),
        (12, 3, 1 / np.sqrt(5)),
        (16, 5, 1 / 5),  # the Clebsch code
        (27, 6, 1 / 4),  # the Schläfli code
        (56, 7, 1 / 3),
    ],
)
def test_spread_centers_reach_the_known_optimum(num_classes, feature_dim, largest):
    centers = spread_centers(num_classes, feature_dim, scale=3)
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 3, rtol=1e-14)
    assert off_diagonal(centers).max() == pytest.approx(9 * largest, abs=1e-6)


def test_spread_centers_of_a_hundred_classes_in_few_dimensions():
    # Rankin's and Welch's bounds leave room; random directions reach only about .8 here.
    centers = minimize_largest_inner_product(100, 16, num_starts=1)
    welch = np.sqrt((100 - 16) / (16 * 99))
    assert welch**2 < off_diagonal(centers).max() < 0.21


def test_spread_centers_depend_on_the_seed_only():
    np.testing.assert_array_equal(spread_centers(9, 3, seed=4), spread_centers(9, 3, seed=4))
    assert not np.allclose(spread_centers(9, 3, seed=4), spread_centers(9, 3, seed=5))


@pytest.mark.parametrize(
    ("num_classes", "feature_dim", "largest"),
    [(10, 2, np.cos(np.pi / 5)), (4, 2, 0.0), (10, 5, 0.0), (6, 5, -1 / 5)],
)
def test_the_search_finds_the_optima_that_are_written_down_otherwise(num_classes, feature_dim, largest):
    unit = minimize_largest_inner_product(num_classes, feature_dim)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-14)
    assert off_diagonal(unit).max() == pytest.approx(largest, abs=1e-6)


def test_a_line_has_two_directions_only():
    with pytest.raises(UserError, match=r"feature_dim.*at least 2 for 3 classes"):
        spread_centers(3, 1)


def test_hierarchical_centers_of_cifar100():
    centers = make_centers("hierarchical", 100, 64, scale=10, superclasses=SUPERCLASSES)
    gram = centers @ centers.T
    same_super = SUPERCLASSES[:, None] == SUPERCLASSES[None]
    same_class = np.eye(100, dtype=bool)
    np.testing.assert_allclose(gram[same_class], 10**2 + 1**2, rtol=1e-12)
    np.testing.assert_allclose(gram[same_super & ~same_class], 10**2 - 1 / 4, rtol=1e-12)
    position = np.array([np.sum(SUPERCLASSES[:label] == SUPERCLASSES[label]) for label in range(100)])
    same_position = position[:, None] == position[None]
    np.testing.assert_allclose(gram[~same_super & same_position], -100 / 19 + 1, rtol=1e-12)
    np.testing.assert_allclose(gram[~same_super & ~same_position], -100 / 19 - 1 / 4, rtol=1e-12)


def test_levels_occupy_coordinates_of_their_own_while_there_are_enough():
    centers = hierarchical_centers(tree_from_superclasses(SUPERCLASSES), 64, scales=(10, 1))
    np.testing.assert_array_equal(centers[:, 23:], 0)
    np.testing.assert_allclose(np.linalg.norm(centers[:, :19], axis=1), 10, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(centers[:, 19:23], axis=1), 1, rtol=1e-12)


def test_levels_share_coordinates_where_d_is_small():
    centers = hierarchical_centers(tree_from_superclasses(SUPERCLASSES), 19, scales=(10, 1))
    supers, subs = simplex_centers(20, 19, scale=10), simplex_centers(5, 4)
    label = int(np.flatnonzero(SUPERCLASSES == 7)[2])
    expected = supers[7] + np.concatenate([np.zeros(15), subs[2]])
    np.testing.assert_allclose(centers[label], expected, rtol=1e-12)


def test_a_tree_of_three_levels_and_unequal_depths():
    tree = {"animals": {"pets": [4, 1], "wild": [0]}, "cars": [2, 3], "sea": 5}
    centers = hierarchical_centers(tree, 8, scales=(10, 3, 1))
    squares = np.sum(centers**2, axis=1)
    # 0 is an only child, 2 and 3 have two levels, 5 has one.
    np.testing.assert_allclose(squares, [109, 110, 109, 109, 110, 100], rtol=1e-12)
    assert centers[4] @ centers[1] == pytest.approx(100 + 9 - 1)
    assert centers[0] @ centers[1] == pytest.approx(100 - 9)
    assert centers[5] @ centers[2] == pytest.approx(-50)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ([[0, 1], [1, 2]], "every class index once.*1 twice"),
        ([[0, 1], [3]], r"leaves that are the class indices.*\[0, 1, 3\]"),
        ([0], "leaves"),
        ([[[0, 1], 2]], "scales.*3 numbers"),
        ([["cat"], [0]], "tree.*class indices"),
        ([[True], [0]], "tree.*class indices"),
        ([[], [0, 1]], "tree.*at least one"),
        ([[0, 1, 2, 3], [4]], "at most d.1 = 3 classes"),
    ],
)
def test_impossible_trees(tree, message):
    with pytest.raises(UserError, match=message):
        hierarchical_centers(tree, 2)


def test_tree_from_superclasses_follows_the_labels():
    assert tree_from_superclasses([3, 0, 3, 1]) == [[1], [3], [0, 2]]


@pytest.mark.parametrize("suffix", [".mat", ".npy"])
def test_centers_from_a_file(tmp_path, suffix):
    rows = simplex_centers(10, 64).astype(np.float32)
    path = tmp_path / f"centers{suffix}"
    if suffix == ".mat":
        scipy.io.savemat(path, {"mean_logits": rows, "other": 1})
    else:
        np.save(path, rows)
    np.testing.assert_array_equal(load_centers(path, 10, 64), rows.astype(np.float64))
    np.testing.assert_array_equal(make_centers(str(path), 10, 64, scale=10), 10 * rows.astype(np.float64))


def _write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif path.suffix == ".mat":
        scipy.io.savemat(path, content)
    else:
        np.save(path, content)


GOOD = np.eye(3, 4)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mat", {"centers": GOOD}, "variable mean_logits"),
        ("a.mat", {"mean_logits": GOOD.T}, r"\(3, 4\) .*shape \(4, 3\)"),
        ("a.mat", {"mean_logits": GOOD * np.nan}, "12 that are not"),
        ("a.mat", {"mean_logits": "text"}, "dtype"),
        ("a.mat", {"mean_logits": GOOD + 1j}, "complex128"),
        ("a.mat", b"not a MATLAB file at all" * 20, "readable .mat file"),
        ("a.mat", b"", "readable .mat file"),
        ("a.npy", GOOD[[0, 1, 0]], "Expected centers in different places. .* centers 0 and 2 are 0 apart"),
        ("a.npy", np.array([[1, 0, 0, 0], [1, 1e-7, 0, 0], [0, 1, 0, 0]]), "centers 0 and 1 are 1e-07 apart"),
        ("a.npy", GOOD * 0, "in different places"),
        ("a.mat", {"mean_logits": GOOD * 1e-30}, "in different places"),
        ("a.npy", GOOD * 2e6, r"norm 1e\+06 at most .* center 0 has norm 2e\+06"),
        ("a.npy", GOOD[:2], r"shape \(2, 4\)"),
        ("a.npy", np.where(GOOD > 0, np.inf, 0), "3 that are not"),
        ("a.npy", np.array([["a"]]), "dtype"),
        ("a.npy", np.array([{}], dtype=object), "readable .npy file"),
        ("a.npy", b"\x93NUMPY", "readable .npy file"),
        ("a.npy", b"", "readable .npy file"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, message):
    path = tmp_path / name
    _write(path, content)
    with pytest.raises(UserError, match=message) as caught:
        load_centers(path, 3, 4)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_truncated_files_are_named(tmp_path, kept):
    for name, content in (("a.mat", {"mean_logits": GOOD}), ("a.npy", GOOD)):
        path = tmp_path / name
        _write(path, content)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(kept * len(whole))])
        with pytest.raises(UserError, match=name):
            load_centers(path, 3, 4)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("nowhere.mat", {}, "nowhere.mat"),
        (
            "simplx",
            {},
            "one of simplex, random, hierarchical, spread, or a .mat or .npy file.*centers=simplx",
        ),
        ("hierarchical", {}, "superclasses.*cifar100"),
        ("hierarchical", {"superclasses": [0, 1]}, "superclasses.*each of 10 classes.*2"),
        ("simplex", {"scale": 0.0}, "scale"),
        ("simplex", {"scale": float("nan")}, "scale"),
        ("random", {"seed": -1}, "seed"),
        ("spread", {"scale": 1e7}, r"`centers`. Expected centers of norm 1e\+06 at most"),
    ],
)
def test_impossible_settings(kind, settings, message):
    with pytest.raises(UserError, match=message):
        make_centers(kind, 10, 64, **settings)


def test_random_centers_on_a_line_may_fall_together():
    with pytest.raises(UserError, match=r"in different places. Received: centers=random, where"):
        make_centers("random", 3, 1)


def test_a_tree_whose_levels_share_coordinates_may_put_two_leaves_together():
    """In one dimension 1 − 1/2 and −1/2 + 1 are the same place."""
    tree = [[0, [1]], [[2], 3]]
    with pytest.raises(UserError, match="in different places"):
        hierarchical_centers([[0, 1], [2, 3]], 1, scales=(1.0, 1.0))
    assert len(hierarchical_centers(tree, 1, scales=(1.0, 0.5, 0.1))) == 4


def test_every_kind_has_the_asked_norm():
    for kind in ("simplex", "random", "spread"):
        norms = np.linalg.norm(make_centers(kind, 10, 64, scale=7.0), axis=1)
        np.testing.assert_allclose(norms, 7.0, rtol=1e-14)
