"""Networks and calls that nobody foresaw: the right number, a word beside it, or one line."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks import FGSM, PGD
from mmc_tf.attacks.transfer import Source, Transfer
from mmc_tf.checks import UserError
from mmc_tf.classifier import Classifier, look_at

IMAGES = np.random.default_rng(0).uniform(0.2, 0.8, (24, 4, 4, 1)).astype(np.float32)
KERNEL = np.random.default_rng(0).normal(size=(16, 5)).astype(np.float32)
LABELS = np.argmax(IMAGES.reshape(-1, 16) @ KERNEL, axis=1).astype(np.int32)
INDICES = np.arange(24)
ATTACK = PGD(epsilon=0.03, num_steps=20)
pytestmark = pytest.mark.filterwarnings("ignore::mmc_tf.classifier.notes.NetworkWarning")


def linear(images):
    return tf.reshape(images, [-1, 16]) @ KERNEL


def robust(network):
    return 1 - ATTACK(network, IMAGES, LABELS).misclassified.mean()


def test_logits_far_from_zero_in_float64_keep_their_differences():
    network = lambda x: tf.cast(linear(x), tf.float64) - tf.constant(1e9, tf.float64)  # noqa: E731
    assert robust(network) == robust(linear)


def test_logits_in_large_integers_keep_their_differences():
    classifier = Classifier.of(lambda x: tf.cast(1e4 * linear(x), tf.int64) + 10**9)
    assert (np.argmax(classifier.logits(IMAGES), axis=1) == LABELS).all()


def test_the_logarithm_of_a_soft_vote_is_a_soft_vote():
    def vote(images):
        return (tf.nn.softmax(500 * linear(images)) + tf.nn.softmax(500 * linear(images))) / 2

    assert robust(lambda x: tf.math.log(vote(x))) == robust(linear)


def test_a_mean_over_two_axes_is_no_trace():
    def network(images):
        probabilities = tf.nn.softmax(linear(images))
        return tf.reduce_mean(tf.stack([tf.stack([probabilities] * 2)] * 2), axis=[0, 1])

    assert robust(network) == robust(linear)


def test_networks_that_mix_the_images_of_a_batch_are_told():
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.BatchNormalization(), keras.layers.Flatten()]
    )
    for network, told in (
        (lambda x: linear(x) - tf.reduce_mean(linear(x), axis=0, keepdims=True), True),
        (lambda x: model(x, training=True), True),
        (lambda x: model(x, training=False), False),
        (lambda x: linear(x) - tf.reduce_mean(linear(x), axis=1, keepdims=True), False),
    ):
        for size in (1, 4):
            classifier = Classifier.of(network)
            look_at(classifier, IMAGES[:size])
            classifier.graphs.forget()
            assert look_at(classifier, IMAGES[:size]) >= 5
            assert ("BATCH_DEPENDENT" in classifier.found.notes) == told


def fixed_size(images):
    return tf.reshape(images, [4, 16]) @ KERNEL


def checking_its_pixels(images):
    with tf.control_dependencies([tf.debugging.assert_less(images, 0.9)]):
        return linear(images)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (fixed_size, r"any number of images.*InvalidArgumentError"),
        (checking_its_pixels, r"any number of images.*InvalidArgumentError"),
        (lambda x: tf.strings.as_string(linear(x)), r"one tensor of logits.*type string"),
        (lambda x: tf.cast(linear(x), tf.complex64), r"one tensor of logits.*type complex64"),
    ],
    ids=["fixed size", "assertion", "string", "complex"],
)
def test_one_line_for_networks_that_fail(network, message):
    with pytest.raises(UserError, match=message) as error:
        PGD(epsilon=0.5)(network, IMAGES, LABELS)
    assert "\n" not in str(error.value)


def test_one_line_for_an_attack_within_a_graph():
    graph = tf.function(lambda: FGSM(epsilon=0.1)(linear, IMAGES, LABELS).success, autograph=False)
    with pytest.raises(UserError, match=r"outside of any `tf\.function`.*perturb"):
        graph()


def test_images_for_training_are_made_on_the_network_as_it_is_now():
    holder = [KERNEL]
    network = lambda x: tf.reshape(x, [-1, 16]) @ holder[0]  # noqa: E731
    attack = FGSM(epsilon=0.03)
    attack.perturb(network, IMAGES, LABELS, indices=INDICES)
    holder[0] = KERNEL[:, ::-1]
    right = attack.perturb(lambda x: network(x), IMAGES, LABELS, indices=INDICES)
    np.testing.assert_array_equal(attack.perturb(network, IMAGES, LABELS, indices=INDICES), right)


def test_bad_arguments_of_perturb_are_one_line():
    attack = FGSM(epsilon=0.03)
    with pytest.raises(UserError, match="seed"):
        attack.perturb(linear, IMAGES, LABELS, indices=INDICES, seed=2**63)
    with pytest.raises(UserError, match="float images"):
        attack.perturb(linear, (255 * IMAGES).astype(np.uint8), LABELS, indices=INDICES)
    doubles = attack.perturb(linear, IMAGES.astype(np.float64), LABELS, indices=INDICES)
    np.testing.assert_array_equal(doubles, attack.perturb(linear, IMAGES, LABELS, indices=INDICES))


def test_transfer_to_a_random_network_is_judged_by_most_of_several_passes():
    passes = []

    def network(images):
        tf.py_function(lambda: passes.append(1), [], [])
        return linear(images) + tf.random.normal([tf.shape(images)[0], 5])

    attack = Transfer(epsilon=0.0, source=Source("linear", linear))
    attack(network, IMAGES, LABELS)
    passes.clear()
    result = attack(network, IMAGES, LABELS)
    assert len(passes) >= 10
    assert (
        result.forward_passes
        == 24 + 24 + 10 * 24 + attack.num_steps * (result.clean_prediction == LABELS).sum()
    )
