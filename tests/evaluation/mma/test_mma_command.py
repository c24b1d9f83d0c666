"""`python -m mmc_tf.evaluation mma`: the whole way from a command line to tables, a dry run, a kill, mistakes."""

import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from mmc_tf.evaluation.__main__ import main
from mmc_tf.evaluation.mma import report

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = ["--epsilon=0.05,0.1", "--runs_per_model=2", "--num_steps=3", "--examples=30", "--batch_size=15"]


@pytest.fixture
def workplace(tmp_path, monkeypatch, digits, kit):
    """A folder with two finished runs of linear classifiers."""
    monkeypatch.chdir(tmp_path)
    images, labels = digits.train.as_float(), digits.train.labels
    for name, part in (("one", slice(0, 200)), ("two", slice(200, 600))):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        flags = {"dataset": "digits", "loss": "SCE", "model": "linear"}
        (folder / "config.json").write_text(json.dumps({"flags": flags, "dataset": {"name": "digits"}}))
        kit.ridge_classifier(images[part], labels[part], gain=5.0).save(folder / "final.keras")
    return tmp_path


def test_from_runs_to_tables(workplace, capsys, monkeypatch):
    words = ["mma", "runs", *SMALL, "--ensemble=both=one,two", "--output_dir=out"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    for words_there in (
        "networks one   runs/one: 1 on ce, 1 on cw",
        "both  vote of one, two: 1 on sum of the members' own, 1 on sum of cw, 2 on vote, away, 2 on vote, towards",
        "PGD-3 linf, last iterate, radii and steps 0.05 by 0.0416667, 0.1 by 0.0833333; 10 on each network and radius",
        "images   the first 30 test images",
        "DIGITS Model  Cln Acc  AvgAcc  AvgRobAcc",
        "TransferGap",
        "warning PGD_ONLY: ",
        "results in out: results.json, examples.npz, table.md, table.tex",
        "report in out/report.html",
    ):
        assert words_there in printed
    out = workplace / "out"
    results = json.loads((out / "results.json").read_text())
    row = next(line for line in printed.splitlines() if line.startswith("two"))
    shares = results["models"][1]["combined"]["robust_accuracy"]
    assert row.split()[-2:] == [f"{100 * share:.2f}" for share in shares]
    assert "| two | " in (out / "table.md").read_text()
    assert r"\begin{tabular}{lrrrrr}" in (out / "table.tex").read_text()
    assert results["command"].startswith("python -m mmc_tf.evaluation")
    drawn = (out / "report.html").read_text()
    assert "3 networks under their own attacks" in drawn
    assert f">{row.split()[-1]}</td>" in drawn
    for figure in ("accuracy-combined.png", "accuracy-white-box.png"):
        assert (out / "figures" / figure).read_bytes().startswith(b"\x89PNG")
    # Once more is a mistake; to go on with what is finished shows it again.
    assert main(words) == 2
    assert "Expected a new or empty folder, or --resume or --overwrite" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert row in capsys.readouterr().out
    # A figure that cannot be drawn costs neither the tables nor the exit status.
    (out / "table.md").unlink()
    monkeypatch.setattr(report, "draw_accuracy_by_epsilon", None)
    assert main([*words, "--resume"]) == 0
    assert "no report, it could not be drawn: " in capsys.readouterr().out
    assert "| two | " in (out / "table.md").read_text()


def test_a_dry_run_touches_nothing(workplace, capsys):
    before = sorted(workplace.rglob("*"))
    assert main(["mma", "one", "two", *SMALL, "--norm=l2", "--dry_run", "--cw"]) == 0
    printed = capsys.readouterr().out
    assert "PGD-3 l2, last iterate, radii and steps 0.05 by 0.0416667" in printed
    assert "distance C&W-l2, 1000 steps, first 1000 images" in printed
    assert "results  results/mma/" in printed
    assert sorted(workplace.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["runs", "--epsilon=0.1,x"],
            "`epsilon`. Expected a number or a fraction such as 8/255. Received: epsilon=x",
        ),
        (["runs", "--norm=l1"], "`norm`. Expected one of l2, linf. Received: norm=l1"),
        (
            ["runs", "--runs_per_model=0"],
            "`runs_per_model`. Expected an integer >= 1. Received: runs_per_model=0",
        ),
        (["runs", "--cw_steps=5"], "`cw_steps`. Expected --cw beside it. Received: cw_steps=5"),
        (
            ["runs", "--cw", "--cw_examples=0"],
            "`cw_examples`. Expected an integer >= 1. Received: cw_examples=0",
        ),
        (["runs", "--resume", "--overwrite"], "`overwrite`. Expected not both --resume and --overwrite"),
        (["runs/one"], "`runs`. Expected two networks or more"),
        (["runs", "--examples=9999"], "`examples`. Expected at most "),
        (["runs", "--seed=-1"], "`seed`. Expected an integer >= 0. Received: seed=-1"),
        (["runs", "--batch_size=0"], "`batch_size`. Expected an integer >= 1. Received: batch_size=0"),
        (
            ["runs", "--output_dir=runs/one"],
            "`output_dir`. Expected a new or empty folder, or --resume or --overwrite",
        ),
        (
            ["runs", "--output_dir=runs/one", "--overwrite"],
            "`output_dir`. Expected a folder with an evaluation",
        ),
        (["runs", "--num_steps=many"], "`arguments`. Expected those that"),
    ],
)
def test_mistakes_take_one_line_and_no_tensorflow(workplace, capsys, monkeypatch, words, message):
    # None in its place makes an import fail.
    monkeypatch.setitem(sys.modules, "mmc_tf.evaluation.entry", None)
    assert main(["mma", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Invalid value for argument ")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(workplace, request):
    root = request.config.rootpath

    def start(folder, *more):
        longer = {"--num_steps=3": "--num_steps=30", "--examples=30": "--examples=60"}
        words = ["mma", "runs", *(longer.get(word, word) for word in SMALL), f"--output_dir={folder}", *more]
        environment = os.environ | {"PYTHONPATH": str(root)}
        return subprocess.Popen(
            [sys.executable, "-m", "mmc_tf.evaluation", *words],
            cwd=workplace,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    whole = start("whole")
    whole.communicate(timeout=300)
    assert whole.returncode == 0
    folder, wanted = workplace / "killed", 0
    for number in range(3):
        process, wanted = start(folder, *(["--resume"] if number else [])), wanted + 2
        while process.poll() is None and len(list(folder.glob("progress/radius-*/*.npz"))) < wanted:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (folder / "results.json").exists()
    resumed = start(folder, "--resume")
    resumed.communicate(timeout=300)
    assert resumed.returncode == 0
    with np.load(workplace / "whole" / "examples.npz") as one, np.load(folder / "examples.npz") as other:
        assert one.files == other.files
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert (workplace / "whole" / "table.md").read_text() == (folder / "table.md").read_text()


def test_networks_for_0_to_255_are_refused_until_the_flag_says_so(workplace, capsys):
    for name in ("one", "two"):
        plain = keras.saving.load_model(workplace / "runs" / name / "final.keras")
        inputs = keras.Input((8, 8, 1))
        scaled = keras.layers.Rescaling(1 / 255)(inputs)
        keras.Model(inputs, plain(scaled)).save(workplace / "runs" / name / "final.keras")
    words = ["mma", "runs", *SMALL, "--output_dir=out"]
    for more in ([], ["--dry_run"]):
        assert main([*words, *more]) == 2
        assert "one: Invalid value for argument `input_range`. Expected 0,255" in capsys.readouterr().err
    assert not (workplace / "out").exists()
    assert main([*words, "--input_range=255"]) == 2
    assert "Expected two numbers LOW,HIGH" in capsys.readouterr().err
    assert main([*words, "--input_range=0,255"]) == 0
    results = json.loads((workplace / "out" / "results.json").read_text())
    assert results["input_range"] == [0, 255]
    assert all(model["clean_accuracy"] > 0.8 for model in results["models"])


def test_a_radius_in_grey_levels_is_refused(workplace, capsys):
    assert main(["mma", "runs", "--epsilon=8"]) == 2
    assert "8 grey levels are 8/255" in capsys.readouterr().err
