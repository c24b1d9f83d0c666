import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.data.readers import read_keras_npz


def arrays_of(parts):
    (x_train, y_train), (x_test, y_test) = parts
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def test_grey_images_get_a_channel_and_columns_of_labels_become_flat(tmp_path, grey_parts):
    arrays = arrays_of(grey_parts)
    arrays["y_test"] = arrays["y_test"][:, None]
    np.savez(tmp_path / "mnist.npz", **arrays)
    read = read_keras_npz(tmp_path / "mnist.npz")
    np.testing.assert_array_equal(read.train_images, grey_parts[0][0][..., None])
    np.testing.assert_array_equal(read.test_labels, grey_parts[1][1])


def test_colour_images(tmp_path, random_parts):
    np.savez_compressed(tmp_path / "cifar10.npz", **arrays_of(random_parts))
    read = read_keras_npz(tmp_path / "cifar10.npz")
    np.testing.assert_array_equal(read.train_images, random_parts[0][0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"x_train": np.zeros((12, 28, 28))},
            r"x_train of uint8 .* Received: float64 of shape \(12, 28, 28\)",
        ),
        ({"x_test": np.zeros((6, 784), np.uint8)}, r"x_test of uint8 .* Received: uint8 of shape \(6, 784\)"),
        (
            {"y_train": np.zeros(11, int)},
            r"y_train of integers and shape \(12,\)\. Received: int64 of shape \(11,\)",
        ),
        ({"y_test": np.zeros(6)}, r"y_test of integers .* Received: float64"),
        ({"y_test": np.array([[1], [2, 3]] * 3, object)}, r"whole npz file of plain arrays"),
    ],
)
def test_other_arrays(tmp_path, grey_parts, changes, message):
    np.savez(tmp_path / "mnist.npz", **(arrays_of(grey_parts) | changes))
    with pytest.raises(UserError, match=message):
        read_keras_npz(tmp_path / "mnist.npz")


def test_damaged_files(tmp_path, grey_parts):
    path = tmp_path / "mnist.npz"
    np.savez_compressed(path, **arrays_of(grey_parts))
    good = path.read_bytes()
    np.save(tmp_path / "lone.npy", np.zeros(3))
    lone = (tmp_path / "lone.npy").read_bytes()
    altered = good[:500] + bytes(200) + good[700:]
    for content in (good[: len(good) // 2], altered, b"", b"garbage", lone):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"mnist\.npz\. Expected a whole npz file of plain arrays"):
            read_keras_npz(path)


def test_a_missing_array(tmp_path):
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros(3), images=np.zeros(3))
    with pytest.raises(UserError, match=r"x_train, y_train, x_test, y_test\. Received: only x_train, images"):
        read_keras_npz(tmp_path / "mnist.npz")
