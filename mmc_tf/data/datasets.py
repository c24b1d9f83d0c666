"""The data sets by name, and `load`, which every program calls to get one."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmc_tf.checks import ECHOED, UserError, argument_error, check_number
from mmc_tf.data import classes, keras_cache, sources
from mmc_tf.data.dataset import Dataset, Split
from mmc_tf.data.digits import load_digits
from mmc_tf.data.npy_folder import load_npy_folder
from mmc_tf.data.readers import Arrays
from mmc_tf.data.superclasses import superclasses_of
from mmc_tf.registry import Registry

DATA_DIR_VARIABLE = "MMC_DATA_DIR"
SPELLINGS = {"fashionmnist": "fashion_mnist", "fashion-mnist": "fashion_mnist"}

DATASETS: Registry[Callable[[Path | None], Dataset]] = Registry("dataset")


def names() -> list[str]:
    """The names that `load` knows."""
    return DATASETS.names()


def canonical_name(name: str) -> str:
    """The registered name of a data set: `fashion-mnist` -> `fashion_mnist`.

    Raises:
        UserError: for an unknown name, with the names there are.
    """
    name = SPELLINGS.get(name, name)
    DATASETS.get(name)
    return name


def load(
    name: str,
    *,
    data_dir: str | os.PathLike | None = None,
    train_size: int | None = None,
    test_size: int | None = None,
    validation_size: int = 0,
    seed: int = 0,
) -> Dataset:
    """Loads a data set from its files, or from the Keras cache, or by downloading it into that.

    Args:
        name: one of `names()`; also `fashionmnist` and `fashion-mnist`.
        data_dir: the folder that holds the files or a folder of them, such as `mnist/`; None: $MMC_DATA_DIR.
        train_size: how many training images to keep, the first ones after those held out; None: all.
        test_size: how many test images to keep, the first ones; None: all.
        validation_size: how many of the first training images to hold out (the MMA paper: 5,000); 0: none.
        seed: changes nothing: every split is fixed, so that no program trains on what another one tests on.

    Returns:
        The data set. Images are uint8 (N, H, W, C), of `digits` float32, of `npy` either. Those of files that are not
        compressed stay there until they are looked at.

    Raises:
        UserError: for an unknown name, missing or damaged files, or a size that the data set does not have.

    Example:
        >>> digits = load("digits", train_size=1000, test_size=100)
        >>> len(digits.train), len(digits.test), digits.image_shape
        (1000, 100, (8, 8, 1))
    """
    del seed
    name = canonical_name(name)
    # Before files are read, because a mistake should not have to wait for them.
    for argument, size in (("train_size", train_size), ("test_size", test_size)):
        if size is not None:
            check_number(argument, size, minimum=1, integer=True)
    check_number("validation_size", validation_size, minimum=0, integer=True)
    return _take(
        DATASETS.get(name)(_folder(data_dir) if name != "digits" else None),
        train_size,
        test_size,
        validation_size,
    )


def _folder(data_dir: str | os.PathLike | None) -> Path | None:
    argument = "data_dir"
    if data_dir is None:
        argument, data_dir = DATA_DIR_VARIABLE, os.environ.get(DATA_DIR_VARIABLE) or None
    if data_dir is None:
        return None
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise argument_error(argument, "an existing folder", str(data_dir))
    return folder


def _take(dataset: Dataset, train_size: int | None, test_size: int | None, validation_size: int) -> Dataset:
    available = len(dataset.train)
    if validation_size >= available:
        expected = (
            f"less than the {available} training images of {dataset.name}, to leave at least one to train on"
        )
        raise argument_error("validation_size", expected, validation_size)
    left = available - validation_size
    held_out = (
        f" ({available} training images, of which {validation_size} are held out)" if validation_size else ""
    )
    if train_size is not None and train_size > left:
        raise argument_error("train_size", f"at most {left} for {dataset.name}{held_out}", train_size)
    if test_size is not None and test_size > len(dataset.test):
        expected = f"at most {len(dataset.test)} for {dataset.name}"
        raise argument_error("test_size", expected, test_size)
    stop = available if train_size is None else validation_size + train_size
    return replace(
        dataset,
        train=dataset.train.part(validation_size, stop),
        test=dataset.test.part(0, len(dataset.test) if test_size is None else test_size),
        validation=dataset.train.part(0, validation_size) if validation_size else None,
    )


def _read(name: str, folder: Path | None) -> tuple[Arrays, str]:
    """The first that works: the folder, the Keras cache, a download."""
    found = sources.find_and_read(name, folder) if folder is not None else None
    if found is None:
        try:
            found = sources.find_and_read(name, keras_cache.cached_folder(name))
        except sources.IncompleteError:
            found = None  # a download that broke off; it is taken up again below
    if found is None:
        try:
            found = sources.find_and_read(name, keras_cache.download(name))
        except keras_cache.DownloadError as error:
            raise _not_found(name, folder, str(error)) from None
    if found is None:
        raise _not_found(name, folder, "the download holds something else")
    return found


def _not_found(name: str, folder: Path | None, reason: str) -> UserError:
    expected = (
        f"a folder with the files of {name} ({sources.describe(name)}), "
        "or a network to download them; --dataset=digits is embedded and needs no files"
    )
    looked = "None" if folder is None else f"{folder}, where none of them is"
    received = f"{looked}; nothing in {keras_cache.cached_folder(name)}; {reason}"
    return argument_error("data_dir", expected, received, longest=3 * ECHOED)


def _build(
    name: str,
    folder: Path | None,
    image_shape: tuple[int, int, int],
    class_names: tuple[str, ...],
    *,
    use_coarse: bool = False,
) -> Dataset:
    arrays, source = _read(name, folder)
    for part, images in (("training", arrays.train_images), ("test", arrays.test_images)):
        if images.shape[1:] != image_shape:
            expected = f"{part} images of shape {image_shape}"
            raise argument_error("dataset", expected, f"{images.shape[1:]} in {source}")
    superclasses = None
    train_labels, test_labels = arrays.train_labels, arrays.test_labels
    if use_coarse:
        train_labels, test_labels = arrays.train_coarse, arrays.test_coarse
    elif arrays.train_coarse is not None:
        superclasses = superclasses_of(
            np.concatenate([train_labels, test_labels]),
            np.concatenate([arrays.train_coarse, arrays.test_coarse]),
            num_classes=len(class_names),
        )
    return Dataset(
        name=name,
        train=Split(arrays.train_images, train_labels),
        test=Split(arrays.test_images, test_labels),
        validation=None,
        num_classes=len(class_names),
        class_names=class_names,
        superclasses=superclasses,
        source=source,
    )


@DATASETS.register("digits")
def _digits(folder: Path | None) -> Dataset:
    return load_digits()


@DATASETS.register("mnist")
def _mnist(folder: Path | None) -> Dataset:
    return _build("mnist", folder, (28, 28, 1), classes.DIGITS)


@DATASETS.register("fashion_mnist")
def _fashion_mnist(folder: Path | None) -> Dataset:
    return _build("fashion_mnist", folder, (28, 28, 1), classes.FASHION_MNIST)


@DATASETS.register("cifar10")
def _cifar10(folder: Path | None) -> Dataset:
    return _build("cifar10", folder, (32, 32, 3), classes.CIFAR10)


@DATASETS.register("cifar100")
def _cifar100(folder: Path | None) -> Dataset:
    return _build("cifar100", folder, (32, 32, 3), classes.CIFAR100)


@DATASETS.register("cifar100_coarse")
def _cifar100_coarse(folder: Path | None) -> Dataset:
    return _build("cifar100_coarse", folder, (32, 32, 3), classes.CIFAR100_COARSE, use_coarse=True)


@DATASETS.register("npy")
def _npy(folder: Path | None) -> Dataset:
    return load_npy_folder(folder)
