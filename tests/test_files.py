"""Files are there whole or not at all, and folders are tried before hours of work."""

import errno
import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.files import PROBE_BYTES, check_writable, replacing, write_json

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_a_file_appears_when_its_block_ends(tmp_path):
    path = tmp_path / "runs" / "a" / "config.json"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent  # a rename across file systems would be a copy
        assert temporary.suffix == ".json"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a", "config.json", "runs"]


def test_the_old_file_stays_until_then(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with replacing(str(path)) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("old", ["old", None])
def test_a_block_that_fails_leaves_things_as_they_were(error, old, tmp_path):
    path = tmp_path / "model.keras"
    if old:
        path.write_text(old)
    before = names(tmp_path)

    def write():
        with replacing(path) as temporary:
            temporary.write_text("half of")
            raise error

    with pytest.raises(error):
        write()
    assert names(tmp_path) == before
    assert old is None or path.read_text() == old


def test_a_block_that_writes_nothing_says_so_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"


def test_a_full_disk_names_the_file(tmp_path):
    path = tmp_path / "model.keras"
    with pytest.raises(OSError, match=r"No space left on device: '.*model\.keras'"), replacing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OSError, match=r"denied: 'elsewhere'"), replacing(path):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), "elsewhere")


def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("old")
    program = """
import os, signal, sys
from mmc_tf.files import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("half of")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], env=environment, check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    # What is left can't be taken for a result: it is hidden, and no pattern such as *.json finds it.
    assert [p.name for p in tmp_path.glob("[!.]*")] == ["config.json"]
    write_json(path, "new")
    assert json.loads(path.read_text()) == "new"


def test_json_keeps_numbers_as_numbers(tmp_path):
    path = tmp_path / "results.json"
    value = {
        "accuracy": np.float32(0.5),
        "n": np.int64(3),
        "ok": np.bool_(True),
        "all": np.arange(3),
        "µ": "ε",
    }
    write_json(path, value | {"path": pathlib.Path("runs/a")})
    expected = {"accuracy": 0.5, "n": 3, "ok": True, "all": [0, 1, 2], "µ": "ε", "path": "runs/a"}
    assert json.loads(path.read_text(encoding="utf-8")) == expected
    assert path.read_text(encoding="utf-8").endswith("}\n")


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "results.json"
    write_json(path, [1])
    circle = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular"):
        write_json(path, circle)
    assert json.loads(path.read_text()) == [1]
    assert names(tmp_path) == ["results.json"]


@pytest.mark.parametrize("probe", [True, False])
def test_writable_folders_pass_and_nothing_is_left_in_them(probe, tmp_path):
    check_writable("runs_dir", tmp_path, probe=probe)
    check_writable("runs_dir", str(tmp_path / "not" / "yet"), probe=probe)
    assert names(tmp_path) == []


def test_a_relative_folder_is_looked_for_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_writable("runs_dir", "runs")
    assert names(tmp_path) == []


@pytest.mark.parametrize("below", ["", "a/b"])
def test_a_file_is_no_folder(below, tmp_path):
    file = tmp_path / "runs"
    file.write_text("")
    with pytest.raises(
        UserError, match=rf"`runs_dir`. Expected a folder that can be written to.*{file}: not a dir"
    ):
        check_writable("runs_dir", file / below)


@pytest.mark.parametrize("probe", [True, False])
def test_a_read_only_folder_is_refused(probe, tmp_path, monkeypatch):
    """Root may write anywhere, so the answer of the system is replaced."""
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(UserError, match=r"`output_dir`.*Received: output_dir=.*permission denied"):
        check_writable("output_dir", tmp_path / "results", probe=probe)


def test_a_folder_that_may_not_be_looked_into_is_refused(tmp_path, monkeypatch):
    def refuse(path, *args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    real = os.stat
    locked = str(tmp_path / "locked")
    (tmp_path / "locked").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != locked or not mode & os.X_OK)
    monkeypatch.setattr(
        os, "stat", lambda path, *a, **k: refuse(path) if f"{locked}/" in str(path) else real(path, *a, **k)
    )
    with pytest.raises(UserError, match="locked: permission denied"):
        check_writable("runs_dir", tmp_path / "locked" / "runs", probe=False)


def test_a_full_disk_is_found_before_the_work_and_the_probe_removed(tmp_path, monkeypatch):
    real = pathlib.Path.write_bytes

    def half(path, data):
        assert len(data) == PROBE_BYTES
        real(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pathlib.Path, "write_bytes", half)
    with pytest.raises(UserError, match=r"with 1 MB free at least.*no space left on device"):
        check_writable("runs_dir", tmp_path)
    assert names(tmp_path) == []
    check_writable("runs_dir", tmp_path, probe=False)
