"""A classifier is of one network: not of an equal one, and not in another range than was asked for."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks import FGSM
from mmc_tf.checks import UserError
from mmc_tf.classifier import Classifier

IMAGES = np.random.default_rng(0).uniform(0, 1, (8, 4, 4, 1)).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Network:
    """Equal to every network of its name, whatever its weights."""

    name: str
    kernel: np.ndarray = dataclasses.field(compare=False)

    def __call__(self, images):
        return tf.reshape(images, [-1, 16]) @ self.kernel


@dataclasses.dataclass
class Unhashable:
    """Compared by value, and so without a hash."""

    kernel: np.ndarray

    def __call__(self, images):
        return tf.reshape(images, [-1, 16]) @ self.kernel


def weights(seed):
    return np.random.default_rng(seed).normal(size=(16, 5)).astype(np.float32)


def test_networks_that_compare_equal_are_attacked_each_as_itself():
    networks = [Network("a", weights(seed)) for seed in range(2)]
    for network in networks:
        labels = np.argmax(network(IMAGES), axis=1)
        result = FGSM(epsilon=0.0)(network, IMAGES, labels)
        assert not result.misclassified.any()
        assert result.notes == {}


def test_the_graphs_of_a_network_that_cannot_be_hashed_are_kept():
    network = Unhashable(weights(0))
    assert Classifier.of(network).graphs is Classifier.of(network).graphs


def test_a_classifier_is_not_silently_taken_for_one_of_another_range():
    classifier = Classifier.of(Network("a", weights(0)), input_range=(0, 255))
    assert Classifier.of(classifier) is classifier
    assert Classifier.of(classifier, input_range=[0, 255]) is classifier
    with pytest.raises(UserError, match=r"input_range.*\(0\.0, 255\.0\), which the classifier was made with"):
        Classifier.of(classifier, input_range=(0, 1))


@pytest.mark.parametrize("wrong", [(0, 1, 2), (1, 0), 255, ("low", "high")])
def test_one_line_for_what_is_no_range(wrong):
    with pytest.raises(UserError, match=r"input_range.*two numbers"):
        Classifier.of(Network("a", weights(0)), input_range=wrong)
