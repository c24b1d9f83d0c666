"""Images to compare networks on."""

import numpy as np
import pytest

from mmc_tf.data import Dataset, Split


@pytest.fixture(scope="session")
def noise():
    """A data set of random images in the shape of CIFAR-10's: the mean image is no constant."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    split = Split(images, np.arange(12) % 10)
    return Dataset("cifar10", split, split, None, 10, tuple(map(str, range(10))), None, "noise")
