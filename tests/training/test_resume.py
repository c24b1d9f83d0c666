"""A run that was interrupted ends with the weights of one that was not, bit for bit."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from toy import losses_of, toy_loop, weights_of

from mmc_tf.checks import UserError
from mmc_tf.models import BackboneOptions
from mmc_tf.program import TerminatedError
from mmc_tf.training import checkpoints, log, saved
from mmc_tf.training.runs import RunFolder
from mmc_tf.training.signals import on_sigterm

ROOT = pathlib.Path(__file__).parents[2]
# Batch norm, dropout and augmentation have state or draws of their own.
STATEFUL = {"options": BackboneOptions(use_bn=True, dropout=0.2), "flip": True, "shift": 0.1}


def test_resumed_loop_ends_with_the_same_weights_and_log(tmp_path):
    whole = toy_loop(folder=RunFolder(tmp_path / "whole"), checkpoint_every=3, **STATEFUL)
    losses = losses_of(whole)
    first = toy_loop(folder=RunFolder(tmp_path / "parts"), checkpoint_every=3, **STATEFUL)

    class KilledError(Exception):
        pass

    def killed(step, loss):
        # Steps are reported when a checkpoint is due: the one of step 12 exists, that of 15 does not.
        if step == 13:
            raise KilledError

    with pytest.raises(KilledError):
        first.run(on_step=killed)
    second = toy_loop(folder=RunFolder(tmp_path / "parts"), checkpoint_every=3, **STATEFUL)
    newest = checkpoints.newest(tmp_path / "parts" / "checkpoints")
    assert newest.name == "step-00000012.npz"
    second.restore(newest)
    np.testing.assert_array_equal(losses_of(second), losses[12:])
    for mine, other in zip(weights_of(second), weights_of(whole), strict=True):
        np.testing.assert_array_equal(mine, other)
    rows, expected = (log.read(tmp_path / name / "log.csv") for name in ("parts", "whole"))
    clock = ("seconds", "images_per_second")
    assert [{k: v for k, v in row.items() if k not in clock} for row in rows] == [
        {k: v for k, v in row.items() if k not in clock} for row in expected
    ]


def test_a_loop_that_is_asked_to_stop_keeps_its_step_and_goes_on_from_it(tmp_path):
    whole = toy_loop(**STATEFUL)
    losses = losses_of(whole)
    asked = iter([False] * 13 + [True] * 99)
    first = toy_loop(folder=RunFolder(tmp_path), should_stop=lambda: next(asked), **STATEFUL)
    # Asked after each step, and once more between the epochs of 10 steps: the 14th time is after step 13.
    with pytest.raises(TerminatedError, match=r"ended after step 13 of 20, which is kept in .*checkpoints"):
        first.run()
    newest = checkpoints.newest(tmp_path / "checkpoints")
    assert newest.name == "step-00000013.npz"
    second = toy_loop(folder=RunFolder(tmp_path), **STATEFUL)
    second.restore(newest)
    np.testing.assert_array_equal(losses_of(second), losses[13:])
    for mine, other in zip(weights_of(second), weights_of(whole), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_loop_that_is_asked_at_the_end_of_an_epoch_ends_there(tmp_path):
    with pytest.raises(TerminatedError, match="ended after step 10 of 20"):
        toy_loop(folder=RunFolder(tmp_path), should_stop=lambda: bool(log.read(tmp_path / "log.csv"))).run()
    assert [row["step"] for row in log.read(tmp_path / "log.csv")] == ["10"]
    assert checkpoints.newest(tmp_path / "checkpoints").name == "step-00000010.npz"


def test_sigterm_is_remembered_once():
    before = signal.getsignal(signal.SIGTERM)
    with on_sigterm() as came:
        assert not came()
        os.kill(os.getpid(), signal.SIGTERM)
        assert came()
        assert signal.getsignal(signal.SIGTERM) == before  # a second one ends the process
    assert signal.getsignal(signal.SIGTERM) == before
    with on_sigterm(enabled=False) as came:
        assert signal.getsignal(signal.SIGTERM) == before
        assert not came()


def test_an_older_checkpoint_goes_when_the_newer_one_is_on_the_disk(tmp_path, monkeypatch):
    done = []
    fsync, unlink, replace = os.fsync, pathlib.Path.unlink, os.replace
    kinds = {True: "folder", False: "file"}
    monkeypatch.setattr(
        os,
        "fsync",
        lambda number: (
            done.append(f"disk: {kinds[os.path.isdir(f'/proc/self/fd/{number}')]}") or fsync(number)
        ),
    )
    monkeypatch.setattr(
        os, "replace", lambda a, b: done.append(f"named: {pathlib.Path(b).name}") or replace(a, b)
    )

    def note(path, missing_ok=False):
        if path.name.startswith("step"):
            done.append(f"gone: {path.name}")
        return unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(pathlib.Path, "unlink", note)
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for step in (1, 2):
        checkpoints.path_of(folder, step).write_bytes(b"")
    loop = toy_loop(max_steps=1)
    checkpoints.save(folder, loop.model, loop.optimizer, step=3, state={})
    assert done == ["disk: file", "named: step-00000003.npz", "disk: folder", "gone: step-00000001.npz"]


def test_the_newest_whole_checkpoint_counts(tmp_path):
    for step in (1, 2, 3):
        np.savez(checkpoints.path_of(tmp_path, step), state=np.array("{}"), weights=np.arange(1000.0))
    assert saved.newest_checkpoint(tmp_path) == (tmp_path / "step-00000003.npz", [])
    third, second, first = (checkpoints.path_of(tmp_path, step) for step in (3, 2, 1))
    third.write_bytes(b"")
    damaged = bytearray(second.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    second.write_bytes(damaged)
    assert saved.newest_checkpoint(tmp_path) == (first, [third, second])
    first.write_bytes(b"PK half a file")
    with pytest.raises(UserError, match=r"Cannot read the checkpoint .*step-00000003.npz"):
        saved.newest_checkpoint(tmp_path)
    assert saved.newest_checkpoint(tmp_path / "nowhere") == (None, [])


def test_only_the_newest_two_checkpoints_stay(tmp_path):
    toy_loop(folder=RunFolder(tmp_path), checkpoint_every=2, max_steps=9).run()
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "step-00000008.npz",
        "step-00000009.npz",
    ]


def test_checkpoint_of_another_model_is_refused(tmp_path):
    toy_loop(folder=RunFolder(tmp_path), max_steps=1).run()
    other = toy_loop(loss="SCE")
    with pytest.raises(UserError, match="belongs to another model"):
        other.restore(checkpoints.newest(tmp_path / "checkpoints"))


def test_broken_checkpoint_is_refused(tmp_path):
    path = tmp_path / "step-00000001.npz"
    path.write_bytes(b"PK half a file")
    with pytest.raises(UserError, match="Cannot read the checkpoint"):
        toy_loop().restore(path)


def _command(runs: pathlib.Path, *more: str) -> list[str]:
    flags = [
        "--dataset=digits",
        "--loss=MMC",
        "--use_bn",
        "--dropout=0.2",
        "--shift=0.1",
        "--train_size=1000",
    ]
    flags += ["--epochs=6", "--checkpoint_every=5", "--deterministic", "--run_name=run", f"--runs_dir={runs}"]
    return [sys.executable, str(ROOT / "train_std.py"), *flags, *more]


def _final_weights(runs: pathlib.Path) -> dict[str, np.ndarray]:
    with np.load(checkpoints.newest(runs / "run" / "checkpoints")) as stored:
        return {name: stored[name] for name in stored.files if name != "state"}


def _start(runs: pathlib.Path, stderr: int = subprocess.DEVNULL) -> subprocess.Popen:
    """Starts a run and waits until it has its folder."""
    process = subprocess.Popen(_command(runs), stdout=subprocess.DEVNULL, stderr=stderr, cwd=ROOT)
    while process.poll() is None and not (runs / "run" / "config.json").exists():
        time.sleep(0.02)
    return process


def _log_without_clocks(runs: pathlib.Path) -> list[dict[str, str]]:
    clocks = ("seconds", "images_per_second")
    rows = log.read(runs / "run" / "log.csv")
    return [{name: text for name, text in row.items() if name not in clocks} for row in rows]


@pytest.mark.slow
def test_terminated_and_resumed(tmp_path):
    whole = _start(tmp_path / "whole")
    process = _start(tmp_path / "ended", stderr=subprocess.PIPE)
    while process.poll() is None and checkpoints.newest(tmp_path / "ended" / "run" / "checkpoints") is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 143
    line = said.decode().rstrip("\n").split("\n")[-1]
    found = re.fullmatch(
        r"terminated: training of (.*)/run ended after step (\d+) of 120, which is kept in \1/run/checkpoints; "
        "go on with it: --resume --run_name=run",
        line,
    )
    assert found, line
    newest = checkpoints.newest(tmp_path / "ended" / "run" / "checkpoints")
    assert newest == checkpoints.path_of(newest.parent, int(found[2]))
    newest.write_bytes(newest.read_bytes()[:-1000])  # the disk lost it: the one before does
    done = subprocess.run(
        _command(tmp_path / "ended", "--resume"), check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert f"{newest.name} is damaged and left out; goes on from {newest.parent}/step-" in done.stdout
    assert whole.wait() == 0
    resumed, expected = (_final_weights(tmp_path / name) for name in ("ended", "whole"))
    assert resumed.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(resumed[name], values, err_msg=name)


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed(tmp_path):
    whole = _start(tmp_path / "whole")
    started = time.monotonic()
    assert whole.wait() == 0
    duration = time.monotonic() - started
    expected = _final_weights(tmp_path / "whole")
    rng = np.random.default_rng()
    killed = 0
    for attempt in range(20):
        runs = tmp_path / f"killed-{attempt}"
        process = _start(runs)
        time.sleep(rng.uniform(0.0, 0.9 * duration))
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            continue  # it had finished already
        subprocess.run(_command(runs, "--resume"), check=True, capture_output=True, cwd=ROOT)
        resumed = _final_weights(runs)
        assert resumed.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(resumed[name], values, err_msg=f"attempt {attempt}: {name}")
        assert _log_without_clocks(runs) == _log_without_clocks(tmp_path / "whole")
        assert json.loads((runs / "run" / "config.json").read_text())["finished"]
        killed += 1
        if killed == 5:
            return
    pytest.fail(f"only {killed} of 20 runs could be killed while they ran")
