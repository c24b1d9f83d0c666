import numpy as np
from sklearn import datasets

from mmc_tf.data import load


def test_every_image_of_scikit_learn_is_in_exactly_one_split():
    digits, original = load("digits"), datasets.load_digits()
    images = np.concatenate([digits.train.images, digits.test.images])
    labels = np.concatenate([digits.train.labels, digits.test.labels])
    assert images.shape == (1797, 8, 8, 1)
    assert images.dtype == np.float32

    def sorted_rows(values, targets):
        return np.array(sorted(map(tuple, np.column_stack([values.reshape(1797, 64), targets]).tolist())))

    np.testing.assert_array_equal(
        sorted_rows(images.astype(float) * 16, labels), sorted_rows(original.images, original.target)
    )


def test_the_split_is_stratified():
    digits = load("digits")
    assert (len(digits.train), len(digits.test)) == (1297, 500)
    assert np.bincount(digits.test.labels).tolist() == [50] * 10
    assert np.bincount(digits.train.labels).tolist() == [128, 132, 127, 133, 131, 132, 131, 129, 124, 130]


def test_the_split_is_fixed_for_good():
    """Another seed, and another day, must not move an image from training to test."""
    digits, other = load("digits"), load("digits", seed=99)
    np.testing.assert_array_equal(digits.test.images, other.test.images)
    assert digits.train.labels[:12].tolist() == [6, 6, 4, 4, 6, 6, 8, 7, 5, 4, 5, 9]
    assert digits.test.labels[:12].tolist() == [2, 5, 5, 7, 7, 8, 5, 2, 4, 2, 8, 8]


def test_the_first_images_hold_all_classes():
    digits = load("digits", train_size=100, test_size=100)
    assert set(digits.train.labels) == set(range(10))
    assert set(digits.test.labels) == set(range(10))


def test_it_needs_no_folder(tmp_path):
    assert load("digits", data_dir=tmp_path / "nothing").source == "scikit-learn's digits, embedded"
