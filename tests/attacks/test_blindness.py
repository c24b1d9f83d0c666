"""Whether cross-entropy is blind is asked of the network as it is now, not as it was at the first attack."""

import keras
import numpy as np
import pytest

from mmc_tf.attacks import PGD
from mmc_tf.classifier import Classifier

IMAGES = np.random.default_rng(0).uniform(0.2, 0.8, (24, 4, 4, 1)).astype(np.float32)
KERNEL = np.random.default_rng(0).normal(size=(16, 5)).astype(np.float32)
LABELS = np.argmax(IMAGES.reshape(-1, 16) @ KERNEL, axis=1)
pytestmark = pytest.mark.filterwarnings("ignore::mmc_tf.classifier.notes.NetworkWarning")
ATTACK = PGD(epsilon=0.03, num_steps=20)


def network(scale):
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(5, use_bias=False)]
    )
    model.layers[-1].kernel.assign(scale * KERNEL)
    return model


def robust(model, labels=LABELS):
    result = ATTACK(model, IMAGES, labels)
    return 1 - result.misclassified.mean(), "HEAD_UNKNOWN" in result.notes


def test_weights_that_grew_are_noticed():
    model = network(1.0)
    exact, noted = robust(model)
    assert exact < 0.9
    assert not noted
    model.layers[-1].kernel.assign(1000 * KERNEL)
    assert robust(model) == (exact, True)


@pytest.mark.parametrize("first", [LABELS, (LABELS + 1) % 5], ids=["one image", "wrong labels"])
def test_a_first_attack_that_could_not_tell_decides_nothing(first):
    ranked = np.sort(IMAGES.reshape(-1, 16) @ KERNEL, axis=1)
    leads = ranked[:, -1] - ranked[:, -2]
    nearest = [leads.argmin()]
    model = network(10 / leads.min())  # cross-entropy sees this one image
    ATTACK(model, IMAGES[nearest], first[nearest])
    assert Classifier.of(model).found.is_blind is False
    assert robust(model) == (robust(network(1.0))[0], True)
