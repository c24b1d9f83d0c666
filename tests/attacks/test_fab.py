"""FAB and FAB-T against exact margins and their own formulas in NumPy (specification, Section 14)."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from exact_margins import FACTORS, class_margins, near_grey
from small_models import predictions, small_images, small_model
from test_hyperplane import exact_step

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exact_margins, exactly_robust, make_bed
from mmc_tf.attacks.fab_base import Plane
from mmc_tf.attacks.projections import measure
from mmc_tf.checks import UserError

NAMES = ("fab", "fab_t")
NORMS = ("linf", "l2", "l1")
RADII = {"linf": 0.006, "l2": 0.07, "l1": 0.3}
DUAL_ORDERS = {"linf": 1, "l2": 2, "l1": np.inf}


def attack(name, bed, **settings):
    return attacks.make(name, **settings)(bed, bed.images, bed.labels)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", NAMES)
def test_ratio_to_the_exact_margin(name, norm, factor):
    """1.0052, by design: overshoot 1.05, then steps shrunk by 0.9 that leave it just past the plane."""
    bed = make_bed(seed=2, size=32, low=0.35, high=0.65, factor=factor)
    result = attack(name, bed, norm=norm)
    assert result.found.all()
    ratio = result.distance / class_margins(bed, norm=norm).min(axis=1)
    assert ratio.mean() == pytest.approx(1.0052, abs=5e-4)
    assert np.median(ratio) == pytest.approx(1.0052, abs=1e-4)
    assert ratio.min() >= 1
    assert ratio.max() <= 1.01


@pytest.mark.parametrize("factor", FACTORS)
def test_ratio_in_l1_where_the_box_is_in_the_way(factor):
    bed = make_bed(seed=2, size=24, low=0.35, high=0.65, factor=factor)
    result = attack("fab", bed, norm="l1", num_steps=50)
    ratio = result.distance / exact_margins(bed, norm="l1")
    assert result.found.all()
    assert ratio.min() >= 1
    assert ratio.mean() <= 1.0057
    assert ratio.max() <= 1.01


@pytest.mark.parametrize("norm", NORMS)
def test_exact_robust_accuracy(norm):
    """Table 2.1: FAB-T is exact in all norms, and a factor of 3,000 changes nothing."""
    factor = tf.Variable(1.0)
    bed = make_bed(factor=factor)
    exact = exactly_robust(bed, norm=norm, epsilon=RADII[norm])
    for value in FACTORS:
        factor.assign(value)
        result = attack("fab_t", bed, norm=norm, epsilon=RADII[norm], num_steps=30)
        assert not (result.success & exact).any()
        assert (~result.success).mean() == pytest.approx(exact.mean(), abs=0.008)
        assert not result.zero_gradient.any()


def reference(model, images, labels, *, norm, num_steps, target=None):
    """Section 14 in NumPy, in float64 but for the model: the nearest image found, or the clean one."""

    @tf.function
    def scores_and_gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            logits = model(x)
        return logits, tape.batch_jacobian(logits, x)

    def look(points):
        logits, gradients = scores_and_gradients(tf.constant(points.reshape(images.shape), tf.float32))
        logits, gradients = (value.numpy().astype(np.float64) for value in (logits, gradients))
        return logits, gradients.reshape(*logits.shape, -1)

    order = {"linf": np.inf, "l2": 2, "l1": 1}[norm]
    clean = images.reshape(len(images), -1).astype(np.float64)
    points, best, nearest = clean.copy(), clean.copy(), np.full(len(clean), np.inf)
    clean_logits, _ = look(clean)
    for _ in range(num_steps):
        logits, gradients = look(points)
        moved = points.copy()
        for i, y in enumerate(labels):
            rivals = [j for j in range(logits.shape[1]) if j != y]
            if target is not None:
                rivals = [sorted(rivals, key=lambda j: -clean_logits[i, j])[target]]
            values = logits[i, rivals] - logits[i, y]
            normals = gradients[i, rivals] - gradients[i, y]
            slopes = np.linalg.norm(normals, DUAL_ORDERS[norm], axis=1)
            j = np.argmin(np.abs(values) / (slopes + 1e-12))
            f, w = values[j], normals[j]
            whole = w @ (points[i] - clean[i]) - f
            rest = max(-f, 1e-4 * whole) if f <= 0 else -f  # see `LEAST_SHARE`
            d1, d2 = exact_step(points[i], w, rest, norm), exact_step(clean[i], w, whole, norm)
            one, two = (max(np.linalg.norm(d, order), 1e-8) for d in (d1, d2))
            alpha = min(one / (one + two), 0.1)
            moved[i] = np.clip((1 - alpha) * (points[i] + 1.05 * d1) + alpha * (clean[i] + 1.05 * d2), 0, 1)
        wrong = look(moved)[0].argmax(axis=1) != labels
        distance = np.linalg.norm(moved - clean, order, axis=1)
        better = wrong & (distance < nearest)
        best[better], nearest[better] = moved[better], distance[better]
        points = np.where(wrong[:, None], clean + 0.9 * (moved - clean), moved)
    return best.reshape(images.shape)


@pytest.mark.parametrize("head", ["dense", "mmc"])
@pytest.mark.parametrize("norm", NORMS)
def test_against_numpy_on_a_network(norm, head):
    model, images = small_model(head), small_images(12)
    labels = predictions(model, images)
    for steps in (1, 6):
        expected = reference(model, images, labels, norm=norm, num_steps=steps)
        found = attacks.make("fab", norm=norm, num_steps=steps)(model, images, labels).adversarial
        off = np.abs(found - expected).max(axis=(1, 2, 3)) > 2e-5
        # After a few linf steps, a weight near zero may have either sign in float32.
        assert off.sum() <= (norm == "linf" and steps > 1)
    assert (expected != images).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("norm", NORMS)
def test_targets_are_the_ranks_of_the_clean_logits(norm):
    """The nearest of what NumPy finds on its way to each of the highest wrong classes."""
    model, images = small_model(), small_images(12)
    labels = predictions(model, images)
    runs = [reference(model, images, labels, norm=norm, num_steps=5, target=rank) for rank in (0, 1)]
    distance = np.array([measure(run - images, norm=norm) for run in runs])
    distance[distance == 0] = np.inf
    for targets in (1, 2):
        attack = attacks.make("fab_t", norm=norm, num_steps=5, num_targets=targets)
        result = attack(model, images, labels)
        least = distance[:targets].min(axis=0)
        off = np.abs(result.distance - np.where(np.isinf(least), 0, least)) > 1e-4 * result.distance
        assert off.sum() <= (norm == "linf")
    assert (distance[1] < distance[0]).any()


@pytest.mark.parametrize("name", NAMES)
def test_it_does_not_stop_at_the_first_success(name):
    model, images = small_model(), small_images(24)
    labels = predictions(model, images)
    means = []
    for steps in (2, 10, 60):
        result = attacks.make(name, norm="l2", num_steps=steps, epsilon=10.0)(model, images, labels)
        means.append(result.distance[result.found].mean())
        assert result.found.mean() > 0.9
    assert means[0] > 1.01 * means[1] > 1.01 * means[2]


def test_epsilon_judges_the_first_run_and_nothing_else():
    bed = make_bed(size=48)
    free = attack("fab", bed, norm="linf", num_steps=20)
    judged = attack("fab", bed, norm="linf", num_steps=20, epsilon=0.006)
    np.testing.assert_array_equal(judged.adversarial, free.adversarial)
    np.testing.assert_array_equal(judged.found, free.found)
    np.testing.assert_array_equal(judged.success, free.distance <= 0.006)
    assert 0.1 < judged.success.mean() < 0.6


def test_later_targets_leave_out_what_is_broken_within_epsilon():
    bed = make_bed(size=48)
    steps = 10
    one = attack("fab_t", bed, num_steps=steps, num_targets=1, epsilon=0.01)
    two = attack("fab_t", bed, num_steps=steps, num_targets=2, epsilon=0.01)
    assert 0.2 < one.success.mean() < 0.9
    np.testing.assert_array_equal(two.adversarial[one.success], one.adversarial[one.success])
    np.testing.assert_array_equal(two.queries, np.where(one.success, 1 + 2 * steps, 1 + 4 * steps))
    # Without a radius everybody is in every run, of which there are L - 1 at most.
    every = attack("fab_t", bed, num_steps=steps, num_targets=99)
    np.testing.assert_array_equal(every.queries, 1 + 2 * steps * 9)
    assert (every.distance <= one.distance * (1 + 1e-6)).all()


def test_gradients_of_all_classes_or_of_one():
    bed = make_bed(size=16)
    assert attack("fab", bed, num_steps=5).backward_passes == 16 * (1 + 5 * 10)
    assert attack("fab_t", bed, num_steps=5, num_targets=2).backward_passes == 16 * (1 + 2 * 5)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", NAMES)
def test_restarts_come_nearer_and_do_not_depend_on_the_batch(name, norm):
    model, images = small_model(seed=5), small_images(24)
    labels = predictions(model, images)

    def run(rows, seed=0, **settings):
        attack = attacks.make(name, norm=norm, num_steps=3, **settings)
        return attack(model, images[rows], labels[rows], indices=rows, seed=seed)

    everybody = np.arange(24)
    one, four = run(everybody), run(everybody, num_restarts=4)
    assert (four.distance[one.found] <= one.distance[one.found]).all()
    assert four.found.sum() >= one.found.sum()
    rows = np.array([7, 20, 3])
    some = run(rows, num_restarts=4)
    np.testing.assert_allclose(some.adversarial, four.adversarial[rows], atol=1e-5)
    if name == "fab":  # fab_t's targets leave its restarts little to find
        assert (four.distance < (1 - 1e-5) * one.distance)[one.found].any()
        assert (run(everybody, seed=1, num_restarts=4).adversarial != four.adversarial).any()
    np.testing.assert_array_equal(run(everybody, seed=1).adversarial, one.adversarial)


def test_nobody_stays_on_the_boundary():
    """From just before it, where the rest of the way is less than the pixels can tell, a step still leads past."""
    bed = near_grey(seed=12, size=16, num_classes=2)
    exact = class_margins(bed, norm="linf").min(axis=1)[:, None, None, None]
    normals = (bed.kernel[:, 1] - bed.kernel[:, 0]).reshape(8, 8, 3)
    towards = np.where(bed.labels == 0, 1, -1)[:, None, None, None] * normals
    before = bed.images + (exact * (1 - 1e-6) * np.sign(towards)).astype(np.float32)
    logits = bed(tf.constant(before)).numpy()
    value = logits[np.arange(16), 1 - bed.labels] - logits[np.arange(16), bed.labels]
    attack = attacks.make("fab", epsilon=1.0)
    tunables = {name: tf.constant(float(number)) for name, number in attack.tunables().items()}
    plane = Plane(tf.constant(np.minimum(value, 0)), tf.constant(towards.astype(np.float32)))
    moved = attack.advance(tf.constant(before), tf.constant(bed.images), plane, tunables)
    large = exact.ravel() > 0.005
    assert (np.asarray(bed(moved)).argmax(axis=1) != bed.labels)[large].all()
    assert large.sum() >= 8
    assert (np.abs(moved - bed.images).max(axis=(1, 2, 3)) <= 1.001 * exact.ravel() + 1e-7).all()


@pytest.mark.parametrize(("epsilon", "scale"), [(0.04, 0.04), (None, 0.3)])
def test_where_random_starts_lie(epsilon, scale):
    """At ½·min(distance found, ε), or at AutoAttack's radius where neither is finite."""
    seen = []

    def stubborn(x):  # never wrong, but with a gradient; its inputs are written down
        tf.py_function(lambda batch: seen.append(batch.numpy()), [x], [])
        return tf.stack([100 + 0 * x[:, 0, 0, 0], tf.reduce_sum(x, [1, 2, 3])], axis=1)

    images = np.full((1, 4, 4, 1), 0.5, np.float32)
    attacks.make("fab", num_steps=1, num_restarts=2, epsilon=epsilon)(stubborn, images, np.array([0]))
    distances = [np.abs(batch - images).max() for batch in seen if len(batch)]
    assert any(distance == pytest.approx(scale / 2, rel=1e-5) for distance in distances)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_gradient_it_stands_still(name):
    def flat(x):
        return 0 * tf.reduce_sum(x, [1, 2, 3])[:, None] + tf.constant([2.0, 0, 0])

    images = small_images(5)
    result = attacks.make(name, num_steps=10)(flat, images, np.zeros(5, int))
    np.testing.assert_array_equal(result.adversarial, images)
    assert result.zero_gradient.all()
    np.testing.assert_array_equal(result.queries, 2 if name == "fab" else 3)  # one look for each run


@pytest.mark.parametrize("name", NAMES)
def test_what_is_attacked_unseen_is_left_alone_if_wrong(name):
    """In `perturb` nobody has looked at the clean images."""
    bed = make_bed(size=16, low=0.35, high=0.65)
    labels = bed.labels.copy()
    labels[::2] = (labels[::2] + 1) % 10
    attack = attacks.make(name, num_steps=5)
    found = attack.perturb(bed, bed.images, labels, indices=np.arange(16)).numpy()
    np.testing.assert_array_equal(found[::2], bed.images[::2])
    np.testing.assert_allclose(found[1::2], attack(bed, bed.images, labels).adversarial[1::2], atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_steps": -1}, r"`num_steps`. Expected an integer >= 0. Received: num_steps=-1"),
        ({"num_restarts": 0}, r"`num_restarts`. Expected an integer >= 1. Received: num_restarts=0"),
        ({"alpha_max": 1.5}, r"`alpha_max`. Expected a number >= 0 and <= 1. Received: alpha_max=1.5"),
        ({"overshoot": 0.9}, r"`overshoot`. Expected a number >= 1. Received: overshoot=0.9"),
        ({"backward": 0.0}, r"`backward`. Expected a number > 0 and <= 1. Received: backward=0.0"),
        ({"epsilon": -1.0}, r"`epsilon`. Expected a number >= 0. Received: epsilon=-1.0"),
        ({"targeted": True}, r"`targeted`. Expected False: fab(_t)? is untargeted"),
        ({"objective": "ce"}, r"`objective`. Expected None: fab(_t)? has its own"),
    ],
)
def test_bad_input(name, settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make(name, **settings)


def test_the_number_of_targets_is_checked():
    with pytest.raises(UserError, match=r"`num_targets`. Expected an integer >= 1. Received: num_targets=0"):
        attacks.make("fab_t", num_targets=0)
