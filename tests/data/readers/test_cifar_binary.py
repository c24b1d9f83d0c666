import io

import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.data.readers import CIFAR10, CIFAR100, open_folder, read_cifar_binary


def write_cifar10(folder, layouts, parts):
    (train_images, train_labels), (test_images, test_labels) = parts
    start = 0
    for number, size in enumerate((3, 3, 2, 2, 2), start=1):
        stop = start + size
        content = layouts.binary_records(train_images[start:stop], train_labels[start:stop])
        (folder / f"data_batch_{number}.bin").write_bytes(content)
        start = stop
    (folder / "test_batch.bin").write_bytes(layouts.binary_records(test_images, test_labels))


def test_cifar10_in_the_order_of_its_files(tmp_path, layouts, random_parts):
    write_cifar10(tmp_path, layouts, random_parts)
    arrays = read_cifar_binary(open_folder(tmp_path), CIFAR10)
    np.testing.assert_array_equal(arrays.train_images, random_parts[0][0])
    np.testing.assert_array_equal(arrays.train_labels, random_parts[0][1])
    np.testing.assert_array_equal(arrays.test_images, random_parts[1][0])
    np.testing.assert_array_equal(arrays.test_labels, random_parts[1][1])
    assert arrays.train_coarse is None


def test_cifar100_has_the_coarse_label_first(tmp_path, layouts, random_parts):
    (train_images, coarse), (test_images, test_coarse) = random_parts
    fine, test_fine = np.arange(88, 100), np.arange(6)
    (tmp_path / "train.bin").write_bytes(layouts.binary_records(train_images, coarse, fine))
    (tmp_path / "test.bin").write_bytes(layouts.binary_records(test_images, test_coarse, test_fine))
    arrays = read_cifar_binary(open_folder(tmp_path), CIFAR100)
    np.testing.assert_array_equal(arrays.train_images, train_images)
    np.testing.assert_array_equal(arrays.train_labels, fine)
    np.testing.assert_array_equal(arrays.train_coarse, coarse)
    np.testing.assert_array_equal(arrays.test_labels, test_fine)
    np.testing.assert_array_equal(arrays.test_coarse, test_coarse)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(3073 * 2 - 1), r"data_batch_2\.bin\. Expected records of 3073 bytes.* Received: 6145 bytes"),
        (b"", r"data_batch_2\.bin\. .* Received: an empty file"),
        (b"\x0a" + bytes(3072), r"data_batch_2\.bin\. Expected labels from 0 to 9\. Received: a label of 10"),
    ],
)
def test_damaged(tmp_path, layouts, random_parts, content, message):
    write_cifar10(tmp_path, layouts, random_parts)
    (tmp_path / "data_batch_2.bin").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_cifar_binary(open_folder(tmp_path), CIFAR10)


def test_the_range_of_each_label_byte_is_its_own(tmp_path):
    """A CIFAR-100 record whose coarse byte is 20 is wrong although 20 is a fine label."""
    (tmp_path / "train.bin").write_bytes(bytes([20, 20]) + bytes(3072))
    with pytest.raises(UserError, match=r"Expected coarse_labels from 0 to 19\. Received: a label of 20"):
        read_cifar_binary(open_folder(tmp_path), CIFAR100)


def test_a_missing_file(tmp_path, layouts, random_parts):
    write_cifar10(tmp_path, layouts, random_parts)
    (tmp_path / "test_batch.bin").unlink()
    with pytest.raises(UserError, match=r"test_batch\.bin\. Expected a readable file"):
        read_cifar_binary(open_folder(tmp_path), CIFAR10)


def test_real_images_equal_their_decoded_pictures(data_dir, cifar_dir):
    image_module = pytest.importorskip("PIL.Image")
    arrays = read_cifar_binary(open_folder(cifar_dir / "cifar-10-batches-bin"), CIFAR10)
    assert arrays.train_images.shape == (1000, 32, 32, 3)
    assert arrays.test_images.shape == (500, 32, 32, 3)
    with np.load(data_dir / "cifar10_jpeg.npz", allow_pickle=False) as packed:
        jpeg, offsets = packed["train_jpeg"], packed["train_offsets"]
        np.testing.assert_array_equal(arrays.train_labels, packed["train_labels"][:1000])
        np.testing.assert_array_equal(arrays.test_labels, packed["test_labels"][:500])
    for index in (0, 399, 999):
        picture = image_module.open(io.BytesIO(jpeg[offsets[index] : offsets[index + 1]].tobytes()))
        np.testing.assert_array_equal(arrays.train_images[index], np.asarray(picture))
