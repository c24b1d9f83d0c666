import pickle

import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.data.readers import CIFAR10, CIFAR100, open_folder, read_cifar_python


def write_cifar10(folder, layouts, parts, make):
    (train_images, train_labels), (test_images, test_labels) = parts
    for number in range(1, 6):
        part = slice(2 * (number - 1), 2 * number)
        content = make(layouts.rows_of(train_images[part]), {"labels": train_labels[part]})
        (folder / f"data_batch_{number}").write_bytes(content)
    (folder / "test_batch").write_bytes(make(layouts.rows_of(test_images), {"labels": test_labels}))


WRITERS = {
    "python 2": lambda layouts: layouts.python2_pickle,
    "protocol 4": lambda layouts: layouts.python3_pickle,
    "protocol 2, old names": lambda layouts: (
        lambda rows, labels: layouts.python3_pickle(rows, labels, protocol=2, old_modules=True)
    ),
    "protocol 5": lambda layouts: lambda rows, labels: layouts.python3_pickle(rows, labels, protocol=5),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_cifar10_of_every_python(tmp_path, layouts, random_parts, writer):
    write_cifar10(tmp_path, layouts, random_parts, WRITERS[writer](layouts))
    arrays = read_cifar_python(open_folder(tmp_path), CIFAR10)
    np.testing.assert_array_equal(arrays.train_images, random_parts[0][0][:10])
    np.testing.assert_array_equal(arrays.train_labels, random_parts[0][1][:10])
    np.testing.assert_array_equal(arrays.test_images, random_parts[1][0])
    np.testing.assert_array_equal(arrays.test_labels, random_parts[1][1])


@pytest.mark.filterwarnings("ignore")  # NumPy warns of the dtypes in pickles of Python 2; ours never asks it
def test_the_handwritten_python2_pickle_is_a_pickle(layouts, random_parts):
    """The stock unpickler reads it, so the test above tests the reader and not a private format."""
    rows = layouts.rows_of(random_parts[0][0])
    batch = pickle.loads(layouts.python2_pickle(rows, {"labels": [1, 2]}), encoding="bytes")
    np.testing.assert_array_equal(batch[b"data"], rows)
    assert batch[b"labels"] == [1, 2]


@pytest.mark.parametrize("writer", WRITERS)
def test_cifar100_has_fine_and_coarse_labels(tmp_path, layouts, random_parts, writer):
    (train_images, coarse), (test_images, test_coarse) = random_parts
    make = WRITERS[writer](layouts)
    fine = np.arange(88, 100)
    labels = {"coarse_labels": coarse, "fine_labels": fine}
    (tmp_path / "train").write_bytes(make(layouts.rows_of(train_images), labels))
    labels = {"coarse_labels": test_coarse, "fine_labels": fine[:6]}
    (tmp_path / "test").write_bytes(make(layouts.rows_of(test_images), labels))
    arrays = read_cifar_python(open_folder(tmp_path), CIFAR100)
    np.testing.assert_array_equal(arrays.train_images, train_images)
    np.testing.assert_array_equal(arrays.train_labels, fine)
    np.testing.assert_array_equal(arrays.train_coarse, coarse)
    np.testing.assert_array_equal(arrays.test_labels, fine[:6])
    np.testing.assert_array_equal(arrays.test_coarse, test_coarse)


ROWS = np.zeros((2, 3072), np.uint8)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ([1], r"test_batch\. Expected a pickled dict\. Received: a list"),
        ({"labels": [1, 2]}, r"an array `data` .* Received: a dict with the keys labels"),
        ({"data": ROWS.astype(int), "labels": [1, 2]}, r"of uint8 .* Received: an array of int64"),
        ({"data": ROWS[:, :-1], "labels": [1, 2]}, r"shape \(N, 3072\)\. Received: .* \(2, 3071\)"),
        ({"data": ROWS[:0], "labels": []}, r"Received: an array of uint8 and shape \(0, 3072\)"),
        ({"data": ROWS, "labels": [1]}, r"a list `labels` of 2 integers from 0 to 9\. Received: a list of 1"),
        ({"data": ROWS, "fine_labels": [1, 2]}, r"Received: a dict with the keys data, fine_labels"),
        ({"data": ROWS, "labels": [1, 10]}, r"Received: labels of another type or range"),
        ({"data": ROWS, "labels": ["1", "2"]}, r"Received: labels of another type or range"),
    ],
)
def test_another_pickle_is_named_with_what_came(tmp_path, layouts, random_parts, batch, message):
    write_cifar10(tmp_path, layouts, random_parts, layouts.python3_pickle)
    (tmp_path / "test_batch").write_bytes(pickle.dumps(batch))
    with pytest.raises(UserError, match=message):
        read_cifar_python(open_folder(tmp_path), CIFAR10)


def test_a_malicious_or_truncated_file_is_named(tmp_path, layouts, random_parts):
    write_cifar10(tmp_path, layouts, random_parts, layouts.python2_pickle)
    good = (tmp_path / "data_batch_3").read_bytes()
    marker = tmp_path / "marker"
    for content in (b"cos\nsystem\n(Vtouch " + str(marker).encode() + b"\ntR.", good[:-100], b""):
        (tmp_path / "data_batch_3").write_bytes(content)
        with pytest.raises(
            UserError, match=r"data_batch_3\. Expected a pickle of arrays, lists, dicts"
        ) as caught:
            read_cifar_python(open_folder(tmp_path), CIFAR10)
        assert "\n" not in str(caught.value)
    assert not marker.exists()
