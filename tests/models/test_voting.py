"""The majority vote of classifiers: its arg max by hand, in floating point too, and what it is to Keras."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks import make
from mmc_tf.checks import UserError
from mmc_tf.classifier import Classifier
from mmc_tf.models.heads import HEADS, MMCLogits
from mmc_tf.models.voting import MajorityVote, build_ensemble, member_logits


def vote(*logits):
    """The vote on one example, from its members' logits."""
    return MajorityVote()([np.float32([row]) for row in logits]).numpy()[0]


def winner_in_float64(logits):
    """The majority's label; among several the one with the largest sum of softmax scores; (K, N, L) -> (N,)."""
    logits = np.asarray(logits, np.float64)
    shares = np.exp(logits - logits.max(axis=2, keepdims=True))
    scores = (shares / shares.sum(axis=2, keepdims=True)).sum(axis=0)
    votes = np.eye(logits.shape[2])[logits.argmax(axis=2)].sum(axis=0)
    return np.where(votes == votes.max(axis=1, keepdims=True), scores, -1).argmax(axis=1)


def test_two_votes_beat_one_however_sure_it_is():
    # Softmax scores: label 0 has 1.0 from the first member alone, label 1 a bit over 1/3 from each other one.
    out = vote([100, 0, 0], [0, 0.01, 0], [0, 0.01, 0])
    assert out.argmax() == 1
    assert out[1] == pytest.approx((0.3355 + 0.3355) / 4, abs=1e-4)
    assert out[0] == pytest.approx(-1 + (1 + 0.3322 + 0.3322) / 4, abs=1e-4)


def test_softmax_scores_break_ties():
    # One vote each for 0 (sum of scores .7311 + .1192 = .8503) and for 1 (.2689 + .8808 = 1.1497).
    out = vote([1, 0], [0, 2])
    np.testing.assert_allclose(out, np.array([0.8503, 1.1497]) / 4, atol=1e-4)
    assert vote([2, 0], [0, 1]).argmax() == 0
    # Four labels with one vote each.
    assert vote([3, 0, 0, 0], [0, 4, 0, 0], [0, 0, 5, 0], [0, 0, 0, 3.5]).argmax() == 2


@pytest.mark.parametrize("votes", [1, 7, 31])
def test_a_tie_is_broken_by_the_last_bit_of_the_scores(votes):
    # As many votes for each of two labels; the scores of the last pair differ by 1e-6.
    pairs = [([1, 0], [0, 1])] * (votes - 1) + [([1, 0], [0, 1.00001])]
    assert vote(*itertools.chain(*pairs)).argmax() == 1
    pairs[-1] = ([1.00001, 0], [0, 1])
    assert vote(*itertools.chain(*pairs)).argmax() == 0


@pytest.mark.parametrize("members", [2, 3, 4, 9])
def test_random_votes_are_those_of_float64(members):
    logits = np.random.default_rng(members).normal(0, 3, (members, 500, 4)).astype(np.float32)
    out = MajorityVote()(list(logits)).numpy()
    np.testing.assert_array_equal(out.argmax(axis=1), winner_in_float64(logits))
    # Labels with a vote less than the winner stay below 0, the winner above.
    assert (out.max(axis=1) > 0).all()
    assert out.max() < 1


def mmc_member(offset):
    """A head on features (x, offset), x the only pixel, with centers (1, 0) and (-1, 0): h_0 - h_1 = 4x."""
    pixels = keras.Input((1, 1, 1))
    features = keras.layers.Dense(2)
    head = MMCLogits(2, centers=np.array([[1.0, 0.0], [-1.0, 0.0]]))
    model = keras.Model(pixels, head(features(keras.layers.Flatten()(pixels))))
    features.set_weights([np.float32([[1, 0]]), np.float32([0, offset])])
    return model


def test_scores_of_heads_near_minus_1e5_are_finite_and_keep_their_differences():
    ensemble = build_ensemble([mmc_member(316.25), mmc_member(0.0)])
    x = np.float32([[[[0.001]]]])
    (raw, _), out = member_logits(ensemble(x)), ensemble(x).numpy()
    # Of a difference of 0.004 nothing is left at h = -1e5, where float32 has a grain of 0.0078.
    assert raw.numpy()[0, 0] == raw.numpy()[0, 1] < -1e5
    scores = 2 / (1 + np.exp(-0.004))
    np.testing.assert_allclose(out[0], [scores / 4, -2 + (2 - scores) / 4], rtol=1e-6)


def member(*, shape=(8, 8, 1), num_classes=4, seed=0, head="dense", norms=False):
    """A small network, all of whose layers have the names of the other ones'."""
    inputs = keras.Input(shape, name="images")
    initializer = keras.initializers.GlorotNormal(seed=seed)
    x = keras.layers.Conv2D(4, 3, kernel_initializer=initializer, name="conv")(inputs)
    if norms:
        variance = keras.initializers.RandomUniform(0.5, 2, seed=seed)
        x = keras.layers.BatchNormalization(moving_variance_initializer=variance, name="norm")(x)
    x = keras.layers.Dense(8, kernel_initializer=initializer, name="features")(
        keras.layers.Flatten(name="flat")(x)
    )
    return keras.Model(inputs, HEADS.get(head)(num_classes, name="head")(x), name="network")


def test_a_member_of_each_kind_is_found_with_its_head():
    members = [member(head=head, seed=seed) for seed, head in enumerate(("dense", "mmc", "dense"))]
    ensemble = build_ensemble(members)
    images = np.random.default_rng(0).uniform(size=(5, 8, 8, 1)).astype(np.float32)
    found = member_logits(ensemble(images))
    for logits, each in zip(found, members, strict=True):
        np.testing.assert_allclose(logits.numpy(), each(images).numpy(), rtol=1e-6)
    assert member_logits(members[0](images)) is None
    assert ensemble.output_shape == (None, 4)


def test_the_vote_has_no_gradient():
    members = [member(seed=seed) for seed in (0, 1)]
    images = tf.random.stateless_uniform((5, 8, 8, 1), (0, 1))
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = build_ensemble(members)(images)
    assert tape.gradient(logits, images) is None


def test_members_of_one_name_are_folded_and_saved(tmp_path):
    members = [member(norms=True, seed=seed) for seed in (0, 1)]
    ensemble = build_ensemble(members)
    images = np.random.default_rng(0).uniform(size=(6, 8, 8, 1)).astype(np.float32)
    classifier = Classifier.of(ensemble).crafting()
    copy, _ = classifier.copy_for(make("vote_pgd", epsilon=0.1))
    assert copy is not classifier
    copy = copy.network
    wrapped = [layer for each in copy.layers for layer in getattr(each, "layers", [])]
    nested = [layer for each in wrapped for layer in getattr(each, "layers", [])]
    assert nested
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in nested)
    np.testing.assert_allclose(copy(images), ensemble(images, training=False), atol=1e-5)
    ensemble.save(tmp_path / "vote.keras")
    again = keras.saving.load_model(tmp_path / "vote.keras")
    np.testing.assert_allclose(again(images), ensemble(images), atol=1e-6)


def test_what_cannot_vote_together_is_refused():
    one, other, larger = (
        member(shape=(side, side, 1), num_classes=classes) for side, classes in ((8, 3), (8, 4), (9, 3))
    )
    with pytest.raises(UserError, match=r"`ensemble`. Expected 2 members or more. Received: ensemble=1"):
        build_ensemble([one])
    with pytest.raises(UserError, match=r"members for the same classes. Received: .*\(3,\) and \(4,\)"):
        build_ensemble([one, other])
    with pytest.raises(
        UserError, match=r"members for the same images. Received: .*\(8, 8, 1\) and \(9, 9, 1\)"
    ):
        build_ensemble([one, larger])
