"""What a data set is: two or three splits of images and labels, and the names of its classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmc_tf.checks import argument_error, check_images, check_labels
from mmc_tf.data.mapping import chunks, is_mapped


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels.

    Args:
        images: (N, H, W, C), uint8 or float32 in [0, 1]; may be a memory-mapped array larger than memory, which is
            kept as it is.
        labels: (N,) integers; kept as int32.

    Raises:
        UserError: for another shape or type, or as many labels as there are not images.

    Example:
        >>> split = Split(np.full((2, 8, 8, 1), 255, np.uint8), np.array([3, 1]))
        >>> len(split), split.as_float().max()
        (2, np.float32(1.0))
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self):
        images = _checked_images(np.asarray(self.images))
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", check_labels("labels", self.labels, size=len(images)))

    def __len__(self) -> int:
        return len(self.images)

    def as_float(self) -> np.ndarray:
        """The images as float32 in [0, 1]; uint8 values are divided by 255."""
        if self.images.dtype == np.uint8:
            return self.images.astype(np.float32, order="C") / np.float32(255)
        return self.images

    def part(self, start: int, stop: int) -> Split:
        """The examples from `start` to before `stop`, as views."""
        part = object.__new__(Split)  # what has been checked is not read again
        object.__setattr__(part, "images", self.images[start:stop])
        object.__setattr__(part, "labels", self.labels[start:stop])
        return part


def _checked_images(images: np.ndarray) -> np.ndarray:
    """The images, uint8 or float32 in [0, 1]; those in a file are looked at part by part."""
    if images.ndim != 4:
        raise argument_error("images", "images of shape (N, H, W, C)", f"an array of shape {images.shape}")
    if images.dtype == np.uint8:
        return images
    if is_mapped(images) and images.dtype != np.float32:
        expected = "uint8 or float32 images, where they are memory-mapped"
        raise argument_error("images", expected, f"dtype {images.dtype}")
    images = images.astype(np.float32, copy=False)
    for part in chunks(images):
        check_images("images", part)
    return images


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set as `mmc_tf.data.load` returns it.

    Args:
        name: its registered name.
        train: what is trained on.
        test: what is tested on.
        validation: training images held out, or None.
        num_classes: L.
        class_names: L names.
        superclasses: (L,) the coarse label of each class, or None where the files have none.
        source: one line that says what was read.

    Raises:
        UserError: if a split is empty, splits differ in the shape of an image, or a label is not in [0, L).
    """

    name: str
    train: Split
    test: Split
    validation: Split | None
    num_classes: int
    class_names: tuple[str, ...]
    superclasses: np.ndarray | None
    source: str

    def __post_init__(self):
        splits = {"training": self.train, "test": self.test, "validation": self.validation}
        for part, split in splits.items():
            if split is None:
                continue
            if not len(split):
                raise argument_error("dataset", f"at least one {part} image", f"none in {self.source}")
            if split.images.shape[1:] != self.image_shape:
                expected = f"{part} images of shape {self.image_shape}, like the training images"
                raise argument_error("dataset", expected, f"{split.images.shape[1:]} in {self.source}")
            if split.labels.max() >= self.num_classes or split.labels.min() < 0:
                expected = f"{part} labels from 0 to {self.num_classes - 1}"
                received = f"labels from {split.labels.min()} to {split.labels.max()} in {self.source}"
                raise argument_error("dataset", expected, received)
        if len(self.class_names) != self.num_classes:
            raise argument_error("class_names", f"{self.num_classes} names", self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of an image."""
        return self.train.images.shape[1:]
