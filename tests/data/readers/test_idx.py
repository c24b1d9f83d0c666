import gzip
import struct

import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.data.readers import read_idx, read_idx_dataset


@pytest.mark.parametrize("gz", [False, True])
def test_reads_what_the_definition_of_the_format_writes(tmp_path, layouts, grey_parts, gz):
    train, test = grey_parts
    layouts.write_idx(tmp_path, train, test, gz=gz)
    stems = [f"{p}-{k}-ubyte" for p in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]
    arrays = read_idx_dataset(*(tmp_path / (stem + ".gz" * gz) for stem in stems))
    assert arrays.train_images.shape == (12, 28, 28, 1)
    np.testing.assert_array_equal(arrays.train_images[..., 0], train[0])
    np.testing.assert_array_equal(arrays.train_labels, train[1])
    np.testing.assert_array_equal(arrays.test_images[..., 0], test[0])
    np.testing.assert_array_equal(arrays.test_labels, test[1])


def test_the_official_magic_numbers(tmp_path):
    """2051 and 2049, as the format's page has them."""
    (tmp_path / "images").write_bytes(struct.pack(">iiii", 2051, 1, 2, 3) + bytes(range(6)))
    (tmp_path / "labels").write_bytes(struct.pack(">ii", 2049, 2) + b"\x07\x02")
    assert read_idx(tmp_path / "images", num_dims=3).tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert read_idx(tmp_path / "labels", num_dims=1).tolist() == [7, 2]


GOOD = struct.pack(">iiii", 2051, 2, 2, 2) + bytes(8)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x", GOOD[:-1], r"x\. Expected 8 bytes .* Received: 7 bytes"),
        ("x", GOOD + b"\0", r"Expected 8 bytes .* Received: more"),
        ("x", GOOD[:9], r"a header of 16 bytes\. Received: 9 bytes"),
        ("x", b"", r"Received: 0 bytes"),
        (
            "x",
            struct.pack(">iiii", 2049, 2, 2, 2) + bytes(8),
            r"magic number 2051\. Received: magic number 2049",
        ),
        ("x", struct.pack(">iiii", 2051, -1, -1, -1) + bytes(8), r"x\. Expected an IDX file"),
        ("x.gz", GOOD, r"x\.gz\. Expected an IDX file.* Received: BadGzipFile"),
        ("x.gz", gzip.compress(GOOD, mtime=0)[:-12], r"x\.gz\. Expected an IDX file.* Received: EOFError"),
        ("x.gz", gzip.compress(GOOD, mtime=0)[:12] + b"\xff" * 20, r"x\.gz\. Expected an IDX file"),
        ("x.gz", gzip.compress(GOOD[:-1], mtime=0), r"Received: 7 bytes"),
    ],
)
def test_a_damaged_file_is_named_with_what_was_expected_and_what_came(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_idx(tmp_path / name, num_dims=3)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_as_many_labels_as_images(tmp_path, layouts, grey_parts):
    (images, labels), test = grey_parts
    layouts.write_idx(tmp_path, (images, labels[:-1]), test)
    stems = [f"{p}-{k}-ubyte" for p in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]
    with pytest.raises(
        UserError, match=r"train-labels-idx1-ubyte\. Expected 12 labels.* Received: 11 labels"
    ):
        read_idx_dataset(*(tmp_path / stem for stem in stems))
