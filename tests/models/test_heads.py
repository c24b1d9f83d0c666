"""Each head's logits against its formula in float64, its weights, and what it refuses."""

import numpy as np
import pytest
import tensorflow as tf
from head_zoo import (
    CENTER_HEADS,
    CENTERS,
    CLASSES,
    FEATURES,
    NAMES,
    VALUES,
    away_from_its_initial_values,
    make_head,
    make_model,
)
from scipy.stats import multivariate_normal

from mmc_tf.checks import UserError
from mmc_tf.models.heads import HEADS


def exact_logits(head, features):
    """h (N, L) by the docstring's formula, in float64 and without broadcasting."""
    features = features.astype(np.float64)
    weights = {weight.name: weight.numpy().astype(np.float64) for weight in head.weights}
    if not head.has_centers and "kernel" in weights:
        return features @ weights["kernel"] + weights["bias"]
    if "means" in weights:
        covariances = [np.diag(v) for v in np.exp(weights["log_variances"])]
        densities = map(multivariate_normal, weights["means"], covariances)
        constant = 0.5 * features.shape[1] * np.log(2 * np.pi)
        return np.stack([density.logpdf(features) + constant for density in densities], axis=1)
    return -np.stack(
        [np.linalg.norm(features - center, axis=1) ** 2 for center in weights["centers"]], axis=1
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_logits_are_the_formula(name, dtype):
    head = make_head(name, dtype=dtype)
    head.build((None, FEATURES))
    away_from_its_initial_values(head)
    features = VALUES.astype(dtype)
    logits = head(features)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(logits, exact_logits(head, features), rtol=tolerance, atol=tolerance)
    assert logits.dtype == dtype
    assert head.compute_output_shape((6, FEATURES)) == tuple(logits.shape) == (6, CLASSES)


@pytest.mark.parametrize("name", NAMES)
def test_shifted_logits_have_the_same_differences(name):
    head = make_head(name, dtype="float64")
    head.build((None, FEATURES))
    away_from_its_initial_values(head)
    features = tf.constant(VALUES, tf.float64)
    logits, shifted = head.logits(features).numpy(), head.shifted_logits(features).numpy()
    np.testing.assert_allclose(shifted - shifted[:, :1], logits - logits[:, :1], atol=1e-12)
    if head.has_centers:
        squares = np.square(features).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shifted, logits + squares, atol=1e-12)
        np.testing.assert_array_equal(head.squared_distances(features), -logits)
    else:
        np.testing.assert_array_equal(shifted, logits)


@pytest.mark.parametrize(("scale", "tolerance", "gain"), [(10.0, 1e-3, 10), (100.0, 1e-2, 2)])
def test_shifted_logits_keep_their_differences_where_raw_ones_are_coarse(scale, tolerance, gain):
    """L = 100 and |z| = 316, so that h is near -1e5, where float32's steps are 1/128."""
    head = HEADS.get("mmc")(100, scale=scale)
    features = np.random.default_rng(2).normal(size=(32, 128))
    features *= 316 / np.linalg.norm(features, axis=1, keepdims=True)
    features = features.astype(np.float32)
    raw = head(features).numpy()
    assert np.median(raw) == pytest.approx(-1e5 - scale**2, rel=0.05)

    exact = exact_logits(head, features)
    exact -= exact[:, :1]
    shifted = head.shifted_logits(features).numpy()
    error, raw_error = (np.abs(h.astype(np.float64) - h[:, :1] - exact).max() for h in (shifted, raw))
    assert error < tolerance
    assert raw_error > gain * error


def test_center_heads_have_centers_and_the_papers_objective():
    traits = {name: (HEADS.get(name).has_centers, HEADS.get(name).adaptive_objective) for name in NAMES}
    assert traits == {
        "dense": (False, "ce"),
        "center": (False, "ce"),
        "mmc": (True, "mmc"),
        "hmmc": (True, "mmc"),
        "emc": (True, "mmc"),
        "mmlda": (True, "ce"),
        "lgm": (False, "ce"),
    }


@pytest.mark.parametrize(
    ("name", "trained", "kept"),
    [
        ("dense", {"kernel", "bias"}, set()),
        ("center", {"kernel", "bias"}, {"class_centers"}),
        ("mmc", set(), {"centers"}),
        ("hmmc", set(), {"centers"}),
        ("mmlda", set(), {"centers"}),
        ("emc", {"centers"}, {"prior_centers"}),
        ("lgm", {"means", "log_variances"}, set()),
    ],
)
def test_what_is_trained(name, trained, kept):
    head = make_model(name).layers[-1]
    assert {weight.name for weight in head.trainable_weights} == trained
    assert {weight.name for weight in head.non_trainable_weights} == kept


@pytest.mark.parametrize("name", NAMES)
def test_bad_sizes_are_refused(name):
    for num_classes in (1, 2.5, "ten"):
        with pytest.raises(UserError, match=r"`num_classes`.*an integer >= 2"):
            HEADS.get(name)(num_classes)
    with pytest.raises(ValueError, match="expected ndim=2, found ndim=4"):
        make_head(name)(np.zeros((2, 3, 3, FEATURES), np.float32))


@pytest.mark.parametrize("name", CENTER_HEADS)
def test_bad_centers_are_refused(name):
    features = np.zeros((2, FEATURES), np.float32)
    with pytest.raises(UserError, match=r"`centers`.*\(3, 4\): classes, features.*\(4, 3\)"):
        make_head(name, centers=CENTERS.T)(features)
    with pytest.raises(UserError, match=r"one of simplex, random, hierarchical, spread.*centers=nearest"):
        make_head(name, centers="nearest")(features)
    with pytest.raises(UserError, match=r"`scale`.*> 0.*-1"):
        make_head(name, centers="simplex", scale=-1.0)(features)
    with pytest.raises(UserError, match=r"`centers`.*d\+1 = 5 .*L = 6"):
        HEADS.get(name)(6)(features)
    with pytest.raises(UserError, match=r"`centers`.*\.npy file.*nowhere\.npy"):
        make_head(name, centers="nowhere.npy")(features)
