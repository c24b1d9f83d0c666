"""Where the files of each data set may lie, and which reader reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmc_tf.checks import UserError
from mmc_tf.data import readers
from mmc_tf.data.readers import Arrays, CifarFiles, file_error


class IncompleteError(UserError):
    """Some of a data set's files are there, and some are not."""


@dataclass(frozen=True)
class Layout:
    """One way in which a data set is published.

    Args:
        folders: folders below the data folder to look in, the best first; "" is the data folder itself.
        files: for each file needed, the names it may have.
        read: reads the files found, which come in the order of `files`.
    """

    folders: tuple[str, ...]
    files: tuple[tuple[str, ...], ...]
    read: Callable[[list[Path]], Arrays]

    def find(self, folder: Path) -> list[Path | None]:
        """The path of each file in `folder`, or None where it is missing."""
        return [
            next((folder / name for name in names if (folder / name).is_file()), None) for names in self.files
        ]

    @property
    def shown(self) -> str:
        """The files, for people."""
        return ", ".join(names[0] + ("[.gz]" if names[0] + ".gz" in names else "") for names in self.files)


def _idx_layout(*folders: str) -> Layout:
    stems = (
        ("train-images", "idx3"),
        ("train-labels", "idx1"),
        ("t10k-images", "idx3"),
        ("t10k-labels", "idx1"),
    )
    files = tuple(
        tuple(f"{stem}{sep}{kind}-ubyte{suffix}" for suffix in ("", ".gz") for sep in "-.")
        for stem, kind in stems
    )
    return Layout((*folders, ""), files, lambda paths: readers.read_idx_dataset(*paths))


def _npz_layout(name: str, *folders: str) -> Layout:
    return Layout((*folders, ""), ((name,),), lambda paths: readers.read_keras_npz(paths[0]))


def _cifar_layouts(stem: str, names: CifarFiles) -> tuple[Layout, ...]:
    binary, python = ("cifar-10-batches-bin", "cifar-10-batches-py")
    if names is readers.CIFAR100:
        binary, python = ("cifar-100-binary", "cifar-100-python")

    def folder_layout(folder, files, read):
        return Layout((folder, ""), tuple((f,) for f in files), lambda paths: read(paths[0].parent))

    def archive_layout(archive, files, read):
        return Layout(("", stem), ((archive,),), lambda paths: read(readers.open_archive(paths[0], files)))

    def read_binary(files):
        return readers.read_cifar_binary(files, names)

    def read_python(files):
        return readers.read_cifar_python(files, names)

    return (
        folder_layout(binary, names.binary_files, lambda folder: read_binary(readers.open_folder(folder))),
        folder_layout(python, names.python_files, lambda folder: read_python(readers.open_folder(folder))),
        archive_layout(f"{stem}-binary.tar.gz", names.binary_files, read_binary),
        archive_layout(f"{stem}-python.tar.gz", names.python_files, read_python),
    )


MNIST_FOLDERS = ("mnist", "MNIST", "MNIST/raw")
FASHION_FOLDERS = ("fashion-mnist", "fashion_mnist", "FashionMNIST", "FashionMNIST/raw")

LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "mnist": (_idx_layout(*MNIST_FOLDERS), _npz_layout("mnist.npz", *MNIST_FOLDERS)),
    "fashion_mnist": (
        _idx_layout(*FASHION_FOLDERS),
        _npz_layout("fashion_mnist.npz", *FASHION_FOLDERS),
        _npz_layout("fashion-mnist.npz", *FASHION_FOLDERS),
    ),
    "cifar10": (*_cifar_layouts("cifar-10", readers.CIFAR10), _npz_layout("cifar10.npz")),
    "cifar100": (*_cifar_layouts("cifar-100", readers.CIFAR100), _npz_layout("cifar100.npz")),
    # Keras' npz has no coarse labels.
    "cifar100_coarse": _cifar_layouts("cifar-100", readers.CIFAR100),
}

# MNIST and Fashion-MNIST have the same file names, so they are told apart by their first test labels.
FIRST_TEST_LABELS = {
    "mnist": (7, 2, 1, 0, 4, 1, 4, 9, 5, 9, 0, 6, 9, 0, 1, 5, 9, 7, 3, 4),
    "fashion_mnist": (9, 2, 1, 1, 6, 1, 4, 6, 5, 7, 4, 5, 7, 3, 4, 1, 2, 4, 8, 0),
}


def find_and_read(name: str, root: Path) -> tuple[Arrays, str] | None:
    """Reads the data set from below `root`.

    Args:
        name: a key of `LAYOUTS`.
        root: the data folder.

    Returns:
        The arrays and the folder or file they came from, or None if there is nothing of this data set.

    Raises:
        IncompleteError: if only some of the files are there.
        UserError: if one is damaged, or they are another data set's.
    """
    incomplete = None
    for layout in LAYOUTS[name]:
        for subfolder in layout.folders:
            folder = root / subfolder
            if not subfolder and _belongs_to_another(name, folder):
                continue
            paths = layout.find(folder)
            if all(paths):
                arrays = layout.read(paths)
                source = paths[0] if len(paths) == 1 else folder
                _check_identity(name, arrays, source)
                return arrays, str(source)
            if any(paths) and incomplete is None:
                missing = [names[0] for names, path in zip(layout.files, paths, strict=True) if path is None]
                error = file_error(folder, layout.shown, "a folder without " + ", ".join(missing))
                incomplete = IncompleteError(str(error))
    if incomplete is not None:
        raise incomplete
    return None


def describe(name: str) -> str:
    """The files looked for and the folders below the data folder, in one line."""
    layouts = LAYOUTS[name]
    folders = dict.fromkeys(f"{folder}/" for layout in layouts for folder in layout.folders if folder)
    files = " or ".join(dict.fromkeys(layout.shown for layout in layouts))
    return f"{files}, directly inside or in {', '.join(folders)}"


def _belongs_to_another(name: str, folder: Path) -> bool:
    """Whether the folder is called after the other of the two data sets that share file names."""
    other = {"mnist": FASHION_FOLDERS, "fashion_mnist": MNIST_FOLDERS}.get(name, ())
    resolved = folder.resolve()
    return any(resolved.match(path.lower()) or resolved.match(path) for path in other)


def _check_identity(name: str, arrays: Arrays, source: object) -> None:
    for other, first in FIRST_TEST_LABELS.items():
        labels = arrays.test_labels[: len(first)]
        if (
            name in FIRST_TEST_LABELS
            and other != name
            and len(labels) == len(first)
            and np.array_equal(labels, first)
        ):
            raise file_error(source, f"the files of {name}", f"those of {other}, which have the same names")
