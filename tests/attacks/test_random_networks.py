"""Networks that draw at random: broken is what most passes say, and what was wrong at the clean look."""

import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks import make
from mmc_tf.checks import UserError
from mmc_tf.classifier.notes import NetworkWarning

SIZE = 800
IMAGES, LABELS = np.full((SIZE, 2, 2, 1), 0.7, "float32"), np.zeros(SIZE, int)
pytestmark = pytest.mark.filterwarnings("ignore::mmc_tf.classifier.notes.NetworkWarning")


def coin(chance, *, reach=0.35):
    """A network that is right with a chance wherever the mean pixel is above `reach`, and always wrong below."""
    generator = tf.random.Generator.from_seed(1)

    def model(images):
        lead = tf.reduce_mean(images, [1, 2, 3]) - reach
        right = tf.cast(generator.uniform([tf.shape(images)[0]]) < chance, tf.float32)
        margin = tf.where(lead > 0, lead * (2 * right - 1), lead)
        return tf.stack([margin, -margin, 0 * margin - 9, 0 * margin - 9], 1)

    return model


def robust(attack, model):
    return float((~attack(model, IMAGES, LABELS).misclassified).mean())


@pytest.mark.parametrize("name", ["fgsm", "pgd"])
def test_what_is_broken_where_no_draw_helps_is_broken(name):
    assert robust(make(name, epsilon=0.7, objective="margin"), coin(0.7)) == 0


@pytest.mark.parametrize("chance", [0.95, 0.05])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("pgd", {"objective": "margin"}),
        ("square", {"num_queries": 30}),
        ("apgd_dlr", {"num_steps": 5, "eot_iterations": 9}),
    ],
)
def test_a_lucky_draw_decides_nothing(name, settings, chance):
    """The ball ends above the border, so that nothing but luck decides: most of the passes are right, or wrong.

    Without several gradients a step, an image that any of the ten clean looks gets wrong is broken.
    """
    attack = make(name, epsilon=0.1, **settings)
    survive = 1.0 if "eot_iterations" in settings else chance**10
    expected = survive if chance > 0.5 else 0.0
    assert robust(attack, coin(chance)) == pytest.approx(expected, abs=0.08)


def test_the_majority_is_a_parameter():
    """With chance .8, all of nine passes are right in .134 of the cases, most of them in .980."""
    settings = {"epsilon": 1e-6, "num_steps": 0, "eot_iterations": 9}
    attacks = [make("apgd_dlr", eot_majority=share, **settings) for share in (0.0, 0.5, 0.9)]
    strict, usual, lenient = (robust(attack, coin(0.8)) for attack in attacks)
    assert strict < 0.134 + 0.06  # asked again and again, fewer pass
    assert usual > 0.9
    assert lenient >= usual
    with pytest.raises(UserError, match=r"`eot_majority`.*below 1"):
        make("apgd_dlr", epsilon=0.1, eot_majority=1)


def test_python_is_warned():
    with pytest.warns(NetworkWarning, match=r"RANDOM_OUTPUT: the network draws at random.*eot_iterations"):
        make("fgsm", epsilon=0.1, objective="margin")(coin(0.7), IMAGES, LABELS)


def test_an_example_that_is_wrong_at_the_clean_look_is_broken():
    """Exact: at every look a coin that is right with chance 0 on one image of four is wrong there."""

    def model(images):
        wrong = tf.cast(images[:, 0, 0, 0] < 0.5, tf.float32)
        noise = 0.01 * generator.normal([tf.shape(images)[0]])
        lead = 1 - 2 * wrong + noise + 0.1 * images[:, 0, 0, 0]
        return tf.stack([lead, -lead], 1)

    generator = tf.random.Generator.from_seed(1)
    images = np.where(np.arange(SIZE) % 4 == 0, 0.3, 0.7).astype("float32")[:, None, None, None]
    result = make("pgd", epsilon=0.01, objective="margin")(model, images, LABELS)
    np.testing.assert_array_equal(result.misclassified, np.arange(SIZE) % 4 == 0)
    np.testing.assert_array_equal(result.success, result.misclassified)
    np.testing.assert_array_equal(result.distance[result.misclassified], 0)
