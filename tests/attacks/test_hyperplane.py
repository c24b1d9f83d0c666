"""Steps onto a hyperplane within the box, against the specification's values and float64."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks.hyperplane import step_to_hyperplane
from mmc_tf.attacks.norms import lengths, random_directions
from mmc_tf.attacks.projections import ORDERS, measure
from mmc_tf.checks import UserError

NORMS = ("linf", "l2", "l1")
SHARES = (1e-4, 0.01, 0.3, 0.9, 0.9999, -0.02, -0.5, -0.99)  # c, of what the corner reaches


def step(points, normals, change, norm):
    points, normals, change = (np.asarray(value, np.float32) for value in (points, normals, change))
    return step_to_hyperplane(
        tf.constant(points), tf.constant(normals), tf.constant(change), norm=norm
    ).numpy()


def exact_step(v, w, c, norm):
    """The same in float64, by bisection on λ (linf, l2) or coordinate by coordinate (l1)."""
    v, w, c = np.float64(v), np.float64(w), np.float64(c)
    direction = np.sign(w) * np.sign(c)
    room = np.where(direction > 0, 1 - v, np.where(direction < 0, v, 0))
    size, needed = np.abs(w), np.abs(c)
    if size @ room <= needed:
        return direction * room
    if norm == "l1":
        moved = np.zeros_like(v)
        for i in np.argsort(-size, kind="stable"):
            moved[i] = min(room[i], (needed - size @ moved) / size[i])
            if moved[i] < room[i]:
                break
        return direction * moved
    speed = size if norm == "l2" else np.sign(size)
    low, high = 0.0, 2 * np.max(room[speed > 0] / speed[speed > 0])
    for _ in range(200):
        level = (low + high) / 2
        low, high = (low, level) if size @ np.minimum(level * speed, room) >= needed else (level, high)
    return direction * np.minimum(high * speed, room)


def draw(kind, size, dim, seed=0):
    """Points with pixels on the walls, and normals that make the box matter or not."""
    generator = np.random.default_rng(seed)
    points = generator.uniform(0, 1, (size, dim)).astype(np.float32)
    points[:, ::7], points[:, 1::7] = 0, 1
    normals = generator.normal(0, 1, (size, dim))
    if kind == "heavy tails":
        normals *= 10.0 ** generator.uniform(-8, 0, (size, dim))
    if kind == "ties":
        normals = np.round(normals)
    normals = normals.astype(np.float32)
    room = np.where(normals > 0, 1 - points, points)
    reachable = (np.abs(normals) * room).sum(axis=1)
    backward = (np.abs(normals) * np.where(normals > 0, points, 1 - points)).sum(axis=1)
    share = np.resize(SHARES, size)
    change = np.where(share > 0, share * reachable, share * backward).astype(np.float32)
    return points, normals, change


@pytest.mark.parametrize(
    ("norm", "expected"),
    [("l2", (0.1, 0.15, -0.15)), ("linf", (0.1, 0.15, -0.15)), ("l1", (0.1, 0.3, 0.0))],
)
def test_values_of_the_specification(norm, expected):
    found = step([[0.9, 0.5, 0.2]], [[2, 1, -1]], [0.5], norm)
    np.testing.assert_allclose(found, [expected], atol=1e-6)


@pytest.mark.parametrize("dim", [5, 40, 3072])
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "ties"])
@pytest.mark.parametrize("norm", NORMS)
def test_against_float64(norm, kind, dim):
    points, normals, change = draw(kind, 32, dim)
    found = step(points, normals, change, norm)
    exact = np.array([exact_step(*row, norm) for row in zip(points, normals, change, strict=True)])
    scale = np.abs(normals).sum(axis=1)
    gained = (normals.astype(np.float64) * found).sum(axis=1)
    np.testing.assert_allclose(gained / scale, change / scale, atol=2e-7)
    # Close to the corner only small w_i are left to reach the plane with, and magnify the rounding of c.
    far = (np.resize(SHARES, 32) > -0.9) & (np.resize(SHARES, 32) < 0.95)
    lengths_found, lengths_exact = (measure(d, norm=norm) for d in (found, exact))
    np.testing.assert_allclose(lengths_found[far], lengths_exact[far], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(lengths_found, lengths_exact, rtol=2e-3)
    if norm != "l1":
        np.testing.assert_allclose(found[far], exact[far], atol=1e-6)
    elif kind == "normal":  # with other normals only the length is unique
        near = np.abs(np.resize(SHARES, 32)) < 0.05
        np.testing.assert_allclose(found[near], exact[near], atol=1e-6)
    assert (points + found).min() >= -1e-7
    assert (points + found).max() <= 1 + 1e-7


@pytest.mark.parametrize("norm", NORMS)
def test_unreachable_planes_give_the_corner(norm):
    points, normals, _ = draw("normal", 8, 30)
    normals[:, 3] = 0
    for sign in (1, -1):
        direction = sign * np.sign(normals)
        corner = np.where(direction > 0, 1, np.where(direction < 0, 0, points)) - points
        np.testing.assert_allclose(step(points, normals, np.full(8, sign * 1e4), norm), corner, atol=1e-7)


@pytest.mark.parametrize("norm", NORMS)
def test_no_normal_or_nothing_to_change_gives_no_step(norm):
    points, normals, change = draw("normal", 8, 30)
    assert not step(points, np.zeros_like(normals), change, norm).any()
    assert not step(points, normals, np.zeros(8), norm).any()
    normals[:, ::2] = 0
    assert not step(points, normals, change, norm)[:, ::2].any()


@pytest.mark.parametrize("factor", [2.0**-80, 3000.0, 2.0**80])
@pytest.mark.parametrize("norm", NORMS)
def test_the_size_of_the_logits_does_not_matter(norm, factor):
    points, normals, change = draw("normal", 16, 40)
    far = np.abs(np.resize(SHARES, 16)) < 0.95
    plain = step(points, normals, change, norm)[far]
    scaled = step(points, factor * normals, factor * change, norm)[far]
    np.testing.assert_allclose(scaled, plain, atol=0 if factor != 3000 else 1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_examples_do_not_depend_on_each_other(norm):
    points, normals, change = draw("heavy tails", 16, 40)
    together = step(points, normals, change, norm)
    for i in range(16):
        alone = step(points[i : i + 1], normals[i : i + 1], change[i : i + 1], norm)
        np.testing.assert_allclose(alone[0], together[i], atol=1e-7)


@pytest.mark.parametrize("norm", NORMS)
def test_no_tensor_is_larger_than_the_images(norm):
    """No quadratic memory: neither all pairs of pixels nor all pixels at all levels."""
    images = tf.TensorSpec([2, 64, 64, 3])
    function = tf.function(step_to_hyperplane).get_concrete_function(
        images, images, tf.TensorSpec([2]), norm=norm
    )
    nodes = function.graph.as_graph_def(add_shapes=True)
    everything = [*nodes.node, *(node for body in nodes.library.function for node in body.node_def)]
    shapes = [shape for node in everything for shape in node.attr["_output_shapes"].list.shape]
    known = [[side.size for side in shape.dim] for shape in shapes if not shape.unknown_rank]
    sizes = [int(np.prod(sides)) for sides in known if -1 not in sides]
    assert max(sizes) == 2 * 64 * 64 * 3


def test_the_norm_is_checked():
    with pytest.raises(UserError, match=r"`norm`. Expected one of l1, l2, linf. Received: norm=l3"):
        step([[0.5]], [[1.0]], [0.1], "l3")


@pytest.mark.parametrize("norm", NORMS)
def test_lengths_against_numpy(norm):
    values = np.random.default_rng(0).normal(size=(5, 3, 4, 2)).astype(np.float32)
    expected = np.linalg.norm(values.reshape(5, -1), ORDERS[norm], axis=1)
    np.testing.assert_allclose(lengths(tf.constant(values), norm=norm), expected, rtol=1e-6)
    expected = np.linalg.norm(values.reshape(5, 3, -1), ORDERS[norm], axis=2)
    np.testing.assert_allclose(lengths(tf.constant(values), norm=norm, first_axis=2), expected, rtol=1e-6)
    tiny = lengths(tf.constant(1e-30 * values), norm=norm).numpy()
    np.testing.assert_allclose(tiny * 1e30, lengths(tf.constant(values), norm=norm), rtol=1e-5)
    assert not lengths(tf.zeros((2, 3)), norm=norm).numpy().any()


@pytest.mark.parametrize("norm", NORMS)
def test_random_directions_have_length_one_and_depend_on_the_index_alone(norm):
    images = tf.zeros((6, 5, 5, 3))
    one = random_directions(images, tf.range(6), norm=norm, seed=1, stream=2).numpy()
    np.testing.assert_allclose(measure(one, norm=norm), 1, rtol=1e-5)
    other = random_directions(images[:2], tf.constant([4, 1]), norm=norm, seed=1, stream=2).numpy()
    np.testing.assert_array_equal(other, one[[4, 1]])
    assert np.abs(random_directions(images, tf.range(6), norm=norm, seed=1, stream=3) - one).max() > 0.01
