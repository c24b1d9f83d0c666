import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.data.superclasses import superclasses_of


def test_reads_any_tree_off_its_examples():
    rng = np.random.default_rng(0)
    tree = rng.permutation(np.repeat(np.arange(20), 5))
    fine = rng.permutation(np.repeat(np.arange(100), 3))
    np.testing.assert_array_equal(superclasses_of(fine, tree[fine], num_classes=100), tree)
    assert not np.array_equal(tree, np.arange(100) // 5)


def test_a_class_without_examples_leaves_the_tree_unknown():
    assert superclasses_of(np.array([0, 2]), np.array([1, 0]), num_classes=3) is None


def test_two_coarse_labels_for_one_class():
    with pytest.raises(UserError, match=r"one coarse label for each class.*for class 7"):
        superclasses_of(np.array([1, 7, 7]), np.array([0, 3, 4]), num_classes=10)
