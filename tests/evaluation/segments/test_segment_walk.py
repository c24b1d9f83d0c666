"""Losses along segments against what is computed by hand."""

import keras
import numpy as np
import pytest

from mmc_tf.attacks import PGD
from mmc_tf.data import Split
from mmc_tf.evaluation.segments.subjects import Settings, choose
from mmc_tf.evaluation.segments.walk import POSITIONS, Segments, losses_between, walk
from mmc_tf.layers import DenseLogits, MMCLogits

# The margin loss of class 0 is b - 2a for an image of the pixels a and b.
IMAGES = [(0.5, 0.2), (0.3, 0.5), (0.1, 0.5), (0.9, 0.1)]
MARGINS = [-0.8, -0.1, 0.3, -1.7]


@pytest.fixture(scope="module")
def two_pixels():
    """h = (2a, b), and images of class 0: one kept, one broken within 0.1, one misclassified, one kept."""
    inputs = keras.Input((1, 2, 1))
    head = DenseLogits(2)
    model = keras.Model(inputs, head(keras.layers.Flatten()(inputs)))
    head.set_weights([np.array([[2.0, 0.0], [0.0, 1.0]]), np.zeros(2)])
    images = np.array(IMAGES, np.float32).reshape(-1, 1, 2, 1)
    return model, Split(images, np.zeros(len(images), np.int32))


def walked(model, split, positions=None, **settings):
    attack = PGD(epsilon=0.1, num_steps=40)
    positions = np.arange(len(split)) if positions is None else positions
    return walk(model, split, positions, attack, name="train", **settings)


def test_a_linear_margin_rises_along_the_segment_by_the_radius_times_the_l1_norm(two_pixels):
    segments = walked(*two_pixels)
    assert segments.states.tolist() == ["kept", "broken", "misclassified", "kept"]
    assert segments.kept.shape == (2, 11)
    for losses, margin in zip(segments.kept, (MARGINS[0], MARGINS[3]), strict=True):
        np.testing.assert_allclose(losses, margin + 0.3 * np.linspace(0, 1, 11), atol=1e-6)
    assert (segments.kept[:, [0, -1]] < 0).all()
    np.testing.assert_allclose(segments.losses[:, 0], MARGINS, atol=1e-6)
    assert segments.losses[1, -1] > 0
    np.testing.assert_allclose(segments.losses[2], MARGINS[2], atol=1e-6)  # never attacked


def test_the_summary_counts_and_averages_the_kept(two_pixels):
    found = walked(*two_pixels).summary()
    assert (found["examples"], found["kept"], found["broken"], found["misclassified"]) == (4, 2, 1, 1)
    assert found["mean_clean"] == pytest.approx(-1.25, abs=1e-6)
    assert found["mean_perturbed"] == pytest.approx(-0.95, abs=1e-6)
    assert found["mean_rise"] == pytest.approx(0.3, abs=1e-6)
    assert found["relative_rise"] == pytest.approx(0.3 / 1.25, abs=1e-6)


def test_nothing_kept_has_no_means(two_pixels):
    found = walked(*two_pixels, positions=np.array([1, 2])).summary()
    assert (found["kept"], found["mean_clean"], found["mean_rise"], found["relative_rise"]) == (
        0,
        None,
        None,
        None,
    )


def test_images_are_the_same_in_any_batch_and_known_by_their_index(rowwise, digits):
    positions = np.array([3, 5, 8, 40, 77])
    whole, parts = (
        walked(rowwise, digits.train, positions, first_index=200, batch_size=size) for size in (100, 2)
    )
    assert whole.indices.tolist() == [203, 205, 208, 240, 277]
    np.testing.assert_array_equal(whole.labels, digits.train.labels[positions])
    np.testing.assert_allclose(parts.losses, whole.losses, atol=1e-5)
    assert parts.states.tolist() == whole.states.tolist()
    logits = rowwise.predict(digits.train.as_float()[positions], verbose=0).astype(np.float64)
    own = logits[np.arange(5), whole.labels]
    logits[np.arange(5), whole.labels] = -np.inf
    np.testing.assert_allclose(whole.losses[:, 0], logits.max(axis=1) - own, atol=1e-5)


def test_the_ends_are_the_images_themselves(linear, digits):
    """In float32, x + 1·(x′ - x) is not x′."""
    generator = np.random.default_rng(0)
    clean, perturbed = generator.random((2, 50, *digits.image_shape), np.float32)
    labels = np.zeros(50, np.int32)
    losses = losses_between(linear, clean, perturbed, labels)
    swapped = losses_between(linear, perturbed, clean, labels)
    np.testing.assert_array_equal(losses[:, 0], swapped[:, -1])
    np.testing.assert_array_equal(losses[:, -1], swapped[:, 0])


def test_features_far_from_their_centers_cost_no_precision():
    inputs = keras.Input((1, 4, 1))
    head = MMCLogits(3, scale=10.0)
    model = keras.Model(inputs, head(keras.layers.Rescaling(300.0)(keras.layers.Flatten()(inputs))))
    clean, perturbed = np.random.default_rng(1).random((2, 20, 1, 4, 1), np.float32)
    labels = np.arange(20, dtype=np.int32) % 3
    centers = np.asarray(head.centers, np.float64)

    def margin(logits):
        own = logits[np.arange(20), labels]
        others = np.where(np.arange(3) == labels[:, None], -np.inf, logits)
        return others.max(axis=1) - own

    def expected(position):
        points = (1 - position) * clean.astype(np.float64) + position * perturbed
        return margin(600 * points.reshape(20, 4) @ centers.T - (centers**2).sum(axis=1))

    losses = losses_between(model, clean, perturbed, labels)
    wanted = np.stack([expected(position) for position in POSITIONS], axis=1)
    np.testing.assert_allclose(losses, wanted, atol=1.5e-3)
    logits = model.predict(clean, verbose=0)
    assert np.abs(logits).max() > 1e5  # whose float32 are 0.008 apart
    assert np.abs(margin(logits) - wanted[:, 0]).max() > 3e-3


def test_images_are_drawn_once_and_by_the_seed():
    drawn = choose(1000, Settings(examples=50))
    assert len(np.unique(drawn)) == 50
    assert (np.diff(drawn) > 0).all()
    np.testing.assert_array_equal(drawn, choose(1000, Settings(examples=50)))
    assert (drawn != choose(1000, Settings(examples=50, seed=1))).any()
    assert choose(3, Settings(examples=3)).tolist() == [0, 1, 2]


def test_no_segment_is_kept_that_ends_on_the_wrong_side():
    losses = np.array([[-1.0] * 11, [-1.0] * 10 + [0.5]], np.float32)
    segments = Segments("test", np.arange(2), np.zeros(2, np.int32), losses, np.array(["kept", "broken"]))
    np.testing.assert_array_equal(segments.kept, losses[:1])
