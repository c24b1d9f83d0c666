"""Writers of each layout, independent of the readers they test."""

import gzip
import io
import pickle
import struct
import tarfile
from types import SimpleNamespace

import numpy as np
import pytest


def idx_bytes(array):
    """The definition of the format, by struct."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder, train, test, *, gz=False):
    folder.mkdir(parents=True, exist_ok=True)
    for part, (images, labels) in (("train", train), ("t10k", test)):
        for stem, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            content = idx_bytes(array)
            (folder / (stem + ".gz" * gz)).write_bytes(gzip.compress(content) if gz else content)


def binary_records(images, *label_columns):
    """Label bytes, then the red, green and blue planes, one image after the other."""
    return b"".join(
        bytes(int(column[i]) for column in label_columns)
        + b"".join(image[:, :, channel].tobytes() for channel in range(3))
        for i, image in enumerate(images)
    )


def rows_of(images):
    return np.stack([np.concatenate([image[:, :, c].ravel() for c in range(3)]) for image in images])


def python2_pickle(rows, label_lists):
    """A CIFAR batch as cPickle of Python 2 wrote it, opcode by opcode: protocol 2, byte-string keys."""

    def short(text):
        return b"U" + bytes([len(text)]) + text

    def integer(value):
        return b"J" + struct.pack("<i", value)

    def list_of(values):
        return b"](" + b"".join(integer(int(value)) for value in values) + b"e"

    dtype = b"cnumpy\ndtype\n" + short(b"u1") + b"K\x00K\x01\x87R(K\x03" + short(b"|") + b"NNN"
    dtype += integer(-1) + integer(-1) + b"K\x00tb"
    content = rows.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + short(b"b") + b"\x87R"
    array += b"(K\x01" + integer(rows.shape[0]) + integer(rows.shape[1]) + b"\x86" + dtype
    array += b"\x89T" + struct.pack("<i", len(content)) + content + b"tb"
    items = short(b"batch_label") + short(b"training batch 1 of 5") + short(b"data") + array
    for key, labels in label_lists.items():
        items += short(key.encode()) + list_of(labels)
    return b"\x80\x02}(" + items + b"u."


def python3_pickle(rows, label_lists, *, protocol=4, old_modules=False):
    lists = {key: [int(label) for label in labels] for key, labels in label_lists.items()}
    content = pickle.dumps({"data": rows} | lists, protocol=protocol)
    # The modules' names before NumPy 2; protocol 2 writes them as plain lines.
    return content.replace(b"numpy._core.", b"numpy.core.") if old_modules else content


def write_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.fixture
def layouts():
    """Functions that write a layout."""
    return SimpleNamespace(
        idx_bytes=idx_bytes,
        write_idx=write_idx,
        binary_records=binary_records,
        rows_of=rows_of,
        python2_pickle=python2_pickle,
        python3_pickle=python3_pickle,
        write_tar=write_tar,
    )


@pytest.fixture
def grey_parts(random_parts):
    """Twelve training and six test images of 28x28 with labels."""
    return tuple((images[:, :28, :28, 0].copy(), labels) for images, labels in random_parts)


@pytest.fixture
def random_parts():
    """Twelve training and six test images of 32x32x3 with labels."""
    rng = np.random.default_rng(5)
    return tuple(
        (rng.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, size).astype(np.uint8))
        for size in (12, 6)
    )
