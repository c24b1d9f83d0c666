"""What goes wrong after the start: divergence, a full disk, and runs that are resumed or replaced."""

import errno
import json
import os
import re
import shlex
import zipfile

import keras
import numpy as np
import pytest
from script_driver import run

from mmc_tf.files import replacing, write_json

SMALL = "--dataset=digits --train_size=100 --test_size=50 --epochs=1"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A function that runs a line in an empty folder and gives its status and what it wrote last."""
    monkeypatch.chdir(tmp_path)

    def line(text):
        outcome = run(shlex.split(text))
        return outcome["status"], (outcome["err"] or outcome["out"]).rstrip("\n").split("\n")[-1]

    return line


def test_divergence_names_step_rate_and_last_good_checkpoint(here, tmp_path):
    status, said = here(
        f"train_std.py {SMALL} --run_name=nan --lr=1e6 --warmup_steps=0 --clip_norm=0 --checkpoint_every=1"
    )
    assert status == 2
    found = re.fullmatch(
        r"error: Training of runs/nan stopped: the loss became (nan|inf) at step (\d+) with learning rate 1e\+06; "
        r"the last good checkpoint is (\S+)\. Remedy: .*--warmup_steps=200.*",
        said,
    )
    assert found, said
    with np.load(tmp_path / found[3]) as kept:
        assert int(json.loads(str(kept["state"]))["step"]) == int(found[2])
        assert all(np.isfinite(kept[name]).all() for name in kept.files if name != "state")
    assert not (tmp_path / "runs" / "nan" / "final.keras").exists()


def test_a_run_is_refused_then_resumed_then_replaced(here, tmp_path):
    line = f"train_std.py {SMALL} --run_name=a"
    model = tmp_path / "runs" / "a" / "final.keras"
    assert here(line)[0] == 0
    weights = keras.saving.load_model(model).get_weights()
    status, said = here(line)
    assert status == 2
    assert said.startswith(
        "error: Invalid value for argument `run_name`. Expected a run that does not exist yet"
    )
    # A finished run has nothing left to do, and says the same again.
    assert here(f"{line} --resume")[0] == 0
    for left, right in zip(keras.saving.load_model(model).get_weights(), weights, strict=True):
        np.testing.assert_array_equal(left, right)
    assert here(f"{line} --overwrite --loss=SCE")[0] == 0
    assert json.loads((model.parent / "config.json").read_text())["flags"]["loss"] == "SCE"


@pytest.mark.slow
def test_what_is_resumed_is_said_and_a_damaged_checkpoint_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = shlex.split(f"train_std.py {SMALL} --run_name=a --checkpoint_every=1")
    steps = [tmp_path / "runs" / "a" / "checkpoints" / f"step-0000000{step}.npz" for step in (1, 2)]
    said = "resume      nothing to go on with in runs/a: training begins at step 0\n"
    assert said in run([*line, "--resume"])["out"]
    whole = steps[1].read_bytes()
    steps[1].write_bytes(whole[:-100])
    (tmp_path / "runs" / "a" / "final.keras").unlink()
    (tmp_path / "runs" / "a" / ".log.999999999.csv").write_text("left by a killed process")
    again = run([*line, "--resume"])
    assert (again["status"], again["err"].count("error")) == (0, 0)
    said = f"resume      {steps[1].name} is damaged and left out; goes on from runs/a/checkpoints/{steps[0].name}\n"
    assert said in again["out"]
    assert len(steps[1].read_bytes()) == len(whole)
    assert not list((tmp_path / "runs" / "a").glob(".*"))
    assert "resume      runs/a is finished: no step is left\n" in run([*line, "--resume"])["out"]


@pytest.mark.slow
def test_the_replaced_weights_of_a_linked_run_go(here, tmp_path):
    line = f"train_std.py {SMALL} --run_name=a"
    assert here(line)[0] == 0
    (tmp_path / "runs" / "a").rename(tmp_path / "elsewhere")
    (tmp_path / "runs" / "a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "checkpoints" / "step-00000099.npz").write_bytes(b"old")
    assert here(f"{line} --seed=1 --overwrite")[0] == 0
    assert [path.name for path in (tmp_path / "elsewhere" / "checkpoints").iterdir()] == ["step-00000002.npz"]
    assert json.loads((tmp_path / "elsewhere" / "config.json").read_text())["flags"]["seed"] == 1


def test_a_replacement_that_cannot_be_built_leaves_the_old_run(here, tmp_path):
    folder = tmp_path / "runs" / "old"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    status, said = here(f"train_std.py {SMALL} --run_name=old --overwrite --use_dense=False --feature_dim=20")
    assert status == 2
    assert said.startswith("error: Invalid value for argument `feature_dim`. Expected 1024, the width of ")
    assert (folder / "config.json").read_text() == "{}"


def test_weights_of_another_network_are_refused(here, tmp_path, monkeypatch):
    shape, num_classes = (8, 8, 1), 10

    def network(units):
        layers = [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(units)]
        return keras.Sequential([*layers, keras.layers.Dense(num_classes)])

    network(5).save(tmp_path / "model.keras")
    network(6).save_weights(tmp_path / "other.weights.h5")
    repack(tmp_path / "model.keras", "model.weights.h5", (tmp_path / "other.weights.h5").read_bytes())
    status, said = here(
        "eval_attacks.py --checkpoint=model.keras --dataset=digits --attack=fgsm --test_size=20"
    )
    assert status == 2
    assert said.startswith(
        "error: Cannot read the model model.keras. Expected a saved Keras model. Received: "
    )


def test_a_network_of_other_classes_is_refused(here, tmp_path):
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(7)]
    keras.Sequential(layers).save(tmp_path / "seven.keras")
    status, said = here(
        "eval_attacks.py --checkpoint=seven.keras --dataset=digits --attack=fgsm --test_size=20"
    )
    assert status == 2
    assert said.endswith(
        "Expected a network for 10 classes (digits). Received: checkpoint=seven.keras, with 7"
    )


@pytest.fixture
def disk(can_mount, run_lines, tmp_path):
    """A function that trains on a disk of some size, and gives the status and the last line."""
    if not can_mount:
        pytest.skip("needs the right to mount a small file system (unshare)")
    folder = tmp_path / "work"
    (folder / "full").mkdir(parents=True)

    def train(size):
        line = f"train_std.py {SMALL} --runs_dir=full --run_name=a"
        (outcome,) = run_lines([line], folder=folder, full=("full", size))
        return outcome.status, outcome.err.rstrip("\n").split("\n")[-1], outcome.imported

    return train


def test_a_full_disk_is_noticed_before_training(disk):
    status, said, imported = disk("900k")
    assert (status, imported) == (2, [])
    assert "`runs_dir`. Expected a folder that can be written to, with 1 MB free at least. " in said
    assert said.endswith("no space left on device)")


@pytest.mark.slow
@pytest.mark.parametrize(("size", "file"), [("2m", "checkpoints/step-00000002.npz"), ("4m", "final.keras")])
def test_a_disk_that_fills_up_names_the_file(disk, size, file):
    status, said, _ = disk(size)
    assert (status, said) == (2, f"error: No space left on device: full/a/{file}")


def test_a_write_that_fails_leaves_no_half_file(tmp_path):
    target = tmp_path / "a" / "log.csv"
    write_json(target, "old")

    def fill(temporary):
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left") as failure, replacing(target) as temporary:
        fill(temporary)
    assert failure.value.filename == str(target)
    assert [path.name for path in target.parent.iterdir()] == ["log.csv"]
    assert json.loads(target.read_text()) == "old"


def repack(path, member, content):
    """Replaces one file in a zip archive."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (files | {member: content}).items():
            archive.writestr(name, data)
