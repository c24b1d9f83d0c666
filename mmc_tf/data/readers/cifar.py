"""What CIFAR-10 and CIFAR-100 have in common, and what their files are called (https://www.cs.toronto.edu/~kriz/cifar.html)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

IMAGE_BYTES = 3 * 32 * 32


@dataclass(frozen=True)
class CifarFiles:
    """Names of one of the two data sets.

    Args:
        train: the training files in order, as the Python version calls them; the binary version adds `.bin`.
        test: the test file.
        label_keys: keys of the label lists in the Python version, which are also the label bytes of a binary
            record in reverse order: CIFAR-100's record begins with the coarse label.
        num_classes: how many values each of the label lists has.
    """

    train: tuple[str, ...]
    test: str
    label_keys: tuple[str, ...]
    num_classes: tuple[int, ...]

    @property
    def python_files(self) -> tuple[str, ...]:
        """All files of the Python version."""
        return (*self.train, self.test)

    @property
    def binary_files(self) -> tuple[str, ...]:
        """All files of the binary version."""
        return tuple(name + ".bin" for name in self.python_files)


CIFAR10 = CifarFiles(tuple(f"data_batch_{i}" for i in range(1, 6)), "test_batch", ("labels",), (10,))
CIFAR100 = CifarFiles(("train",), "test", ("fine_labels", "coarse_labels"), (100, 20))


def images_from_rows(rows: np.ndarray) -> np.ndarray:
    """Rows of a red, a green and a blue plane as images: (N, 3072) -> (N, 32, 32, 3), a view of them."""
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
