"""The binary version of CIFAR: records of one or two label bytes and 3,072 pixel bytes."""

from __future__ import annotations

import numpy as np

from mmc_tf.data.mapping import chunks
from mmc_tf.data.readers.arrays import Arrays, file_error
from mmc_tf.data.readers.cifar import IMAGE_BYTES, CifarFiles, images_from_rows
from mmc_tf.data.readers.folders import Files


def read_cifar_binary(files: Files, names: CifarFiles) -> Arrays:
    """Reads all files of the binary version; the images of the test file stay in it until they are looked at.

    Returns:
        The arrays; for CIFAR-100 the labels are the fine ones, and the coarse ones are there too.

    Raises:
        UserError: if a file is missing, empty or not a whole number of records, or has a label out of range.
    """
    *train_files, test_file = names.binary_files
    train = [_read_records(files, name, names) for name in train_files]
    train = np.concatenate(train) if len(train) > 1 else train[0]
    test = _read_records(files, test_file, names)
    label_bytes = len(names.label_keys)
    # The fine label is the last of the label bytes.
    columns = {"labels": label_bytes - 1} | ({"coarse": 0} if label_bytes > 1 else {})
    labels = {
        f"{part}_{kind}": _column(records, column)
        for part, records in (("train", train), ("test", test))
        for kind, column in columns.items()
    }
    return Arrays(
        train_images=images_from_rows(train[:, label_bytes:]),
        test_images=images_from_rows(test[:, label_bytes:]),
        **labels,
    )


def _column(records: np.ndarray, column: int) -> np.ndarray:
    """One byte of every record, copied out of the file."""
    return np.concatenate([part[:, column].copy() for part in chunks(records)])


def _read_records(files: Files, name: str, names: CifarFiles) -> np.ndarray:
    record_bytes = len(names.label_keys) + IMAGE_BYTES
    content = files.map(name)
    if not len(content) or len(content) % record_bytes:
        expected = (
            f"records of {record_bytes} bytes ({len(names.label_keys)} of labels, {IMAGE_BYTES} of pixels)"
        )
        received = f"{len(content)} bytes, which is no whole number of records"
        raise file_error(files.where(name), expected, received if len(content) else "an empty file")
    records = content.reshape(-1, record_bytes)
    for column, (key, count) in enumerate(
        reversed(list(zip(names.label_keys, names.num_classes, strict=True)))
    ):
        largest = _column(records, column).max()
        if largest >= count:
            raise file_error(files.where(name), f"{key} from 0 to {count - 1}", f"a label of {largest}")
    return records
