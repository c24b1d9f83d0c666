import os
import subprocess
import sys
import time

import numpy as np
import pytest

from mmc_tf import data
from mmc_tf.checks import UserError
from mmc_tf.data import classes, keras_cache


@pytest.fixture(autouse=True)
def _no_network_no_cache(tmp_path_factory, monkeypatch):
    """Tests find what they wrote and nothing else."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
    monkeypatch.delenv("MMC_DATA_DIR", raising=False)

    def offline(name):
        raise keras_cache.DownloadError("offline")

    monkeypatch.setattr(keras_cache, "download", offline)


@pytest.fixture
def mnist_folder(tmp_path, layouts, grey_parts):
    layouts.write_idx(tmp_path / "mnist", *grey_parts)
    return tmp_path


def test_mnist_is_mnist(data_dir):
    """Counts of the official test labels, the first ones, and the first pixels of the first picture."""
    mnist = data.load("mnist", data_dir=data_dir)
    assert mnist.image_shape == (28, 28, 1)
    assert (len(mnist.train), len(mnist.test)) == (17_000, 10_000)
    assert np.bincount(mnist.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test.images.dtype == np.uint8
    assert mnist.test.images[0, 7, 6:12, 0].tolist() == [84, 185, 159, 151, 60, 36]
    # The mean pixel of the test images, as commonly published: 0.1325.
    assert mnist.test.as_float().mean(dtype=np.float64) == pytest.approx(0.1325, abs=1e-4)
    assert mnist.source == str(data_dir / "mnist")
    assert mnist.superclasses is None


def test_cifar10_of_real_images(cifar_dir):
    cifar = data.load("cifar10", data_dir=cifar_dir)
    assert cifar.image_shape == (32, 32, 3)
    assert (len(cifar.train), len(cifar.test)) == (1000, 500)
    assert cifar.class_names[6] == "frog"
    # Every class is about a tenth.
    assert np.bincount(cifar.train.labels, minlength=10).min() > 60


def test_subsets_are_the_first_images_and_validation_comes_before_training(mnist_folder, grey_parts):
    (images, labels), (test_images, _) = grey_parts
    part = data.load("mnist", data_dir=mnist_folder, validation_size=3, train_size=5, test_size=2)
    np.testing.assert_array_equal(part.validation.images[..., 0], images[:3])
    np.testing.assert_array_equal(part.train.images[..., 0], images[3:8])
    np.testing.assert_array_equal(part.train.labels, labels[3:8])
    np.testing.assert_array_equal(part.test.images[..., 0], test_images[:2])
    everything = data.load("mnist", data_dir=mnist_folder, validation_size=3)
    np.testing.assert_array_equal(everything.train.images[..., 0], images[3:])
    assert data.load("mnist", data_dir=mnist_folder).validation is None


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"train_size": 13}, r"`train_size`\. Expected at most 12 for mnist\. Received: train_size=13"),
        (
            {"train_size": 9, "validation_size": 4},
            r"at most 8 for mnist \(12 training images, of which 4 are held out\)",
        ),
        ({"test_size": 7}, r"`test_size`\. Expected at most 6 for mnist"),
        ({"validation_size": 12}, r"`validation_size`\. Expected less than the 12 training images"),
        ({"train_size": 0}, r"`train_size`\. Expected an integer >= 1"),
        ({"test_size": 1.5}, r"`test_size`\. Expected an integer >= 1"),
        ({"validation_size": -1}, r"`validation_size`\. Expected an integer >= 0"),
    ],
)
def test_sizes_are_checked(mnist_folder, sizes, message):
    with pytest.raises(UserError, match=message):
        data.load("mnist", data_dir=mnist_folder, **sizes)


def test_eleven_can_be_held_out_of_twelve(mnist_folder):
    assert len(data.load("mnist", data_dir=mnist_folder, validation_size=11).train) == 1


def test_names_and_spellings():
    assert data.names() == [
        "digits",
        "mnist",
        "fashion_mnist",
        "cifar10",
        "cifar100",
        "cifar100_coarse",
        "npy",
    ]
    for spelling in ("fashion_mnist", "fashionmnist", "fashion-mnist"):
        assert data.canonical_name(spelling) == "fashion_mnist"
    with pytest.raises(
        UserError, match=r"`dataset`\. Expected one of digits, mnist, .* Received: dataset=imagenet"
    ):
        data.load("imagenet")


def test_class_names():
    assert [len(names) for names in (classes.CIFAR10, classes.CIFAR100, classes.CIFAR100_COARSE)] == [
        10,
        100,
        20,
    ]
    # Both lists are alphabetical in the official files.
    assert list(classes.CIFAR100) == sorted(set(classes.CIFAR100))
    assert list(classes.CIFAR100_COARSE) == sorted(set(classes.CIFAR100_COARSE))
    assert len(classes.FASHION_MNIST) == len(classes.DIGITS) == 10


@pytest.fixture
def cifar100_folder(tmp_path, layouts):
    """One image of each class in each split, with a tree that is not l // 5."""
    tree = np.random.default_rng(1).permutation(np.repeat(np.arange(20), 5))
    images = np.random.default_rng(2).integers(0, 256, (100, 32, 32, 3), dtype=np.uint8)
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    for name in ("train.bin", "test.bin"):
        (folder / name).write_bytes(layouts.binary_records(images, tree, np.arange(100)))
    return tmp_path, tree


def test_cifar100_fine_and_coarse(cifar100_folder):
    folder, tree = cifar100_folder
    fine, coarse = (data.load(name, data_dir=folder) for name in ("cifar100", "cifar100_coarse"))
    assert (fine.num_classes, coarse.num_classes) == (100, 20)
    np.testing.assert_array_equal(fine.train.labels, np.arange(100))
    np.testing.assert_array_equal(coarse.test.labels, tree)
    np.testing.assert_array_equal(fine.superclasses, tree)
    assert coarse.superclasses is None
    # The tree is known whatever part of the images is kept.
    np.testing.assert_array_equal(data.load("cifar100", data_dir=folder, train_size=3).superclasses, tree)


def test_a_tree_that_contradicts_itself(cifar100_folder, layouts):
    folder, tree = cifar100_folder
    images = np.zeros((1, 32, 32, 3), np.uint8)
    wrong = np.array([(tree[7] + 1) % 20])
    (folder / "cifar-100-binary" / "test.bin").write_bytes(layouts.binary_records(images, wrong, [7]))
    with pytest.raises(UserError, match="one coarse label for each class"):
        data.load("cifar100", data_dir=folder)


def test_keras_npz_has_fine_labels_only(tmp_path):
    images = np.zeros((2, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "cifar100.npz", x_train=images, y_train=[[99], [0]], x_test=images, y_test=[[1], [2]])
    cifar = data.load("cifar100", data_dir=tmp_path)
    assert cifar.train.labels.tolist() == [99, 0]
    assert cifar.superclasses is None
    with pytest.raises(UserError, match="cifar-100-binary"):
        data.load("cifar100_coarse", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"x_train": np.zeros((2, 32, 32), np.uint8)},
            r"training images of shape \(28, 28, 1\).*\(32, 32, 1\)",
        ),
        ({"y_test": np.array([3, 10])}, r"test labels from 0 to 9.*labels from 3 to 10"),
        ({"y_train": np.array([-1, 1])}, r"labels >= 0.*values from -1 to 1"),
        ({"x_test": np.zeros((0, 28, 28), np.uint8), "y_test": np.zeros(0, int)}, "at least one test image"),
    ],
)
def test_arrays_that_are_not_mnist(tmp_path, changes, message):
    images, labels = np.zeros((2, 28, 28), np.uint8), np.array([1, 2])
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels} | changes
    np.savez(tmp_path / "mnist.npz", **arrays)
    with pytest.raises(UserError, match=message):
        data.load("mnist", data_dir=tmp_path)


def test_the_environment_names_the_folder(mnist_folder, monkeypatch):
    monkeypatch.setenv("MMC_DATA_DIR", str(mnist_folder))
    assert len(data.load("mnist").train) == 12
    monkeypatch.setenv("MMC_DATA_DIR", str(mnist_folder / "nothing"))
    with pytest.raises(UserError, match=r"`MMC_DATA_DIR`\. Expected an existing folder"):
        data.load("mnist")


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(
        UserError, match=r"`data_dir`\. Expected an existing folder\. Received: data_dir=.*nothing"
    ):
        data.load("mnist", data_dir=tmp_path / "nothing")


def test_the_keras_cache_comes_after_the_folder(tmp_path, mnist_folder, layouts, grey_parts):
    (images, labels), test = grey_parts
    cache = keras_cache.cached_folder("fashion_mnist")
    layouts.write_idx(cache, (images, labels), test, gz=True)
    assert data.load("fashion_mnist", data_dir=mnist_folder).source == str(cache)
    assert data.load("mnist", data_dir=mnist_folder).source == str(mnist_folder / "mnist")


def test_a_download_that_broke_off_is_taken_up_again(monkeypatch, layouts, grey_parts):
    cache = keras_cache.cached_folder("fashion_mnist")
    layouts.write_idx(cache, *grey_parts, gz=True)
    (cache / "t10k-labels-idx1-ubyte.gz").unlink()

    def download(name):
        layouts.write_idx(cache, *grey_parts, gz=True)
        return cache

    monkeypatch.setattr(keras_cache, "download", download)
    assert len(data.load("fashion_mnist").train) == 12


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "cifar100", "cifar100_coarse"])
def test_nothing_anywhere_names_files_folders_and_the_alternative(tmp_path, name):
    with pytest.raises(UserError) as caught:
        data.load(name, data_dir=tmp_path)
    text = str(caught.value)
    first = {"mnist": "train-images-idx3-ubyte", "fashion_mnist": "train-images-idx3-ubyte"}
    for part in (
        first.get(name, "tar.gz"),
        str(tmp_path),
        "--dataset=digits",
        "offline",
        keras_cache.cache_dir(),
    ):
        assert str(part) in text
    assert "\n" not in text


def test_on_a_machine_without_network_the_error_comes_at_once_and_without_tensorflow(tmp_path):
    """A fresh program, a proxy that is not there: the whole of it within 5 seconds."""
    program = (
        "import sys, mmc_tf.data as data\n"
        "try: data.load('cifar10')\n"
        "except ValueError as error: print(error)\n"
        "print('tensorflow' in sys.modules)"
    )
    environment = os.environ | {"https_proxy": "http://127.0.0.1:9", "KERAS_HOME": str(tmp_path)}
    start = time.monotonic()
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert time.monotonic() - start < 5
    message, has_tensorflow = answer.stdout.strip().splitlines()
    assert "www.cs.toronto.edu" in message
    assert "--dataset=digits" in message
    assert has_tensorflow == "False"
    assert answer.stderr == ""
