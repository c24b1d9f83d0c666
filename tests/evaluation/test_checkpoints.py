from pathlib import Path

import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.data import Dataset, Split
from mmc_tf.evaluation.checkpoints import Network, check_network_fits


def network(model=None, **flags):
    return Network(model, Path("runs/a"), {"flags": flags} if flags else {}, chosen=False)


def dataset(shape, num_classes):
    split = Split(np.zeros((2, *shape), np.uint8), np.arange(2))
    names = tuple(str(each) for each in range(num_classes))
    return Dataset("fake", split, split, None, num_classes, names, None, "nowhere")


@pytest.mark.parametrize(
    ("flags", "training"),
    [
        ({"loss": "MMC"}, "standard"),
        ({}, None),
        (
            {"attack_method": "pgd", "method": "pgd", "epsilon": 8 / 255, "num_steps": 10, "targeted": True},
            "at_tar",
        ),
        (
            {"attack_method": "pgd", "method": "pgd", "epsilon": 8 / 255, "num_steps": 10, "targeted": False},
            "at_un",
        ),
        (
            {"attack_method": "pgd", "method": "pgd", "epsilon": 4 / 255, "num_steps": 10, "targeted": False},
            None,
        ),
        (
            {"attack_method": "fgsm", "method": "pgd", "epsilon": 8 / 255, "num_steps": 1, "targeted": False},
            None,
        ),
        (
            {"attack_method": "pgd", "method": "mma", "epsilon": 8 / 255, "num_steps": 10, "targeted": False},
            None,
        ),
    ],
)
def test_only_training_like_the_published_is_compared_with_it(flags, training):
    assert network(**flags).training() == training


def test_other_images_or_classes_are_refused(linear):
    check_network_fits(network(linear), dataset((8, 8, 1), 10))
    with pytest.raises(UserError, match=r"images of shape \(32, 32, 3\).*of shape \(8, 8, 1\)"):
        check_network_fits(network(linear), dataset((32, 32, 3), 10))
    with pytest.raises(UserError, match=r"100 classes.*with 10"):
        check_network_fits(network(linear), dataset((8, 8, 1), 100))
