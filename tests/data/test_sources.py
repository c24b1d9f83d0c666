import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.data import sources
from mmc_tf.data.readers import CIFAR10, CIFAR100

FASHION_TEST = np.array([9, 2, 1, 1, 6, 1, 4, 6, 5, 7, 4, 5, 7, 3, 4, 1, 2, 4, 8, 0, 2, 5], np.uint8)
MNIST_TEST = np.array([7, 2, 1, 0, 4, 1, 4, 9, 5, 9, 0, 6, 9, 0, 1, 5, 9, 7, 3, 4, 9, 6], np.uint8)


def idx_parts(marker, test_labels=None):
    """Images whose pixels all equal `marker`, to tell where they were read."""
    labels = np.zeros(3, np.uint8) if test_labels is None else test_labels
    return (np.full((4, 28, 28), marker, np.uint8), np.arange(4, dtype=np.uint8)), (
        np.full((len(labels), 28, 28), marker, np.uint8),
        labels,
    )


def marker_of(found):
    return int(found[0].train_images[0, 0, 0, 0])


@pytest.mark.parametrize("folder", ["", "mnist", "MNIST", "MNIST/raw"])
@pytest.mark.parametrize("gz", [False, True])
def test_mnist_in_each_conventional_folder(tmp_path, layouts, folder, gz):
    layouts.write_idx(tmp_path / folder, *idx_parts(3), gz=gz)
    arrays, source = sources.find_and_read("mnist", tmp_path)
    assert arrays.train_images.shape == (4, 28, 28, 1)
    assert source.startswith(str(tmp_path))


@pytest.mark.parametrize("folder", ["", "fashion-mnist", "fashion_mnist", "FashionMNIST", "FashionMNIST/raw"])
def test_fashion_mnist_in_each_conventional_folder(tmp_path, layouts, folder):
    layouts.write_idx(tmp_path / folder, *idx_parts(4, FASHION_TEST))
    assert marker_of(sources.find_and_read("fashion_mnist", tmp_path)) == 4


def test_a_named_folder_comes_before_the_data_folder_itself(tmp_path, layouts):
    layouts.write_idx(tmp_path, *idx_parts(1))
    layouts.write_idx(tmp_path / "mnist", *idx_parts(2))
    layouts.write_idx(tmp_path / "fashion-mnist", *idx_parts(3))
    assert marker_of(sources.find_and_read("mnist", tmp_path)) == 2
    assert marker_of(sources.find_and_read("fashion_mnist", tmp_path)) == 3


@pytest.mark.parametrize(
    ("wanted", "folder"),
    [("fashion_mnist", "mnist"), ("fashion_mnist", "MNIST/raw"), ("mnist", "fashion-mnist")],
)
def test_the_folder_of_the_other_data_set_is_never_read(tmp_path, layouts, wanted, folder):
    """Neither from above nor when the data folder is that folder itself."""
    layouts.write_idx(tmp_path / folder, *idx_parts(1))
    assert sources.find_and_read(wanted, tmp_path) is None
    assert sources.find_and_read(wanted, tmp_path / folder) is None


@pytest.mark.parametrize(
    ("wanted", "other", "labels"),
    [("fashion_mnist", "mnist", MNIST_TEST), ("mnist", "fashion_mnist", FASHION_TEST)],
)
def test_the_other_data_set_under_a_neutral_name_is_recognised(tmp_path, layouts, wanted, other, labels):
    layouts.write_idx(tmp_path, *idx_parts(1, labels))
    with pytest.raises(UserError, match=f"Expected the files of {wanted}. Received: those of {other}"):
        sources.find_and_read(wanted, tmp_path)
    assert sources.find_and_read(other, tmp_path) is not None


def test_names_with_a_dot_and_mixed_compression(tmp_path, layouts):
    """As some mirrors and unpackers leave them."""
    layouts.write_idx(tmp_path, *idx_parts(6))
    layouts.write_idx(tmp_path, *idx_parts(6), gz=True)
    (tmp_path / "train-images-idx3-ubyte").rename(tmp_path / "train-images.idx3-ubyte")
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert marker_of(sources.find_and_read("mnist", tmp_path)) == 6


def test_some_files_of_a_set_are_named(tmp_path, layouts):
    layouts.write_idx(tmp_path / "mnist", *idx_parts(1))
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(sources.IncompleteError, match=r"a folder without t10k-labels-idx1-ubyte$"):
        sources.find_and_read("mnist", tmp_path)


def test_nothing(tmp_path):
    for name in sources.LAYOUTS:
        assert sources.find_and_read(name, tmp_path) is None


def write_cifar(folder, layouts, names, python, parts):
    """One way to lay out either data set; every training file holds the same images."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in cifar_members(layouts, names, python, parts).items():
        (folder / name).write_bytes(content)


def cifar_members(layouts, names, python, parts):
    members = {}
    for part, files in zip(parts, (names.train, (names.test,)), strict=True):
        images, labels = part
        columns = [labels] if names is CIFAR10 else [labels, 2 * labels]
        if python:
            keys = ["labels"] if names is CIFAR10 else ["coarse_labels", "fine_labels"]
            content = layouts.python2_pickle(layouts.rows_of(images), dict(zip(keys, columns, strict=True)))
        else:
            content = layouts.binary_records(images, *columns)
        members |= {name + ("" if python else ".bin"): content for name in files}
    return members


@pytest.mark.parametrize("python", [False, True])
@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize(("dataset", "names"), [("cifar10", CIFAR10), ("cifar100", CIFAR100)])
def test_cifar_in_each_layout_and_place(
    tmp_path, layouts, random_parts, python, archive, below, dataset, names
):
    stem = "cifar-10" if names is CIFAR10 else "cifar-100"
    batches = "-batches" if names is CIFAR10 else ""
    kind = ("py" if names is CIFAR10 else "python") if python else ("bin" if names is CIFAR10 else "binary")
    folder = f"{stem}{batches}-{kind}"
    if archive:
        members = cifar_members(layouts, names, python, random_parts)
        place = tmp_path / stem if below else tmp_path
        place.mkdir(exist_ok=True)
        path = place / f"{stem}-{'python' if python else 'binary'}.tar.gz"
        layouts.write_tar(path, {f"{folder}/{name}": content for name, content in members.items()})
    else:
        write_cifar(tmp_path / folder if below else tmp_path, layouts, names, python, random_parts)
    arrays, _ = sources.find_and_read(dataset, tmp_path)
    np.testing.assert_array_equal(arrays.train_images[:12], random_parts[0][0])
    np.testing.assert_array_equal(arrays.test_images, random_parts[1][0])
    factor = 1 if names is CIFAR10 else 2
    np.testing.assert_array_equal(arrays.test_labels, factor * random_parts[1][1].astype(int))


def test_describe_names_files_and_folders():
    text = sources.describe("mnist")
    for part in ("train-images-idx3-ubyte[.gz]", "t10k-labels-idx1-ubyte[.gz]", "mnist.npz", "MNIST/raw/"):
        assert part in text
    assert "cifar-10-binary.tar.gz" in sources.describe("cifar10")
