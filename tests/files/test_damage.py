"""Every kind of file, damaged in a hundred ways: one line that names the file, or the figures as they were written."""

import csv
import json
import zipfile

import numpy as np
import pytest
from damages import damages

from mmc_tf import files
from mmc_tf.checks import UserError
from mmc_tf.files import DamagedFileError

RECORD = {
    "accuracy": 0.8437,
    "all": [1, 2.5e-7, None, True],
    "nested": {"ε": "µ", "n": 12345},
    "text": "a\nb",
}
ARRAYS = {
    "verdicts": np.arange(60).reshape(3, 20) % 7 == 0,
    "distance": np.linspace(0, 1, 50, dtype=np.float32),
    "names": np.array(["pgd", "fgsm"]),
    "state": np.array(json.dumps({"step": 3})),
}
COLUMNS = ("epoch", "loss", "monitored")
ROWS = [{"epoch": str(n), "loss": repr(1 / n), "monitored": "test" if n > 1 else ""} for n in range(1, 6)]


def same_arrays(found, expected):
    return set(found) == set(expected) and all(
        found[name].dtype == expected[name].dtype and np.array_equal(found[name], expected[name])
        for name in expected
    )


# Name: (file, write, read, whether it is as written).
KINDS = {
    "record": ("a.json", lambda p: files.write_record(p, RECORD), files.read_record, lambda x: x == RECORD),
    "arrays": (
        "a.npz",
        lambda p: files.write_arrays(p, ARRAYS),
        files.read_arrays,
        lambda x: same_arrays(x, ARRAYS),
    ),
    "compressed arrays": (
        "b.npz",
        lambda p: files.write_arrays(p, ARRAYS, compressed=True),
        files.read_arrays,
        lambda x: same_arrays(x, ARRAYS),
    ),
    "arrays without a seal": (
        "c.npz",
        lambda p: np.savez(p, **ARRAYS),
        files.read_arrays,
        lambda x: same_arrays(x, ARRAYS),
    ),
    "array": (
        "a.npy",
        lambda p: files.write_array(p, ARRAYS["distance"]),
        files.read_array,
        lambda x: np.array_equal(x, ARRAYS["distance"]),
    ),
    "table": (
        "a.csv",
        lambda p: files.write_table(p, COLUMNS, ROWS),
        files.read_table,
        lambda x: x == ROWS,
    ),
}
# Damage that leaves a whole file of an older version, which has no checksum: the figures that remain are right, and
# what reads the file asks for what is missing.
UNSEALED = {"an empty object": {}}


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_named_or_harmless(kind, tmp_path):
    name, write, read, is_whole = KINDS[kind]
    path = tmp_path / name
    write(path)
    assert is_whole(read(path))
    refused = 0
    for what, content in damages(path.read_bytes(), name=kind):
        path.write_bytes(content)
        try:
            found = read(path)
        except DamagedFileError as error:
            said = str(error)
            if "\n" in said or str(path) not in said:
                pytest.fail(f"{what}: {said}")
            refused += 1
        else:
            assert is_whole(found) or UNSEALED.get(what) == found, what
    assert refused > 60


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "without" not in kind])
def test_every_single_bit_of_the_content_counts(kind, tmp_path):
    name, write, read, is_whole = KINDS[kind]
    path = tmp_path / name
    write(path)
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        try:
            assert is_whole(read(path)), place
        except DamagedFileError:
            continue


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_missing_or_a_folder_is_not_called_damaged(kind, tmp_path):
    name, _, read, _ = KINDS[kind]
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / name, tmp_path / "folder"):
        with pytest.raises(UserError, match=path.name) as caught:
            read(path)
        assert not isinstance(caught.value, DamagedFileError)


def test_a_member_that_the_list_of_an_archive_hides_is_missed(tmp_path):
    """`zipfile` takes what it finds: here the second entry passes for a comment on the first."""
    path = tmp_path / "a.npz"
    np.savez(path, **ARRAYS)
    content, entry = bytearray(path.read_bytes()), b"PK\1\2"
    first = content.index(entry)
    second = content.index(entry, first + 1)
    third = content.index(entry, second + 1)
    content[first + 32 : first + 34] = (third - second).to_bytes(2, "little")
    path.write_bytes(content)
    with np.load(path) as stored:
        assert len(stored.files) == len(ARRAYS) - 1
    with pytest.raises(DamagedFileError, match="the list of its members"):
        files.read_arrays(path)


def test_files_without_a_checksum_are_read_as_they_are(tmp_path):
    """As older versions and other programs write them."""
    (tmp_path / "a.json").write_text(json.dumps(RECORD))
    assert files.read_record(tmp_path / "a.json") == RECORD
    np.savez(tmp_path / "a.npz", **ARRAYS)
    assert same_arrays(files.read_arrays(tmp_path / "a.npz"), ARRAYS)
    np.save(tmp_path / "a.npy", ARRAYS["distance"])
    assert np.array_equal(files.read_array(tmp_path / "a.npy"), ARRAYS["distance"])
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(ROWS)
    assert files.read_table(tmp_path / "a.csv") == ROWS


def test_other_programs_read_what_is_written(tmp_path):
    files.write_record(tmp_path / "a.json", RECORD)
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert len(content.pop("sha256")) == 64
    assert content == RECORD
    for compressed in (False, True):
        files.write_arrays(tmp_path / "a.npz", ARRAYS, compressed=compressed)
        with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
            assert same_arrays(dict(stored), ARRAYS)
    files.write_array(tmp_path / "a.npy", ARRAYS["distance"])
    assert np.array_equal(np.load(tmp_path / "a.npy"), ARRAYS["distance"])
    files.write_table(tmp_path / "a.csv", COLUMNS, ROWS)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row.pop("sha256")) for row in rows] == [False] * 4 + [True]
    assert rows == ROWS


def test_a_change_by_hand_is_told_and_can_be_accepted(tmp_path):
    path = tmp_path / "config.json"
    files.write_record(path, RECORD)
    text = path.read_text(encoding="utf-8").replace("0.8437", "0.9437")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        DamagedFileError,
        match=r"config\.json.*as its SHA-256 says \(if you changed it yourself, remove the line \"sha256\"",
    ):
        files.read_record(path)
    content = json.loads(text)
    del content["sha256"]
    path.write_text(json.dumps(content))
    assert files.read_record(path)["accuracy"] == 0.9437
    table = tmp_path / "log.csv"
    files.write_table(table, COLUMNS, ROWS)
    table.write_text(table.read_text().replace("test", "train"))
    with pytest.raises(DamagedFileError, match=r"log\.csv.*remove its column sha256"):
        files.read_table(table)


def test_white_space_and_the_order_of_keys_are_no_change(tmp_path):
    files.write_record(tmp_path / "a.json", RECORD)
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    (tmp_path / "b.json").write_text(json.dumps(dict(reversed(content.items()))))
    assert files.read_record(tmp_path / "b.json") == RECORD


def test_a_record_that_is_written_again_has_a_new_checksum(tmp_path):
    files.write_record(
        tmp_path / "a.json", RECORD | {"sha256": "of something else", "numpy": np.float32(0.5)}
    )
    assert files.read_record(tmp_path / "a.json") == RECORD | {"numpy": 0.5}


def test_what_is_needed_must_be_there(tmp_path):
    files.write_record(tmp_path / "a.json", RECORD)
    with pytest.raises(DamagedFileError, match=r"without flags, names \(.*a\.json"):
        files.read_record(tmp_path / "a.json", needed=("text", "flags", "names"))
    files.write_arrays(tmp_path / "a.npz", ARRAYS)
    with pytest.raises(DamagedFileError, match=r"without index\.npy \(.*a\.npz"):
        files.read_arrays(tmp_path / "a.npz", needed=("index", "names"))


def test_an_empty_table_is_read_and_a_cut_one_is_not_taken_for_it(tmp_path):
    path = tmp_path / "log.csv"
    files.write_table(path, COLUMNS, [])
    assert files.read_table(path) == []
    files.write_table(path, COLUMNS, ROWS)
    lines = path.read_text().splitlines(keepends=True)
    for count in range(1, len(lines)):
        path.write_text("".join(lines[:count]))
        with pytest.raises(DamagedFileError):
            files.read_table(path)


def test_no_objects_are_unpickled(tmp_path):
    """A pickle is a program."""

    class Program:
        def __reduce__(self):
            return (tmp_path.joinpath("executed").touch, ())

    payload = np.array([Program()], dtype=object)
    np.savez(tmp_path / "a.npz", payload=payload)
    np.save(tmp_path / "a.npy", payload)
    for name, read in (("a.npz", files.read_arrays), ("a.npy", files.read_array)):
        with pytest.raises(DamagedFileError, match=rf"{name}.*allow_pickle=False"):
            read(tmp_path / name)
    with pytest.raises(ValueError, match="pickle"):
        files.write_array(tmp_path / "b.npy", payload)
    assert not (tmp_path / "executed").exists()


def test_a_seal_is_a_comment_of_the_archive(tmp_path):
    path = tmp_path / "a.npz"
    files.write_arrays(path, ARRAYS)
    with zipfile.ZipFile(path) as archive:
        assert archive.comment == path.read_bytes()[-71:]
        assert archive.testzip() is None
    with pytest.raises(ValueError, match="without a comment"):
        files.seal(path)
