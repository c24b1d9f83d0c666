"""Runs that are told by how they were trained."""

import json
import os
from types import SimpleNamespace

import pytest

from mmc_tf.checks import UserError
from mmc_tf.evaluation.finding_runs import differences, find_run, last_epoch, name_runs, settings_of

STANDARD = {
    "dataset": "cifar10",
    "model": "resnet32",
    "version": 2,
    "use_bn": None,
    "use_dense": True,
    "use_leaky": False,
    "loss": "MMC",
    "scale": 10.0,
    "centers": "simplex",
    "optimizer": "sgd",
    "lr": 0.01,
    "batch_size": 50,
}
ADVERSARIAL = STANDARD | {"method": "pgd", "attack_method": "pgd", "targeted": False, "adv_ratio": 1.0}
WANTED = {"loss": "MMC", "scale": 10.0, "training": "standard"}


@pytest.fixture
def runs_dir(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def add(runs_dir):
    """Adds a run, each newer than the one before."""

    def add(name, *, epochs=3, finished=True, **flags):
        folder = runs_dir / name
        folder.mkdir(parents=True)
        content = {
            "flags": STANDARD | flags,
            "dataset": {"name": flags.get("dataset", "cifar10"), "test_size": 500},
        }
        (folder / "config.json").write_text(json.dumps(content))
        rows = "".join(f"{epoch},{100 * epoch}\n" for epoch in range(1, 1 + epochs))
        (folder / "log.csv").write_text(f"epoch,step\n{rows}")
        if finished:
            (folder / "final.keras").write_bytes(b"")
            os.utime(folder / "final.keras", (len(list(runs_dir.iterdir())),) * 2)
        return folder

    return add


def test_the_only_run_that_fits_is_found(runs_dir, add):
    wanted = add("mmc")
    add("sce", loss="SCE")
    add("mmc-100", scale=100.0)
    add("at", **ADVERSARIAL)
    add("open", finished=False)
    found = find_run(runs_dir, WANTED)
    assert found.path == wanted
    assert found.reason == "the only one with loss MMC, scale 10, training standard"


def test_of_several_the_newest_is_taken_and_the_others_are_named(runs_dir, add):
    for name in ("first", "second", "third"):
        newest = add(name)
    found = find_run(runs_dir, WANTED)
    assert found.path == newest
    described = "loss MMC, scale 10, training standard"
    assert found.reason == f"the newest of 3 with {described} (others: second, first)"


def test_without_one_that_fits_the_nearest_is_named_with_what_differs(runs_dir, add):
    add("sce-100", loss="SCE", scale=100.0, batch_size=128)
    nearest = add("lenet", model="lenet5", version=None, lr=0.1)
    message = (
        f"`checkpoint`. Expected a finished run in {runs_dir}/ with loss MMC, scale 10, training standard, lr 0.01,"
        f" batch_size 50, use_bn true, version 2. Received: checkpoint=none; the nearest, {nearest}, has lr 0.1,"
        " use_bn false, version None"
    )
    with pytest.raises(UserError, match=message):
        find_run(runs_dir, WANTED | {"lr": 0.01, "batch_size": 50, "use_bn": True, "version": 2})


def test_without_any_run_it_says_how_to_train_one(runs_dir):
    with pytest.raises(UserError, match=r"train one: python train_std\.py"):
        find_run(runs_dir, WANTED)


def test_a_damaged_run_does_not_hide_the_others(runs_dir, add):
    wanted = add("good")
    (add("bad") / "config.json").write_text("{")
    found = find_run(runs_dir, WANTED)
    assert found.path == wanted
    assert found.reason.endswith("; not bad: cannot be read")  # it may be the one that was meant


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, {"version": 2, "use_bn": True, "random_centers": False, "training": "standard"}),
        ({"model": "resnet47v2", "version": None}, {"version": 2}),
        ({"version": None}, {"version": 1}),
        ({"use_bn": False, "centers": "random"}, {"use_bn": False, "random_centers": True}),
        ({"model": "mnist", "version": None}, {"version": None, "use_bn": False}),
        ({"model": "lenet5", "version": None, "use_bn": True}, {"use_bn": True}),
        ({"model": "wrn-28-4", "version": None}, {"version": None, "use_bn": True}),
        ({"model": "my_own", "version": None}, {"version": None, "use_bn": None}),
        (
            ADVERSARIAL,
            {"training": "adversarial", "attack_method": "pgd", "targeted": False, "adv_ratio": 1.0},
        ),
        # Max-margin training is not what the original calls adversarial.
        (ADVERSARIAL | {"method": "mma"}, {"training": "mma", "attack_method": None}),
    ],
)
def test_settings_of_a_run(flags, expected):
    settings = settings_of({"flags": STANDARD | flags})
    assert {name: settings.get(name) for name in expected} == expected


def test_numbers_and_names_are_compared_by_what_they_mean():
    settings = settings_of({"flags": STANDARD | {"dataset": "fashion_mnist", "lr": 0.1 + 0.2}})
    assert differences(settings, {"dataset": "fashion-mnist", "lr": 0.3}) == []
    assert differences(settings, {"dataset": "mnist", "adv_ratio": 1.0}) == [
        "dataset fashion_mnist",
        "adv_ratio None",
    ]


def test_an_epoch_chooses_among_runs_that_ended_with_it(runs_dir, add):
    wanted = add("short", epochs=2)
    add("long", epochs=5)
    assert find_run(runs_dir, WANTED, epoch=2).path == wanted
    with pytest.raises(
        UserError, match=r"`epoch`. Expected 5 \(.*long\) or 2 \(.*short\), since a run keeps"
    ):
        find_run(runs_dir, WANTED, epoch=180)
    assert last_epoch(wanted) == 2
    assert last_epoch(runs_dir) is None


def options(runs_dir, **changes):
    plain = {"run": WANTED, "source_run": None, "epoch": None, "most_images": None, "original": ["read as"]}
    plain |= {
        "runs_dir": runs_dir,
        "checkpoint": None,
        "transfer_from": None,
        "test_size": None,
        "attack": ["pgd"],
    }
    return SimpleNamespace(**plain | changes)


def test_options_get_the_runs_that_are_meant(runs_dir, add):
    mmc, source = add("mmc"), add("sce", loss="SCE")
    asked = options(runs_dir, source_run={"loss": "SCE"}, most_images=1000)
    named = name_runs(asked)
    assert (named.checkpoint, named.transfer_from, named.test_size) == (str(mmc), [str(source)], 500)
    assert named.original == [
        "read as",
        f"run {mmc}, the only one with loss MMC, scale 10, training standard",
        f"crafted on {source}, the only one with loss SCE",
        "the original's 1000 test images: --test_size=500",
    ]
    assert asked.checkpoint is None
    assert asked.original == ["read as"]
    untouched = options(runs_dir, run=None)
    assert name_runs(untouched) is untouched


def test_a_named_run_must_be_as_described(runs_dir, add):
    sce = add("sce", loss="SCE")
    with pytest.raises(
        UserError, match=r"Expected a run with loss MMC, .* Received: .*sce, which has loss SCE"
    ):
        name_runs(options(runs_dir, checkpoint=str(sce)))
    assert name_runs(options(runs_dir, checkpoint=str(sce), run={"loss": "SCE"})).checkpoint == str(sce)
    file = runs_dir.parent / "other.keras"  # knows nothing of its training
    assert name_runs(options(runs_dir, checkpoint=str(file))).checkpoint == str(file)
