"""A run's folder belongs to one process at a time."""

import multiprocessing
import os
import signal
import threading

import numpy as np
import pytest

from flags.cli import parse
from flags.resolve import resolve_training
from flags.scripts import TRAIN_STD
from mmc_tf import files
from mmc_tf.checks import UserError
from mmc_tf.training import runs
from mmc_tf.training.claims import claimed
from mmc_tf.training.plan import make_plan
from mmc_tf.training.runs import RunFolder


def test_a_run_that_is_trained_is_refused_to_others(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "a")
    with claimed(folder, is_new=True) as mine:
        assert mine == folder
        mine.write_config({})
        for is_new in (True, False):
            with pytest.raises(
                UserError, match=r"`run_name`. Expected a run that no other process is training"
            ):
                claimed(folder, is_new=is_new).__enter__()
    assert [path.name for path in folder.path.iterdir()] == ["config.json"]
    with claimed(folder, is_new=False):
        pass
    with pytest.raises(UserError, match="which another process has begun"):
        claimed(folder, is_new=True).__enter__()


def test_a_name_of_our_own_gives_way(tmp_path):
    folder = RunFolder(tmp_path / "mmc")
    with (
        claimed(folder, is_new=True, stem="mmc") as first,
        claimed(folder, is_new=True, stem="mmc") as second,
    ):
        assert (first.path.name, second.path.name) == ("mmc", "mmc-2")


def test_ten_that_begin_together_get_ten_folders(tmp_path):
    barrier, names = threading.Barrier(10), []

    def begin():
        barrier.wait()
        with claimed(RunFolder(tmp_path / "mmc"), is_new=True, stem="mmc") as folder:
            folder.write_config({})
            names.append(folder.path.name)
            barrier.wait()

    threads = [threading.Thread(target=begin) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == sorted(["mmc", *(f"mmc-{number}" for number in range(2, 11))])


def test_a_mistake_leaves_no_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), claimed(RunFolder(tmp_path / "a"), is_new=True):
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def _hold(path, held):
    with claimed(RunFolder(path), is_new=True) as folder:
        folder.write_config({})
        (folder.path / f".log.{os.getpid()}.csv").write_text("half")
        (folder.path / f".report.{os.getppid()}.html").write_text("being written")
        held.set()
        signal.pause()


def test_the_end_of_a_process_frees_its_run_and_its_left_files_go(tmp_path):
    context = multiprocessing.get_context("fork")
    held = context.Event()
    other = context.Process(target=_hold, args=(tmp_path / "a", held))
    other.start()
    assert held.wait(timeout=30)
    folder = RunFolder(tmp_path / "a")
    with pytest.raises(UserError, match="no other process is training"):
        claimed(folder, is_new=False).__enter__()
    os.kill(other.pid, signal.SIGKILL)
    other.join()
    assert folder.lock_file.exists()
    with claimed(folder, is_new=False):
        assert sorted(path.name for path in folder.path.iterdir()) == [".lock", "config.json"]
    assert [path.name for path in folder.path.iterdir()] == ["config.json"]


def test_files_that_a_living_process_is_writing_stay(tmp_path):
    living = tmp_path / f".report.{os.getppid()}.html"
    names = [".report.999999999.html", ".step-00000003.999999999.npz", f".a.{os.getpid()}.csv", living.name]
    others = [".lock", ".hidden", ".v1.2.txt.d", "a.1.csv"]
    for name in [*names, *others]:
        (tmp_path / name).write_text("")
    files.clear_temporaries(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.name, *others])


def test_a_linked_run_is_cleared_where_it_lies(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "checkpoints").mkdir(parents=True)
    (elsewhere / "checkpoints" / "step-00000099.npz").write_bytes(b"old")
    (elsewhere / "config.json").write_text("{}")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("irreplaceable")
    (elsewhere / "margins").symlink_to(tmp_path / "precious")
    (tmp_path / "run").symlink_to(elsewhere)
    runs.clear(RunFolder(tmp_path / "run"))
    assert list(elsewhere.iterdir()) == []
    assert (tmp_path / "run").is_symlink()
    assert (tmp_path / "precious" / "thesis.tex").exists()  # a link inside goes, not what it points at


def test_what_cannot_be_cleared_is_an_error(tmp_path, monkeypatch):
    """Root may remove anything, so the answer of the system is replaced."""
    (tmp_path / "final.keras").write_text("old")

    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(PermissionError):
        runs.clear(RunFolder(tmp_path))


@pytest.fixture
def plan_of(tmp_path):
    """A function that makes the plan of a command line on a folder of three classes."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        np.save(folder / f"x_{part}.npy", rng.random((12, 28, 28, 1), np.float32))
        np.save(folder / f"y_{part}.npy", np.arange(12) % 3)

    def make(*words):
        line = [
            "train_std.py",
            "--dataset=npy",
            f"--data_dir={folder}",
            f"--runs_dir={tmp_path / 'runs'}",
            *words,
        ]
        words = [*line, "--model=lenet5", "--batch_size=4"]
        return make_plan(resolve_training(parse(words, TRAIN_STD.definitions)), adversarial=False)

    return make


def begin(plan):
    """As much of a run as its plan needs to go on with it."""
    plan.folder.path.mkdir(parents=True)
    plan.folder.write_config(plan.config())
    return plan.folder.path.name


def test_networks_of_other_seeds_and_rates_have_other_names(plan_of):
    names = [
        plan_of(*words).folder.path.name
        for words in ([], ["--seed=1"], ["--lr=0.1"], ["--lr=1/8", "--seed=2"], ["--seed=0", "--lr=0.01"])
    ]
    stem = "mmc-lenet5-npy"
    assert names == [stem, f"{stem}-seed1", f"{stem}-lr0.1", f"{stem}-lr0.125-seed2", stem]
    assert begin(plan_of("--seed=1")) == f"{stem}-seed1"
    assert plan_of("--seed=1").folder.path.name == f"{stem}-seed1-2"
    assert plan_of("--seed=1", "--resume").folder.path.name == f"{stem}-seed1"
    assert plan_of("--resume").notes == (
        f"nothing to go on with in {plan_of().folder.path}: training begins at step 0",
    )


def test_runs_of_older_names_are_found(plan_of):
    plan = plan_of("--seed=1", "--run_name=mmc-lenet5-npy-3")
    begin(plan)
    found = plan_of("--seed=1", "--resume")
    assert found.folder == plan.folder
    assert found.notes == (f"no checkpoint in {plan.folder.path} yet: training begins at step 0",)
    with pytest.raises(UserError, match=r"`seed`. Expected 1, as the run"):
        plan_of("--resume")


@pytest.mark.parametrize("file", ["x_train", "y_train", "x_test", "y_test"])
def test_a_run_goes_on_with_its_own_data_alone(plan_of, tmp_path, file):
    begin(plan_of("--run_name=a"))
    assert plan_of("--run_name=a", "--resume").folder.path.name == "a"
    path = tmp_path / "data" / f"{file}.npy"
    np.save(path, np.roll(np.load(path), 1, axis=0))
    split = "training" if "train" in file else "test"
    with pytest.raises(
        UserError, match=f"`resume`. Expected the {split} images and labels that the run .*a began"
    ):
        plan_of("--run_name=a", "--resume")


def test_runs_older_than_fingerprints_go_on_with_a_line(plan_of):
    plan = plan_of("--run_name=a")
    begin(plan)
    config = plan.config()
    del config["dataset"]["sha256"]
    plan.folder.write_config(config)
    assert plan_of("--run_name=a", "--resume").notes[1].startswith(f"{plan.folder.config_file} is older than")


def test_a_damaged_checkpoint_is_said_to_be_left_out(plan_of):
    plan = plan_of("--run_name=a")
    begin(plan)
    plan.folder.checkpoints.mkdir()
    whole, damaged = (plan.folder.checkpoints / f"step-0000000{step}.npz" for step in (1, 2))
    np.savez(whole, state=np.array("{}"))
    damaged.write_bytes(b"")
    (note,) = plan_of("--run_name=a", "--resume").notes
    assert note == f"{damaged.name} is damaged and left out; goes on from {whole}"


def test_a_link_to_nothing_is_refused(plan_of, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"`run_name`. .*the link .*runs/a to .*nowhere, which is not there"):
        plan_of("--run_name=a")
