"""Losses as functions: the papers' closed forms, independent NumPy computations, central differences."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import huber, logsumexp, softmax
from scipy.stats import multivariate_normal

from mmc_tf.losses import functions

# C = 2, L = 3, d = 2: the point at which every closed form is written down.
CENTERS = np.array([(2.0, 0.0), (-1.0, np.sqrt(3)), (-1.0, -np.sqrt(3))])
FEATURES = np.array([[0.5, 0.25]])
LABELS = np.array([0])

rng = np.random.default_rng(0)
MANY_CENTERS = rng.normal(size=(5, 4))
MANY_FEATURES = rng.normal(size=(7, 4))
MANY_LABELS = np.array([0, 1, 2, 3, 4, 0, 2])
VARIANCES = rng.uniform(0.3, 2.0, (5, 4))


def value_and_gradient(function, point):
    """f (N,) and the gradient of its sum at a float64 point."""
    point = tf.constant(point, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = function(point)
    return value.numpy(), tape.gradient(value, point).numpy()


def center_logits(features, centers=CENTERS):
    return -tf.reduce_sum(tf.square(features[:, None] - centers), axis=-1)


def gaussian_logits(features, means=MANY_CENTERS, variances=VARIANCES):
    """The L-GM head's logits, written as the formula."""
    distances = tf.reduce_sum(tf.square(features[:, None] - means) / variances, axis=-1)
    return -0.5 * distances - 0.5 * np.log(variances).sum(axis=1)


def check(function, value, gradient, *, point=FEATURES):
    found_value, found_gradient = value_and_gradient(function, point)
    np.testing.assert_allclose(found_value, [value], atol=6e-8)
    np.testing.assert_allclose(found_gradient, [gradient], atol=6e-8)


def test_cross_entropy_at_the_published_logits():
    check(
        lambda h: functions.softmax_cross_entropy(LABELS, h),
        0.5031578,
        (-0.3953816, 0.2224267, 0.0496301, 0.0182579, 0.1050669),
        point=[[2.0, 1.0, -0.5, -1.5, 0.25]],
    )


def test_mmc_of_the_paper():
    check(lambda z: functions.mmc_loss_from_features(LABELS, z, CENTERS), 1.15625, (-1.5, 0.25))


def test_mmc_of_the_scripts_is_twice_the_papers():
    check(lambda z: functions.mmc_loss(LABELS, center_logits(z)), 2.3125, (-3.0, 0.5))


def test_absolute_form_has_slope_one_everywhere():
    r = np.sqrt(2.3125)
    check(lambda z: functions.mmc_absolute_loss(LABELS, center_logits(z)), r, np.array((-1.5, 0.25)) / r)


# δ, value and gradient at r = 1.5206906: inside, r²; outside, 2δr − δ², whose gradient has the length 2δ.
@pytest.mark.parametrize(
    ("delta", "value", "gradient"),
    [
        (2.0, 2.3125, (-3.0, 0.5)),
        (1.0, 2.0413813, (-1.9727879, 0.3287980)),
        (0.5, 1.2706906, (-0.9863939, 0.1643990)),
    ],
)
def test_huber_form_is_square_inside_and_straight_outside(delta, value, gradient):
    check(lambda z: functions.mmc_huber_loss(LABELS, center_logits(z), delta=delta), value, gradient)


@pytest.mark.parametrize("delta", [0.3, 1.0, 7.0])
def test_huber_form_is_twice_scipys(delta):
    distance = np.array([1e-4, 0.2, 0.999, 1.001, 6.9, 7.1, 30.0])
    logits = np.stack([-(distance**2), -np.ones(7)], axis=1)
    found = functions.mmc_huber_loss(np.zeros(7, int), tf.constant(logits), delta=delta)
    np.testing.assert_allclose(found, 2 * huber(delta, distance), rtol=1e-12)


@pytest.mark.parametrize(
    "loss", [functions.mmc_absolute_loss, functools.partial(functions.mmc_huber_loss, delta=1.0)]
)
def test_forms_are_flat_and_finite_at_the_center(loss):
    check(lambda z: loss(LABELS, center_logits(z)), 0.0, (0.0, 0.0), point=CENTERS[:1])


def test_mmlda_of_the_paper():
    check(lambda z: functions.mmlda_loss(LABELS, z, CENTERS), 0.3979402, (-0.9848935, 0.2319072))
    posterior = softmax(FEATURES @ CENTERS.T)
    np.testing.assert_allclose(posterior, [[0.6717022, 0.2310947, 0.0972031]], atol=6e-8)
    _, gradient = value_and_gradient(lambda z: functions.mmlda_loss(LABELS, z, CENTERS), FEATURES)
    np.testing.assert_allclose(gradient, posterior @ CENTERS - CENTERS[:1], atol=1e-12)


@pytest.mark.parametrize("logits", [center_logits, lambda z: 2.0 * z @ CENTERS.T])
def test_mmlda_of_the_scripts_is_a_softmax_of_twice_the_products(logits):
    check(lambda z: functions.softmax_cross_entropy(LABELS, logits(z)), 0.1304205, (-0.7336423, 0.2962223))


def test_center_loss_is_half_the_squared_distance():
    check(lambda z: functions.center_loss(LABELS, z, CENTERS), 1.15625, (-1.5, 0.25))


def test_lgm_as_pang_et_al_summarize_it():
    logits = -((FEATURES[:, None] - CENTERS) ** 2).sum(-1) * [1.0, 0.5, 2.0]
    np.testing.assert_allclose(logits - [0.3, 0, 0], [[-2.6125, -2.2232373, -12.3570508]], atol=6e-8)
    loss = functions.lgm_summary_loss(LABELS, tf.constant(logits), margin=0.3)
    np.testing.assert_allclose(loss, [0.9066245], atol=6e-8)


def emc(features, centers, alpha=0.25):
    return functions.emc_loss(LABELS, features, centers, CENTERS, alpha=alpha)


def test_emc_and_its_gradients():
    moved = np.array([(1.5, 0.1), *CENTERS[1:]])
    check(lambda z: emc(z, moved), 1.03125, (-1.0, 0.15))
    value, gradient = value_and_gradient(lambda centers: emc(FEATURES, centers), moved)
    np.testing.assert_allclose(value, [1.03125], atol=1e-12)
    np.testing.assert_allclose(gradient, [(-1.0, 0.25), (0, 0), (0, 0)], atol=1e-12)


@pytest.mark.parametrize("alpha", [0.25, 1e-6])
def test_emcs_best_center_lies_between_feature_and_prior(alpha):
    best = (alpha * FEATURES[0] + CENTERS[0]) / (1 + alpha)
    if alpha == 0.25:
        np.testing.assert_allclose(best, (1.7, 0.05), atol=1e-12)
    value, gradient = value_and_gradient(
        lambda centers: emc(FEATURES, centers, alpha), np.array([best, *CENTERS[1:]])
    )
    np.testing.assert_allclose(gradient, 0, atol=1e-9)
    # What is left with that center is the MMC loss / (1 + α), whose limit for a hard prior is MMC.
    np.testing.assert_allclose(value, [1.15625 / (1 + alpha)], rtol=1e-9)


def test_class_centers_follow_their_members():
    centers = np.array([(0.2, -0.1), (7.0, 8.0)])
    members = np.array([(0.5, 0.25), (0.9, 0.05)])
    moved = functions.updated_class_centers(np.array([0, 0]), members, tf.constant(centers), alpha=0.5)
    np.testing.assert_allclose(moved, [(0.3666667, -0.0166667), (7.0, 8.0)], atol=6e-8)


def test_class_centers_of_a_batch_are_a_loop_over_its_classes():
    expected = MANY_CENTERS.copy()
    for j in range(5):
        members = MANY_FEATURES[j == MANY_LABELS]
        expected[j] -= 0.3 * (MANY_CENTERS[j] - members).sum(axis=0) / (1 + len(members))
    moved = functions.updated_class_centers(
        MANY_LABELS, tf.constant(MANY_FEATURES), tf.constant(MANY_CENTERS), alpha=0.3
    )
    np.testing.assert_allclose(moved, expected, atol=1e-12)


def test_cross_entropy_is_a_gaussian_softmax_with_biases():
    weights, bias = MANY_CENTERS, np.linspace(-1, 1, 5)
    dense = MANY_FEATURES @ weights.T + bias
    means, shift = weights / 2, bias + (weights**2).sum(axis=1) / 4
    gaussian = -((MANY_FEATURES[:, None] - means) ** 2).sum(-1) + shift
    losses = [functions.softmax_cross_entropy(MANY_LABELS, tf.constant(h)) for h in (dense, gaussian)]
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-12)


@pytest.mark.parametrize("margin", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_lgm_of_wan_et_al_from_gaussian_log_densities(margin, weight):
    densities = np.stack(
        [
            multivariate_normal(mean, np.diag(v)).logpdf(MANY_FEATURES)
            for mean, v in zip(MANY_CENTERS, VARIANCES, strict=True)
        ],
        axis=1,
    )
    rows = np.arange(7)
    distances = ((MANY_FEATURES - MANY_CENTERS[MANY_LABELS]) ** 2 / VARIANCES[MANY_LABELS]).sum(axis=1)
    with_margin = densities.copy()
    with_margin[rows, MANY_LABELS] -= margin * 0.5 * distances
    classification = logsumexp(with_margin, axis=1) - with_margin[rows, MANY_LABELS]
    # The paper leaves the densities' (2π)^(-d/2) out of the likelihood term.
    likelihood = -densities[rows, MANY_LABELS] - 2.0 * np.log(2 * np.pi)

    loss = functions.lgm_loss(
        MANY_LABELS,
        gaussian_logits(tf.constant(MANY_FEATURES)),
        tf.constant(0.5 * np.log(VARIANCES).sum(axis=1)),
        margin=margin,
        weight=weight,
    )
    np.testing.assert_allclose(loss, classification + weight * likelihood, atol=1e-10)


def of_features(loss, logits):
    return lambda z: loss(MANY_LABELS, logits(z))


GRADIENTS = {
    "sce": of_features(functions.softmax_cross_entropy, lambda z: z @ MANY_CENTERS.T),
    "mmc": of_features(functions.mmc_loss, lambda z: center_logits(z, MANY_CENTERS)),
    "mmc absolute": of_features(functions.mmc_absolute_loss, lambda z: center_logits(z, MANY_CENTERS)),
    "mmc huber": lambda z: functions.mmc_huber_loss(MANY_LABELS, center_logits(z, MANY_CENTERS), delta=2.0),
    "mmc from features": lambda z: functions.mmc_loss_from_features(MANY_LABELS, z, MANY_CENTERS),
    "mmlda": lambda z: functions.mmlda_loss(MANY_LABELS, z, MANY_CENTERS),
    "center": lambda z: functions.center_loss(MANY_LABELS, z, MANY_CENTERS),
    "lgm": lambda z: functions.lgm_loss(
        MANY_LABELS,
        gaussian_logits(z),
        tf.constant(0.5 * np.log(VARIANCES).sum(axis=1)),
        margin=0.3,
        weight=0.1,
    ),
    "lgm summary": lambda z: functions.lgm_summary_loss(MANY_LABELS, gaussian_logits(z), margin=0.3),
    "emc": lambda z: functions.emc_loss(MANY_LABELS, z, 0.9 * MANY_CENTERS, MANY_CENTERS, alpha=0.2),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_central_differences(name):
    _, gradient = value_and_gradient(GRADIENTS[name], MANY_FEATURES)
    step = 1e-5
    for direction in np.random.default_rng(1).normal(size=(3, *MANY_FEATURES.shape)):
        ahead, behind = (
            np.sum(GRADIENTS[name](tf.constant(MANY_FEATURES + sign * step * direction))) for sign in (1, -1)
        )
        np.testing.assert_allclose((ahead - behind) / (2 * step), np.sum(gradient * direction), rtol=1e-7)


@pytest.mark.parametrize(
    ("gap", "value", "own", "other"),
    [(5, 5.9e-2, -5.7e-2, 6.4e-3), (40, 0, 0, 4.2e-18), (80, 0, 0, 1.8e-35), (104, 0, 0, 0)],
)
def test_cross_entropy_saturates_in_float32(gap, value, own, other):
    logits = tf.constant([[gap] + [0.0] * 9], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = functions.softmax_cross_entropy(LABELS, logits)
    gradient = tape.gradient(loss, logits)[0]
    found = [float(loss[0]), float(gradient[0]), float(gradient[1])]
    np.testing.assert_allclose(found, [value, own, other], rtol=2e-2, atol=1e-37)


@pytest.mark.parametrize("offset", [1e5, -1e5])
def test_cross_entropy_ignores_a_large_constant(offset):
    """Integer logits, so that float32 holds them exactly at 1e5."""
    logits = np.random.default_rng(2).integers(-20, 20, (7, 5)).astype(np.float32)
    expected = functions.softmax_cross_entropy(MANY_LABELS, tf.constant(logits))
    shifted = tf.constant(logits + np.float32(offset))
    with tf.GradientTape() as tape:
        tape.watch(shifted)
        loss = functions.softmax_cross_entropy(MANY_LABELS, shifted)
    gradient = tape.gradient(loss, shifted)
    np.testing.assert_array_equal(loss, expected)
    one_hot = np.eye(5)[MANY_LABELS]
    np.testing.assert_allclose(gradient, softmax(logits, axis=1) - one_hot, atol=1e-6)


def test_losses_of_huge_logits_are_what_float64_says():
    generator = np.random.default_rng(3)
    logits = generator.uniform(-2e5, -1e5, (7, 5))
    narrow = tf.constant(logits, tf.float32)
    exact = logsumexp(narrow.numpy().astype(np.float64), axis=1) - narrow.numpy()[np.arange(7), MANY_LABELS]
    np.testing.assert_allclose(functions.softmax_cross_entropy(MANY_LABELS, narrow), exact, rtol=1e-6)
    np.testing.assert_array_equal(
        functions.mmc_loss(MANY_LABELS, narrow), -narrow.numpy()[np.arange(7), MANY_LABELS]
    )
    determinants = tf.zeros(5)
    loss = functions.lgm_loss(MANY_LABELS, narrow, determinants, margin=0.3, weight=0.1)
    own = narrow.numpy()[np.arange(7), MANY_LABELS].astype(np.float64)
    with_margin = narrow.numpy().astype(np.float64)
    with_margin[np.arange(7), MANY_LABELS] += 0.3 * own
    np.testing.assert_allclose(loss, logsumexp(with_margin, axis=1) - 1.3 * own - 0.1 * own, rtol=1e-6)
