"""scikit-learn's digits: 1,797 images of 8x8 that need no files and no network."""

from __future__ import annotations

import numpy as np

from mmc_tf.data.classes import DIGITS
from mmc_tf.data.dataset import Dataset, Split

TEST_PER_CLASS = 50
# Fixed for good: training and evaluation are two programs, and both must call the same images the test set.
SPLIT_SEED = 20200101
LARGEST_VALUE = 16


def load_digits() -> Dataset:
    """The digits with a fixed split: 50 test images of each class, the other 1,297 for training.

    Returns:
        Images float32 (N, 8, 8, 1), value / 16; both splits in a fixed random order, so that their first
        images hold all classes.
    """
    from sklearn import datasets  # a second of importing that the other data sets need not wait for

    digits = datasets.load_digits()
    images = (digits.images / LARGEST_VALUE).astype(np.float32)[..., None]
    generator = np.random.default_rng(SPLIT_SEED)
    order = generator.permutation(len(images))
    # Rank of each image among those of its class, in the shuffled order.
    labels = digits.target[order]
    rank = np.zeros(len(labels), int)
    for label in np.unique(labels):
        rank[labels == label] = np.arange(np.sum(labels == label))
    # Shuffled again, for the first of the others belong to the classes that were complete first.
    test, train = (
        generator.permutation(order[chosen]) for chosen in (rank < TEST_PER_CLASS, rank >= TEST_PER_CLASS)
    )
    return Dataset(
        name="digits",
        train=Split(images[train], digits.target[train]),
        test=Split(images[test], digits.target[test]),
        validation=None,
        num_classes=len(DIGITS),
        class_names=DIGITS,
        superclasses=None,
        source="scikit-learn's digits, embedded",
    )
