"""What is climbed on a majority vote, by hand, and what attacks do to votes."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import tensorflow as tf
from small_models import predictions, small_images, small_model

from mmc_tf import attacks
from mmc_tf.attacks.members import Member, read_members, sum_of_losses, vote_loss
from mmc_tf.checks import UserError
from mmc_tf.classifier import Scores
from mmc_tf.models.voting import build_ensemble

LABEL = tf.constant([0])
RIGHT, WRONG_1, WRONG_2, SURE = (2.0, 1.0, 0.0), (0.0, 3.0, 1.0), (0.0, 2.0, 5.0), (4.0, 2.0, 1.0)
away = functools.partial(vote_loss, sign=1.0)
towards = functools.partial(vote_loss, sign=-1.0)


def members(*logits):
    rows = [tf.constant([row]) for row in logits]
    return [Member(tf.argmax(row, axis=-1, output_type=tf.int32), Scores(row)) for row in rows]


def test_sums_of_losses():
    both = members(RIGHT, WRONG_1)
    expected = math.log(math.e**2 + math.e + 1) - 2 + math.log(1 + math.e**3 + math.e)
    assert sum_of_losses(both, LABEL, objective="ce").numpy() == pytest.approx([expected], rel=1e-6)
    # CW: 1 - 2 of the first, nothing of the one that is wrong.
    assert sum_of_losses(both, LABEL, objective="cw").numpy() == [-1.0]


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        # One of three is wrong: CW of those that are right, (1 - 2) + (2 - 4).
        ((RIGHT, WRONG_1, SURE), -3.0),
        # Two of three, labels 1 and 2 once each: a = 1, (2 - 1) + (1 - 3) + (5 - 2).
        ((RIGHT, WRONG_1, WRONG_2), 2.0),
        # Label 2 is the most frequent: (2 - 0) + (3 - 1) + (2 - 5) + (2 - 5).
        ((RIGHT, WRONG_1, WRONG_2, WRONG_2), -2.0),
        # Half of the members are not fewer than half: a = 1, (2 - 1) + (1 - 3).
        ((RIGHT, WRONG_1), -1.0),
        # One of four.
        ((RIGHT, RIGHT, RIGHT, WRONG_1), -3.0),
        # All right: CW of all.
        ((RIGHT, SURE), -3.0),
    ],
)
def test_the_vote_s_loss(logits, expected):
    assert away(members(*logits), LABEL).numpy() == [expected]
    wrong = sum(max(row) != row[0] for row in logits)
    few = 2 * wrong < len(logits)
    assert towards(members(*logits), LABEL).numpy() == [expected if few else -expected]


def test_the_vote_s_gradient_leads_away_from_the_common_label_or_towards_it():
    logits = [tf.constant([row]) for row in (RIGHT, WRONG_1, WRONG_2, WRONG_2)]
    for loss, sign in ((away, 1), (towards, -1)):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            predicted = [tf.argmax(row, axis=-1, output_type=tf.int32) for row in logits]
            scored = [Member(label, Scores(row)) for label, row in zip(predicted, logits, strict=True)]
            value = tf.reduce_sum(loss(scored, LABEL))
        gradients = [gradient.numpy()[0].tolist() for gradient in tape.gradient(value, logits)]
        # a = 2; the largest other logit is that of 0, 1, 1, 1.
        expected = np.array([[1, 0, -1], [0, 1, -1], [0, 1, -1], [0, 1, -1]])
        np.testing.assert_array_equal(gradients, sign * expected)


def test_examples_of_a_batch_take_different_branches():
    rows = [np.float32([RIGHT, RIGHT]), np.float32([WRONG_1, SURE]), np.float32([WRONG_2, SURE])]
    votes = [tf.constant(row) for row in rows]
    scored = [Member(tf.argmax(row, axis=-1, output_type=tf.int32), Scores(row)) for row in votes]
    np.testing.assert_array_equal(away(scored, tf.constant([0, 0])), [2.0, -5.0])


@pytest.fixture(scope="module")
def trio():
    return [small_model("dense", seed=1), small_model("mmc", seed=2), small_model("dense", seed=5)]


@pytest.fixture(scope="module")
def ensemble(trio):
    return build_ensemble(trio)


def test_each_member_s_loss_fits_its_head(trio, ensemble):
    images = small_images()
    labels = tf.constant(predictions(ensemble, images))
    found = read_members(ensemble(tf.constant(images)))
    assert [member.scores.head.adaptive_objective for member in found] == ["ce", "mmc", "ce"]
    dense = sum(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, trio[number](images)) for number in (0, 2)
    )
    # un1 = ½‖z - µ_y‖², of which the logits are -‖z - µ‖².
    own = -0.5 * tf.gather(trio[1](images), labels, batch_dims=1)
    np.testing.assert_allclose(sum_of_losses(found, labels, objective=None), dense + own, rtol=1e-4)


def test_any_other_classifier_is_a_vote_of_one(trio):
    images = small_images()
    labels = predictions(trio[0], images)
    settings = {"epsilon": 0.03, "num_steps": 12}
    for vote, plain in (("ce", "ce"), ("cw", "cw")):
        ours = attacks.make("vote_pgd", strategy=vote, **settings)(trio[0], images, labels, seed=3)
        pgd = attacks.make("pgd", objective=plain, **settings)(trio[0], images, labels, seed=3)
        np.testing.assert_array_equal(ours.adversarial, pgd.adversarial)
        assert 0 < ours.success.mean() < 1


@pytest.mark.parametrize(
    ("strategy", "norm"), [("ce", "linf"), ("cw", "l2"), ("away", "l2"), ("towards", "linf")]
)
def test_votes_are_broken_and_judged_as_votes(ensemble, trio, strategy, norm):
    images = small_images()
    labels = predictions(ensemble, images)
    epsilon = {"linf": 0.15, "l2": 1.2}[norm]
    attack = attacks.make("vote_pgd", epsilon=epsilon, norm=norm, num_steps=10, strategy=strategy)
    result = attack(ensemble, images, labels, seed=1)
    np.testing.assert_array_equal(result.success, predictions(ensemble, result.adversarial) != labels)
    assert result.success.mean() > 0.2
    # Where the vote is wrong, at least one member is: votes of members that are right are for the label.
    wrong = np.stack([predictions(member, result.adversarial) != labels for member in trio])
    assert wrong.any(axis=0)[result.success].all()


@pytest.mark.parametrize(
    "name", ["pgd", "fgsm", "apgd_ce", "apgd_t", "fab", "fab_t", "deepfool", "cw", "an_pgd"]
)
def test_attacks_along_the_vote_s_gradient_are_refused(ensemble, name):
    images = small_images(4)
    attack = attacks.make(name, epsilon=0.1, norm=attacks.get(name).norms[0])
    expected = r"`attack`. Expected vote_pgd, .* Received: attack=one along the gradient of a majority vote"
    with pytest.raises(UserError, match=expected):
        attack(ensemble, images, predictions(ensemble, images))


@pytest.mark.parametrize("name", ["square", "spsa", "gaussian"])
def test_attacks_without_gradients_work_on_votes(ensemble, name):
    images = small_images()
    labels = predictions(ensemble, images)
    settings = {
        "square": {"num_queries": 60},
        "spsa": {"num_steps": 5, "samples": 32},
        "gaussian": {"sigma": 0.3},
    }
    attack = attacks.make(name, epsilon=None if name == "gaussian" else 0.1, **settings[name])
    result = attack(ensemble, images, labels)
    np.testing.assert_array_equal(result.misclassified, predictions(ensemble, result.adversarial) != labels)
    assert result.success.any()


def test_refused_strategies():
    with pytest.raises(
        UserError, match=r"`strategy`. Expected one of away, ce, cw, towards. Received: strategy=best"
    ):
        attacks.VotePGD(epsilon=0.1, strategy="best")
    assert attacks.VotePGD(epsilon=0.1, adaptive=False).details() == ("ce", "non-adaptive")
    assert attacks.VotePGD(epsilon=0.1, adaptive=False, strategy="cw").details() == ("cw",)
