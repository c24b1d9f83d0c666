"""How far attacks get: by the settings, and in fact."""

import math

import numpy as np
import pytest
import tensorflow as tf

from mmc_tf import attacks
from mmc_tf.attacks import Source
from mmc_tf.checks import falls_short


@pytest.mark.parametrize(
    ("name", "settings", "reach"),
    [
        ("pgd", {"epsilon": 0.1, "num_steps": 10, "step_size": 0.001}, 0.01),
        ("pgd", {"epsilon": 0.1, "num_steps": 10, "step_size": 0.001, "random_start": False}, 0.01),
        ("pgd", {"epsilon": 2.0, "num_steps": 5, "step_size": 0.1, "norm": "l2"}, 0.5),
        ("bim", {"epsilon": 0.1, "num_steps": 0}, 0.0),
        ("mim", {"epsilon": 0.1, "num_steps": 4, "step_size": 0.01}, 0.04),
        ("slide", {"epsilon": 12.0, "num_steps": 5, "step_size": 0.6, "norm": "l1"}, 3.0),
        ("vote_pgd", {"epsilon": 0.1, "num_steps": 10, "step_size": 0.001}, 0.01),
        # 5 steps of 0.001 and 5 of 0.0002; 6 and 5 of 11.
        ("mt_pgd", {"epsilon": 0.1, "num_steps": 10, "step_size": 0.001}, 0.006),
        ("mt_pgd", {"epsilon": 0.1, "num_steps": 11, "step_size": 0.001}, 0.007),
        ("spsa", {"epsilon": 0.3}, 0.1),
        ("an_pgd", {"epsilon": 0.1, "max_radius": 0.05, "initial_radius": 0.02}, 0.05),
        ("fgsm", {"epsilon": 0.1}, math.inf),
        ("apgd_t", {"epsilon": 0.1}, math.inf),
        ("apgd_ce", {"epsilon": 0.1, "num_steps": 0}, 0.0),
        ("fab", {"epsilon": 0.1}, math.inf),
        ("square", {"epsilon": 0.1}, math.inf),
        ("cw", {"epsilon": 0.5, "norm": "l2"}, math.inf),
        ("deepfool", {"norm": "l2", "num_steps": 0}, 0.0),
    ],
)
def test_reach(name, settings, reach):
    assert attacks.make(name, **settings).reach() == pytest.approx(reach, rel=1e-12)


def test_transfer_reaches_as_far_as_its_method():
    source = Source("other", lambda images: images)
    assert attacks.make(
        "transfer", epsilon=0.1, source=source, num_steps=3, step_size=0.01
    ).reach() == pytest.approx(0.03)


@pytest.mark.parametrize("name", sorted(set(attacks.names()) - {"spsa", "transfer", "worst"}))
@pytest.mark.parametrize("epsilon", [8 / 255, 0.3])
def test_defaults_cross_the_ball(name, epsilon):
    kind = attacks.get(name)
    radius = epsilon if "linf" in kind.norms or kind.radius == "none" else 2.0
    attack = attacks.make(name, epsilon=radius, norm=kind.norms[0])
    assert not falls_short(attack.reach(), attack.epsilon)


@pytest.mark.parametrize(
    ("name", "norm"),
    [
        ("bim", "linf"),
        ("bim", "l2"),
        ("mim", "linf"),
        ("pgd", "linf"),
        ("pgd", "l2"),
        ("pgd", "l1"),
        ("slide", "l1"),
    ],
)
@pytest.mark.parametrize("steps", [1, 3])
def test_no_image_is_farther_than_the_steps(name, norm, steps):
    """On a linear classifier every step goes the same way: the distance is the reach."""
    kernel = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    images = np.random.default_rng(1).uniform(0.4, 0.6, (20, 4, 4, 1)).astype(np.float32)

    def model(inputs):
        return tf.reshape(inputs, (-1, 16)) @ kernel

    labels = np.argmax(model(images), axis=1)
    own = {} if name in ("bim", "mim") else {"random_start": False}
    attack = attacks.make(
        name,
        norm=norm,
        epsilon=2.0,
        num_steps=steps,
        step_size=0.02,
        objective="margin",
        iterate="last",
        **own,
    )
    distance = attack(model, images, labels).distance
    assert distance.max() == pytest.approx(attack.reach(), rel=1e-4)
    assert np.all(distance <= attack.reach() * (1 + 1e-4))


def test_spsa_moves_by_its_learning_rate():
    images = np.full((4, 2, 2, 1), 0.5, np.float32)

    def model(inputs):
        total = tf.reduce_sum(inputs, axis=[1, 2, 3])
        return tf.stack([10.0 - total, total * 0.0], axis=1)

    attack = attacks.make("spsa", epsilon=0.3, num_steps=6, samples=128, random_start=False, iterate="last")
    distance = attack(model, images, np.zeros(4, np.int32)).distance
    assert attack.reach() == pytest.approx(0.06)
    assert np.all(distance <= attack.reach() * 1.02)
    assert np.all(distance >= attack.reach() * 0.9)
