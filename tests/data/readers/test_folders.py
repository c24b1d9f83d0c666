import io
import tarfile

import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.data.readers import (
    CIFAR10,
    CIFAR100,
    folders,
    open_archive,
    read_cifar_binary,
    read_cifar_python,
)


def test_an_archive_gives_the_bytes_of_its_members(tmp_path, layouts):
    layouts.write_tar(tmp_path / "a.tar.gz", {"folder/one": b"1", "two": b"22", "folder/other": b"3"})
    archive = open_archive(tmp_path / "a.tar.gz", ["one", "two", "three"])
    assert archive.members == {"one": b"1", "two": b"22"}
    with pytest.raises(UserError, match=r"a\.tar\.gz\. Expected an archive with three\. Received: one, two"):
        archive.read("three")


def test_both_layouts_of_cifar_from_archives(tmp_path, layouts, random_parts):
    (images, labels), (test_images, test_labels) = random_parts
    fine, test_fine = np.arange(12), np.arange(6)
    members = {
        "cifar-100-binary/train.bin": layouts.binary_records(images, labels, fine),
        "cifar-100-binary/test.bin": layouts.binary_records(test_images, test_labels, test_fine),
        "cifar-100-binary/fine_label_names.txt": b"apple\n",
    }
    layouts.write_tar(tmp_path / "cifar-100-binary.tar.gz", members)
    archive = open_archive(tmp_path / "cifar-100-binary.tar.gz", CIFAR100.binary_files)
    binary = read_cifar_binary(archive, CIFAR100)
    members = {
        f"cifar-10-batches-py/{name}": layouts.python2_pickle(layouts.rows_of(images), {"labels": labels})
        for name in CIFAR10.python_files
    }
    layouts.write_tar(tmp_path / "cifar-10-python.tar.gz", members)
    archive = open_archive(tmp_path / "cifar-10-python.tar.gz", CIFAR10.python_files)
    python = read_cifar_python(archive, CIFAR10)
    np.testing.assert_array_equal(binary.train_images, images)
    np.testing.assert_array_equal(binary.test_labels, test_fine)
    np.testing.assert_array_equal(python.train_images, np.tile(images, (5, 1, 1, 1)))
    np.testing.assert_array_equal(python.test_labels, labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cifar-10-python.tar.gz",
        "cifar-100-binary.tar.gz",
    ]


@pytest.mark.parametrize("damage", ["truncated", "altered", "no archive", "empty"])
def test_a_damaged_archive_is_named(tmp_path, layouts, damage):
    path = tmp_path / "cifar-10-binary.tar.gz"
    rng = np.random.default_rng(0)
    layouts.write_tar(path, {"a/test_batch.bin": rng.bytes(50_000)})
    good = path.read_bytes()
    path.write_bytes(
        {
            "truncated": good[: len(good) // 2],
            "altered": good[:2000] + bytes(1000) + good[3000:],
            "no archive": b"not found" * 100,
            "empty": b"",
        }[damage]
    )
    with pytest.raises(UserError, match=r"cifar-10-binary\.tar\.gz\. Expected a whole tar\.gz archive"):
        open_archive(path, ["test_batch.bin"])


def test_links_and_giants_are_not_followed(tmp_path, layouts, monkeypatch):
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("x/train.bin")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    assert open_archive(path, ["train.bin"]).members == {}
    monkeypatch.setattr(folders, "MAX_MEMBER_BYTES", 10)
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("x/train.bin")
        info.size = 11
        archive.addfile(info, io.BytesIO(bytes(11)))
    with pytest.raises(UserError, match=r"members of at most 10 bytes\. Received: train\.bin: 11"):
        open_archive(path, ["train.bin"])
