"""Whether cross-entropy is blind is asked of the network as it is now, not as it was at the first attack."""

import keras
import numpy as np
import pytest

from mmc_tf.attacks import PGD
from mmc_tf.classifier import Classifier
from mmc_tf.classifier.notes import NetworkWarning

IMAGES = np.random.default_rng(0).uniform(0.2, 0.8, (24, 4, 4, 1)).astype(np.float32)
KERNEL = np.random.default_rng(0).normal(size=(16, 5)).astype(np.float32)
LABELS = np.argmax(IMAGES.reshape(-1, 16) @ KERNEL, axis=1)
pytestmark = pytest.mark.filterwarnings("ignore:HEAD_UNKNOWN")
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


def test_python_is_told_of_zero_gradients():
    """1,000 times the logits: cross-entropy, asked for by name, has no gradient on most of the images."""
    with pytest.warns(
        NetworkWarning, match=r"ZERO_GRADIENT: the gradient is zero on \d+ % of the attacked images"
    ):
        result = PGD(epsilon=0.03, objective="ce")(network(1000.0), IMAGES, LABELS)
    assert result.zero_gradient.mean() > 0.5
    assert "HEAD_UNKNOWN" not in result.notes
