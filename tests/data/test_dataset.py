import dataclasses

import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.data import Dataset, Split

IMAGES = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)


def make(**changes):
    split = Split(IMAGES, np.array([0, 1, 2, 1]))
    values = {
        "name": "toy",
        "train": split,
        "test": split,
        "validation": None,
        "num_classes": 3,
        "class_names": ("a", "b", "c"),
        "superclasses": None,
        "source": "nowhere",
    }
    return Dataset(**(values | changes))


def test_as_float_divides_by_255():
    as_float = Split(IMAGES, np.zeros(4, int)).as_float()
    assert as_float.dtype == np.float32
    expected = (np.arange(256) / 255).astype(np.float32)
    np.testing.assert_array_equal(as_float.ravel(), expected)


def test_float_images_stay_as_they_are():
    images = np.random.default_rng(0).random((2, 4, 4, 3), np.float32)
    assert Split(images, np.zeros(2, int)).as_float() is not None
    np.testing.assert_array_equal(Split(images, np.zeros(2, int)).as_float(), images)


def test_labels_become_int32_and_parts_are_views():
    split = Split(IMAGES, np.array([3, 1, 4, 1], np.uint8))
    assert split.labels.dtype == np.int32
    part = split.part(1, 3)
    assert part.labels.tolist() == [1, 4]
    assert np.shares_memory(part.images, IMAGES)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[0], np.zeros(8, int), r"`images`\. Expected images of shape \(N, H, W, C\)"),
        (IMAGES, np.zeros(3, int), r"`labels`\. Expected integer labels of shape \(4,\)"),
        (IMAGES, np.zeros(4), r"`labels`\. Expected integer labels\. Received: labels=dtype float64"),
        (IMAGES.astype(np.float32), np.zeros(4, int), r"pixel values in \[0, 1\]"),
    ],
)
def test_a_split_checks_its_arrays(images, labels, message):
    with pytest.raises(UserError, match=message):
        Split(images, labels)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": Split(IMAGES[:0], np.zeros(0, int))}, "Expected at least one test image"),
        (
            {"test": Split(IMAGES[:, :4], np.zeros(4, int))},
            r"test images of shape \(8, 8, 1\).*=\(4, 8, 1\) in nowhere",
        ),
        (
            {"num_classes": 2, "class_names": ("a", "b")},
            r"training labels from 0 to 1\..*=labels from 0 to 2",
        ),
        ({"class_names": ("a",)}, "Expected 3 names"),
    ],
)
def test_a_dataset_checks_its_splits(changes, message):
    with pytest.raises(UserError, match=message):
        make(**changes)


def test_image_shape_and_frozen():
    assert make().image_shape == (8, 8, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().name = "other"
