"""Square Attack: its schedule, windows and moves against second computations, and exact answers (Section 15)."""

from __future__ import annotations

import doctest
import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from small_models import small_images

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exactly_robust, make_bed
from mmc_tf.attacks import square, square_moves, square_windows
from mmc_tf.attacks.projections import measure, project_l1_and_box
from mmc_tf.attacks.square_windows import corner, pattern, patterns, stage, window, window_sides
from mmc_tf.checks import UserError

RADII = {"linf": 0.006, "l2": 0.07, "l1": 0.3}
BED = make_bed(shape=(6, 6, 2), size=24, num_classes=4)


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


@pytest.mark.parametrize("module", [square, square_windows])
def test_docstring_examples(module):
    outcome = doctest.testmod(module)
    assert (outcome.attempted > 0, outcome.failed) == (True, 0)


def test_the_schedule():
    published = {0: 0, 10: 0, 11: 1, 50: 1, 51: 2, 200: 2, 201: 3, 500: 3, 501: 4, 1000: 4, 1001: 5}
    published |= {2000: 5, 2001: 6, 4000: 6, 4001: 7, 6000: 7, 6001: 8, 8000: 8, 8001: 9, 10**6: 9}
    for iteration, halved in published.items():
        assert stage(iteration, 5000, rescale=False).numpy() == halved
        assert stage(iteration, 10_000, rescale=True).numpy() == halved
    # Half of the published budget passes through the stages twice as fast.
    assert [stage(i, 5000, rescale=True).numpy() for i in (5, 6, 100, 101, 4001)] == [0, 1, 2, 3, 9]


@pytest.mark.parametrize(
    ("shape", "odd", "p_init", "sides"),
    [
        ((32, 32), False, 0.8, [29, 20, 14, 10, 7, 5, 4, 3, 2, 1]),
        ((32, 32), True, 0.8, [29, 21, 15, 11, 7, 5, 5, 3, 3, 3]),
        ((8, 8), True, 1.0, [7, 7, 5, 3, 3, 3, 3, 3, 3, 3]),
        ((28, 14), False, 1.0, [14, 14, 10, 7, 5, 4, 2, 2, 1, 1]),
        ((2, 9), True, 0.5, [1] * 10),
        ((1, 1), False, 0.1, [1] * 10),
    ],
)
def test_the_sides_of_windows(shape, odd, p_init, sides):
    assert window_sides(p_init, shape, odd=odd) == sides


def plain_pattern(side, exponent, order):
    """Square by square, as a pyramid of growing squares cut off at the edges."""

    def rectangle(rows, columns):
        values = np.zeros((rows, columns))
        top, left = rows // 2, columns // 2
        for k in range(max(rows, columns) // 2 + 1):
            values[max(top - k, 0) : top + k + 1, max(left - k, 0) : left + k + 1] += 1 / (k + 1) ** exponent
        return values / np.linalg.norm(values.ravel(), ord=order) if rows else values

    half = side // 2
    both = np.concatenate([rectangle(half, side), -rectangle(side - half, side)])
    return both / np.linalg.norm(both.ravel(), ord=order)


@pytest.mark.parametrize(("norm", "exponent", "order"), [("l2", 2, 2), ("l1", 4, 1)])
@pytest.mark.parametrize("side", [1, 2, 3, 5, 6, 9, 29])
def test_the_pattern(side, norm, exponent, order):
    np.testing.assert_allclose(pattern(side, norm=norm), plain_pattern(side, exponent, order), atol=1e-12)
    np.testing.assert_allclose(patterns([9, side], norm=norm)[1, :side, :side], pattern(side, norm=norm))


def test_windows_reach_every_place_alike():
    rows = corner(tf.constant(uniform(6000)), 8, tf.constant(3.0)).numpy()
    assert set(rows) == set(range(6))
    assert stats.chisquare(np.bincount(rows.astype(int))).pvalue > 1e-3
    mask = window(tf.constant([5.0, 0.0]), tf.constant([2.0, 4.0]), tf.constant(3.0), (8, 7)).numpy()
    expected = np.zeros((2, 8, 7, 1), bool)
    expected[0, 5:8, 2:5] = expected[1, 0:3, 4:7] = True
    np.testing.assert_array_equal(mask, expected)


def test_the_linf_start_is_vertical_stripes():
    images = small_images(40, shape=(5, 6, 2))
    draws = uniform(40, *square_moves.start_draws((5, 6, 2), norm="linf"))
    start = square_moves.start(tf.constant(images), tf.constant(draws), norm="linf", epsilon=tf.constant(0.1))
    signs = np.where(draws < 0.5, -1, 1)
    np.testing.assert_allclose(start, np.clip(images + 0.1 * signs, 0, 1), atol=1e-6)
    assert abs(signs.mean()) < 4 / np.sqrt(signs.size)


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (8, 6, 2), (3, 4, 1), (10, 7, 2)])
@pytest.mark.parametrize("norm", ["l2", "l1"])
def test_the_other_starts_are_grids_of_patterns(norm, shape):
    images = np.full((4, *shape), 0.5, np.float32)
    draws = uniform(4, *square_moves.start_draws(shape, norm=norm))
    start = square_moves.start(tf.constant(images), tf.constant(draws), norm=norm, epsilon=tf.constant(0.4))
    side = max(min(shape[0] // 5, shape[1]), 1)
    down, across = shape[0] // side, shape[1] // side
    top, left = (shape[0] - down * side) // 2, (shape[1] - across * side) // 2
    expected = np.zeros((4, *shape))
    for n, i, j, c in np.ndindex(4, down, across, shape[2]):
        eta = pattern(side, norm=norm)
        eta = eta.T if draws[n, i, j, 0] < 0.5 else eta
        sign = -1 if draws[n, i, j, 1 + c] < 0.5 else 1
        row, column = top + i * side, left + j * side
        expected[n, row : row + side, column : column + side, c] = sign * eta
    expected *= 0.4 / measure(expected, norm=norm)[:, None, None, None]
    np.testing.assert_allclose(start - images, expected, atol=1e-6)
    # l1 is rounded towards the image: by up to 6e-8 a pixel.
    np.testing.assert_allclose(measure(start - images, norm=norm), 0.4, rtol=1e-5 if norm == "l2" else 2e-4)


def test_the_linf_move():
    images, epsilon, side = small_images(50, shape=(7, 6, 2)), 0.2, 3
    best = np.clip(images + epsilon * np.sign(uniform(50, 7, 6, 2, seed=1) - 0.5), 0, 1).astype(np.float32)
    draws = uniform(50, square_moves.move_draws((7, 6, 2), norm="linf"), seed=2)
    moved = move(images, best, draws, side, "linf", epsilon)
    for n in range(50):
        row, column = int(draws[n, 0] * (7 - side + 1)), int(draws[n, 1] * (6 - side + 1))
        change = np.zeros((7, 6, 2))
        change[row : row + side, column : column + side] = 2 * epsilon * np.where(draws[n, 2:] < 0.5, -1, 1)
        expected = np.clip(np.clip(best[n] + change, images[n] - epsilon, images[n] + epsilon), 0, 1)
        np.testing.assert_allclose(moved[n], expected, atol=1e-6)


def move(images, best, draws, side, norm, epsilon):
    eta = None if norm == "linf" else tf.constant(patterns([side], norm=norm)[0])
    return square_moves.move(
        tf.constant(images),
        tf.constant(best),
        tf.constant(draws),
        side=tf.constant(float(side)),
        eta=eta,
        norm=norm,
        epsilon=tf.constant(epsilon),
    ).numpy()


def plain_move(image, best, draws, side, norm, epsilon):
    """One example, channel by channel, in float64."""
    order = {"l2": 2, "l1": 1}[norm]
    height, width, channels = image.shape

    def length(values):
        return np.linalg.norm(np.ravel(values), ord=order)

    delta = best.astype(np.float64) - image
    rows = [int(u * (height - side + 1)) for u in draws[[0, 2]]]
    columns = [int(u * (width - side + 1)) for u in draws[[1, 3]]]
    target, source = (
        (slice(row, row + side), slice(column, column + side))
        for row, column in zip(rows, columns, strict=True)
    )
    eta = pattern(side, norm=norm)
    eta = eta.T if draws[4] < 0.5 else eta
    whole, changed = length(delta), delta.copy()
    for c in range(channels):
        union = np.zeros((height, width), bool)
        union[target] = union[source] = True
        mass = length(delta[..., c][union])
        new = eta * (-1 if draws[5 + c] < 0.5 else 1)
        new = new + delta[(*target, c)] / max(length(delta[(*target, c)]), 1e-12)
        new /= length(new)
        if norm == "l2":
            new *= np.sqrt(max(epsilon**2 - whole**2, 0) / channels + mass**2)
        else:
            new *= (max(epsilon - whole, 0) / channels + mass) * channels
        changed[(*source, c)] = 0
        changed[(*target, c)] = new
    if norm == "l2":
        return np.clip(image + epsilon * changed / length(changed), 0, 1)
    changed = project_l1_and_box(changed[None], image[None].astype(np.float64), epsilon=epsilon * (1 - 1e-6))
    return image + changed[0].numpy()


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("norm", ["l2", "l1"])
def test_the_moves_of_mass(norm, side):
    shape, size = (8, 7, 3), 30
    epsilon = {"l2": 0.8, "l1": 4.0}[norm]
    images = small_images(size, shape=shape)
    draws = uniform(size, *square_moves.start_draws(shape, norm=norm))
    best = square_moves.start(
        tf.constant(images), tf.constant(draws), norm=norm, epsilon=tf.constant(epsilon)
    )
    best = best.numpy()
    # Some with much of the radius left, some without a change so far.
    best[:10] = images[:10] + 0.3 * (best[:10] - images[:10])
    best[0] = images[0]
    draws = uniform(size, square_moves.move_draws(shape, norm=norm), seed=3)
    moved = move(images, best, draws, side, norm, epsilon)
    for n in range(size):
        expected = plain_move(images[n], best[n], draws[n], side, norm, epsilon)
        np.testing.assert_allclose(moved[n], expected, atol=3e-6)
    assert measure(moved - images, norm=norm).max() <= epsilon * (1 + 1e-6) + 1e-6
    assert (moved.min(), moved.max()) >= (0, 0)
    assert moved.max() <= 1


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_exact_in_linf(seed):
    """On 8 x 8 images at 5,000 queries, with the last row and column in reach."""
    bed = make_bed(seed=seed, size=128 if seed else 40)
    exact = exactly_robust(bed, norm="linf", epsilon=RADII["linf"])
    assert 0.3 < exact.mean() < 0.95
    result = attacks.make("square", epsilon=RADII["linf"])(bed, bed.images, bed.labels)
    np.testing.assert_array_equal(~result.success, exact)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_never_below_exact_and_never_weaker_with_more_queries(norm):
    epsilon = 4 * RADII[norm]
    exact = exactly_robust(BED, norm=norm, epsilon=epsilon)
    results = [
        attacks.make("square", epsilon=epsilon, norm=norm, num_queries=queries)(BED, BED.images, BED.labels)
        for queries in (1, 30, 150, 450)
    ]
    for less, more in itertools.pairwise(results):
        assert (more.success >= less.success).all()
        # A longer run begins with the shorter one.
        np.testing.assert_array_equal(more.adversarial[less.success], less.adversarial[less.success])
        np.testing.assert_array_equal(more.queries[less.success], less.queries[less.success])
    assert results[-1].success.sum() > results[0].success.sum()
    assert not (results[-1].success & exact).any()
    for queries, result in zip((1, 30, 150, 450), results, strict=True):
        assert (result.queries[~result.success] == 1 + queries).all()
        assert (result.queries[result.success] <= 1 + queries).all()
        np.testing.assert_array_equal(result.adversarial[~result.success], BED.images[~result.success])
        assert result.forward_passes == result.queries.sum() + 24
        assert result.backward_passes == 0


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_logits_of_mmc_size_change_nothing(norm):
    factor = tf.Variable(1.0)
    bed = make_bed(factor=factor, size=64)
    attack = attacks.make("square", epsilon=2 * RADII[norm], norm=norm, num_queries=300)
    plain = attack(bed, bed.images, bed.labels)
    factor.assign(3000.0)
    steep = attack(bed, bed.images, bed.labels)
    assert abs(steep.success.mean() - plain.success.mean()) <= 0.008
    assert plain.success.mean() > 0.05


def test_restarts_go_on_with_the_unbroken():
    settings = {"epsilon": 0.08, "num_queries": 40}
    one, three = (
        attacks.make("square", num_restarts=runs, **settings)(BED, BED.images, BED.labels) for runs in (1, 3)
    )
    np.testing.assert_array_equal(three.adversarial[one.success], one.adversarial[one.success])
    np.testing.assert_array_equal(three.queries[one.success], one.queries[one.success])
    assert three.success.sum() > one.success.sum()
    assert (three.queries[~three.success] == 1 + 3 * 40).all()
    later = three.success & ~one.success
    assert (three.queries[later] > 1 + 40).all()


def test_a_tie_does_not_end_the_search():
    """Class 0 wins ties; the margin falls to 0, and below once the mean leaves the flat part."""

    def model(x):
        mean = tf.reduce_mean(x, axis=[1, 2, 3])
        return tf.stack([tf.zeros_like(mean), tf.minimum(mean - 0.51, 0) + tf.nn.relu(mean - 0.55)], axis=1)

    image, label = np.full((1, 6, 6, 1), 0.5, np.float32), np.array([0])
    flat = attacks.make("square", epsilon=0.04, num_queries=150)(model, image, label)
    assert not flat.success.any()
    assert flat.queries.item() == 151
    wide = attacks.make("square", epsilon=0.1, num_queries=150)(model, image, label)
    assert wide.success.all()


def test_the_schedule_can_be_rescaled():
    settings = {"epsilon": 0.05, "num_queries": 150}
    plain, rescaled = (
        attacks.make("square", rescale_schedule=rescale, **settings)(BED, BED.images, BED.labels)
        for rescale in (False, True)
    )
    assert (plain.adversarial != rescaled.adversarial).any()
    assert plain.success.any()
    assert rescaled.success.any()


def test_models_without_gradient():
    def foreign(x):
        logits = tf.numpy_function(lambda values: BED(values).numpy(), [x], tf.float32)
        logits.set_shape((None, 4))
        return logits

    attack = attacks.make("square", epsilon=0.05, num_queries=100)
    plain = attack(BED, BED.images, BED.labels)
    other = attack(foreign, BED.images, BED.labels)
    np.testing.assert_array_equal(other.adversarial, plain.adversarial)
    assert plain.success.any()


def test_use_in_training():
    attack = attacks.make("square", epsilon=0.05, num_queries=50)

    @tf.function(autograph=False)
    def craft(images, labels):
        return attack.perturb(BED, images, labels, indices=tf.range(24), seed=0)

    adversarial = craft(tf.constant(BED.images), tf.constant(BED.labels))
    np.testing.assert_array_equal(adversarial, attack(BED, BED.images, BED.labels).adversarial)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_queries": 0}, r"`num_queries`.*an integer >= 1"),
        ({"p_init": 0.0}, r"`p_init`.*> 0"),
        ({"p_init": 1.1}, r"`p_init`.*<= 1"),
        ({"num_restarts": 0}, r"`num_restarts`.*>= 1"),
        ({"targeted": True}, r"`targeted`.*untargeted"),
        ({"objective": "ce"}, r"`objective`.*has its own"),
        ({"norm": "l0"}, r"`norm`.*linf, l2, l1"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make("square", epsilon=0.1, **settings)
