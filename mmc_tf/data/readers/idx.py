"""The IDX layout of MNIST and its relatives, raw or gzipped.

Four bytes of magic (0, 0, the type, the number of dimensions), each dimension as a big-endian 32-bit integer,
then the values (http://yann.lecun.com/exdb/mnist, "The IDX file format"). MNIST uses type 8: unsigned bytes.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from mmc_tf.data.readers.arrays import Arrays, file_error
from mmc_tf.files import one_line

UNSIGNED_BYTE = 8


def read_idx(path: Path, *, num_dims: int) -> np.ndarray:
    """Reads one IDX file of unsigned bytes.

    Args:
        path: the file; `.gz` is unpacked.
        num_dims: how many dimensions it must have (3 for images, 1 for labels).

    Returns:
        uint8, of the shape in the header; without `.gz`, read from the file when it is looked at. The first
        dimension may be any: a file may hold fewer examples than the official one.

    Raises:
        UserError: for a wrong magic number, a size that is not the header's, or a damaged gzip stream.
    """
    magic = UNSIGNED_BYTE << 8 | num_dims
    header_size = 4 + 4 * num_dims
    kind = f"an IDX file of unsigned bytes in {num_dims} dimension{'s'[: num_dims > 1]}"
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            header = file.read(header_size)
            if len(header) < header_size:
                raise file_error(path, f"{kind}: a header of {header_size} bytes", f"{len(header)} bytes")
            numbers = np.frombuffer(header, ">u4")
            if numbers[0] != magic:
                raise file_error(path, f"{kind}: magic number {magic}", f"magic number {numbers[0]}")
            shape = tuple(int(number) for number in numbers[1:])
            size = math.prod(shape)
            if path.suffix != ".gz" and size and path.stat().st_size == header_size + size:
                return np.memmap(path, np.uint8, mode="r", offset=header_size, shape=shape)
            # One byte more than announced, so that a longer file is noticed without reading all of it.
            values = file.read(size + 1)
    except (OSError, EOFError, zlib.error, MemoryError, OverflowError) as error:
        raise file_error(path, f"{kind}, whole and readable", one_line(error)) from None
    if len(values) != size:
        received = "more" if len(values) > size else f"{len(values)} bytes"
        raise file_error(path, f"{size} bytes of values after the header, for shape {shape}", received)
    return np.frombuffer(values, np.uint8).reshape(shape)


def read_idx_dataset(train_images: Path, train_labels: Path, test_images: Path, test_labels: Path) -> Arrays:
    """Reads the four files of a data set.

    Raises:
        UserError: for a damaged file, or as many labels as there are not images.
    """
    arrays = []
    for images_path, labels_path in ((train_images, train_labels), (test_images, test_labels)):
        images, labels = read_idx(images_path, num_dims=3), read_idx(labels_path, num_dims=1)
        if len(images) != len(labels):
            expected = f"{len(images)} labels, one for each image of {images_path.name}"
            raise file_error(labels_path, expected, f"{len(labels)} labels")
        arrays += [images[..., None], labels]
    return Arrays(*arrays)
