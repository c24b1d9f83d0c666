"""Images that stay on disk: what is mapped, and that nothing reads or copies the whole."""

import tracemalloc

import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.data import Split, load
from mmc_tf.data.mapping import chunks, is_mapped, release
from mmc_tf.data.readers import CIFAR10, CIFAR100, open_folder, read_cifar_binary, read_idx


@pytest.fixture
def random_parts(random_parts):
    """As for all readers, with each of the ten labels among the training images."""
    (x_train, _), test = random_parts
    return (x_train, np.arange(12, dtype=np.uint8) * 7 % 10), test


def write_npy(folder, random_parts, **changed):
    (x_train, y_train), (x_test, y_test) = random_parts
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test} | changed
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def test_official_layouts_without_compression_are_mapped(tmp_path, layouts, random_parts, grey_parts):
    layouts.write_idx(tmp_path, *grey_parts)
    layouts.write_idx(tmp_path, *grey_parts, gz=True)
    assert is_mapped(read_idx(tmp_path / "t10k-images-idx3-ubyte", num_dims=3))
    assert not is_mapped(read_idx(tmp_path / "t10k-images-idx3-ubyte.gz", num_dims=3))
    (images, labels), (test_images, test_labels) = random_parts
    for number in range(1, 6):
        (tmp_path / f"data_batch_{number}.bin").write_bytes(layouts.binary_records(images, labels))
    for name in ("test_batch.bin", "train.bin", "test.bin"):
        columns = (test_labels,) * (1 if name == "test_batch.bin" else 2)
        (tmp_path / name).write_bytes(layouts.binary_records(test_images, *columns))
    arrays = read_cifar_binary(open_folder(tmp_path), CIFAR10)
    assert is_mapped(arrays.test_images)
    assert not is_mapped(arrays.test_labels)
    assert is_mapped(read_cifar_binary(open_folder(tmp_path), CIFAR100).train_images)
    np.testing.assert_array_equal(arrays.test_images[[5, 0, 2]], test_images[[5, 0, 2]])


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_folder_of_npy_files_is_a_data_set(tmp_path, random_parts, kind):
    (x_train, y_train), (x_test, y_test) = random_parts
    scale = 255 if kind is np.float32 else 1
    write_npy(
        tmp_path, random_parts, x_train=(x_train / scale).astype(kind), x_test=(x_test / scale).astype(kind)
    )
    dataset = load("npy", data_dir=tmp_path, test_size=4)
    assert is_mapped(dataset.test.images)
    assert (len(dataset.train), len(dataset.test), dataset.image_shape) == (12, 4, (32, 32, 3))
    np.testing.assert_allclose(dataset.test.as_float(), x_test[:4] / np.float32(255), atol=1e-7)
    np.testing.assert_array_equal(dataset.train.labels, y_train)
    assert dataset.num_classes == max(y_train.max(), y_test.max()) + 1
    assert dataset.class_names[:2] == ("0", "1")
    np.save(tmp_path / "y_test.npy", np.full(6, 11))  # names that are said to be there may lack images
    (tmp_path / "classes.txt").write_text("\n".join(f"class {label}" for label in range(12)) + "\n")
    named = load("npy", data_dir=tmp_path)
    assert (named.num_classes, named.class_names[11]) == (12, "class 11")


def test_grey_images_get_a_channel(tmp_path, random_parts):
    (x_train, _), (x_test, _) = random_parts
    write_npy(tmp_path, random_parts, x_train=x_train[..., 0], x_test=x_test[..., 0])
    assert load("npy", data_dir=tmp_path).image_shape == (32, 32, 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"x_test": np.zeros((6, 3), np.uint8)},
            r"x_test\.npy\. Expected images of uint8.*uint8 of shape \(6, 3\)",
        ),
        ({"x_test": np.zeros((6, 4, 4), np.float64)}, r"x_test\.npy\. Expected images.*float64 of shape"),
        ({"y_test": np.zeros(5, int)}, r"y_test\.npy\. Expected integers of shape \(6,\).*\(5,\)"),
        (
            {"y_test": np.full(6, 10**9)},
            r"y_train\.npy\. Expected labels 0, 1, .* the label 1000000000, and none that is 10",
        ),
        ({"y_test": np.full(6, 11)}, r"without gaps, or classes\.txt .* the label 11, and none that is 10"),
        ({"y_test": np.zeros(6)}, r"y_test\.npy\. Expected integers.*float64"),
        ({"x_test": np.full((6, 32, 32, 3), 2, np.float32)}, r"pixel values in \[0, 1\].*from 2 to 2"),
        ({"x_test": np.zeros((6, 32, 32, 1), np.uint8)}, r"test images of shape \(32, 32, 3\)"),
    ],
)
def test_other_arrays_are_refused(tmp_path, random_parts, changed, said):
    write_npy(tmp_path, random_parts, **changed)
    with pytest.raises(UserError, match=said):
        load("npy", data_dir=tmp_path)


def test_missing_and_damaged_files_are_named(tmp_path, random_parts):
    with pytest.raises(UserError, match=r"`data_dir`\. Expected a folder with x_train\.npy"):
        load("npy")
    write_npy(tmp_path, random_parts)
    (tmp_path / "classes.txt").write_text("one\n")
    with pytest.raises(UserError, match=r"classes\.txt\. Expected 10 names or more"):
        load("npy", data_dir=tmp_path)
    content = (tmp_path / "x_test.npy").read_bytes()
    for damaged in (content[:-100], b"", b"PK\x03\x04"):
        (tmp_path / "x_test.npy").write_bytes(damaged)
        with pytest.raises(UserError, match=r"x_test\.npy\. Expected a whole npy file"):
            load("npy", data_dir=tmp_path)
    (tmp_path / "x_test.npy").unlink()
    with pytest.raises(UserError, match=r"without x_test\.npy"):
        load("npy", data_dir=tmp_path)


def test_chunks_are_the_array_in_order():
    array = np.arange(35).reshape(7, 5)
    parts = list(chunks(array, num_bytes=array[:3].nbytes))
    assert [len(part) for part in parts] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(parts), array)
    assert [len(part) for part in chunks(array, num_bytes=1)] == [1] * 7
    assert list(chunks(array[:0])) == []


def test_released_pages_are_read_again(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100_000))
    array = np.load(tmp_path / "a.npy", mmap_mode="r")
    view = np.asarray(array)[::-1][10:]
    assert is_mapped(view)
    assert not is_mapped(view.copy())
    before = view.sum()
    release(view)
    assert view.sum() == before
    release(np.arange(3))  # nothing to release


def test_a_split_of_a_mapped_array_copies_nothing_and_checks_everything(tmp_path):
    size = 3000
    images = np.lib.format.open_memmap(
        tmp_path / "x.npy", mode="w+", dtype=np.float32, shape=(size, 32, 32, 3)
    )
    images[-1] = 0.5
    images.flush()
    opened = np.load(tmp_path / "x.npy", mmap_mode="r")
    tracemalloc.start()
    split = Split(opened, np.zeros(size, np.int32))
    part = split.part(10, size)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < opened.nbytes / 3
    assert is_mapped(part.images)
    assert part.as_float()[-1].max() == 0.5
    images[-1, 0, 0, 0] = np.nan
    with pytest.raises(UserError, match="finite pixel values"):
        Split(opened, np.zeros(size, np.int32))
    with pytest.raises(UserError, match=r"uint8 or float32 images, where they are memory-mapped.*float16"):
        Split(opened.view(np.float16), np.zeros(size, np.int32))


def test_names_that_are_no_text_are_refused(tmp_path):
    for part in ("train", "test"):
        np.save(tmp_path / f"x_{part}.npy", np.zeros((2, 4, 4), np.uint8))
        np.save(tmp_path / f"y_{part}.npy", np.arange(2))
    (tmp_path / "classes.txt").write_bytes(b"one\ntw\xff")
    with pytest.raises(UserError, match=r"classes\.txt\. Expected names in UTF-8"):
        load("npy", data_dir=tmp_path)
