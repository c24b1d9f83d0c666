"""A user's own images: a folder of `.npy` files, which may be larger than memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmc_tf.checks import argument_error
from mmc_tf.data.dataset import Dataset, Split
from mmc_tf.data.readers import file_error, read_npy
from mmc_tf.files import one_line

FILES = ("x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy")
NAMES = "classes.txt"


def load_npy_folder(folder: Path | None) -> Dataset:
    """Opens the four files of a folder without reading the images.

    Images are uint8, or float32 in [0, 1], of shape (N, H, W) or (N, H, W, C); labels are integers (N,). There are as
    many classes as different labels, which are 0, 1, … without gaps; or as many as `classes.txt` has lines, one name a
    line.

    Raises:
        UserError: if there is no folder, a file is missing or damaged, or has another shape or type, or labels with
            gaps.
    """
    expected = f"a folder with {', '.join(FILES)}"
    if folder is None:
        raise argument_error("data_dir", f"{expected}, for --dataset=npy", "None")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise argument_error("data_dir", expected, f"{folder}, without {', '.join(missing)}")
    train, test = (
        Split(*_images_and_labels(folder / f"x_{part}.npy", folder / f"y_{part}.npy"))
        for part in ("train", "test")
    )
    labels = np.unique(np.concatenate([train.labels, test.labels]))
    largest = int(labels.max(initial=-1))
    if not (folder / NAMES).is_file():
        _check_no_gaps(folder, labels)
        names = tuple(str(label) for label in range(largest + 1))
    else:
        try:
            lines = (folder / NAMES).read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise file_error(folder / NAMES, "names in UTF-8, one a line", one_line(error)) from None
        names = tuple(name.strip() for name in lines if name.strip())
        if len(names) <= largest:
            raise file_error(folder / NAMES, f"{largest + 1} names or more, one a line", f"{len(names)}")
    return Dataset(
        name="npy",
        train=train,
        test=test,
        validation=None,
        num_classes=len(names),
        class_names=names,
        superclasses=None,
        source=str(folder),
    )


def _check_no_gaps(folder: Path, labels: np.ndarray) -> None:
    """A network gets an output a class: those of a label such as 1e9, read by mistake, would fill the memory."""
    odd = np.flatnonzero(labels != np.arange(len(labels)))
    if len(odd):
        missing, label = int(odd[0]), int(labels[odd[0]])
        expected = f"labels 0, 1, … without gaps, or {NAMES} with the names of all classes, one a line"
        received = f"the label {label}, and none that is {missing}"
        raise file_error(folder / FILES[1], expected, received)


def _images_and_labels(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    images, labels = read_npy(images_path), read_npy(labels_path)
    if images.dtype not in (np.uint8, np.float32) or images.ndim not in (3, 4):
        expected = "images of uint8, or float32 in [0, 1], and shape (N, H, W) or (N, H, W, C)"
        raise file_error(images_path, expected, f"{images.dtype} of shape {images.shape}")
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != (len(images),):
        expected = f"integers of shape ({len(images)},), one for each image of {images_path.name}"
        raise file_error(labels_path, expected, f"{labels.dtype} of shape {labels.shape}")
    return images if images.ndim == 4 else images[..., None], np.array(labels)
