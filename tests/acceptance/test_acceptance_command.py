"""The command: its options, what it writes, and its exit status."""

from __future__ import annotations

import json
import sys

import keras
import numpy as np
import pytest

from mmc_tf.acceptance import __main__ as command
from mmc_tf.acceptance import formulas, runner
from mmc_tf.acceptance.lab import Lab, Scaled, run
from mmc_tf.acceptance.networks import build_network, load_or_train
from mmc_tf.acceptance.options import parse
from mmc_tf.attacks import make
from mmc_tf.checks import UserError
from mmc_tf.data import load


def call(monkeypatch, tmp_path, *arguments):
    monkeypatch.setattr(sys, "argv", ["acceptance", f"--output_dir={tmp_path}", *arguments])
    return command.main()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--seed=one", "Invalid value for argument `seed`. Expected an integer >= 0. Received: seed=one"),
        (
            "--examples=3",
            "Invalid value for argument `examples`. Expected an integer >= 8. Received: examples=3",
        ),
        ("--only=C", "Invalid value for argument `only`. Expected one of A, B. Received: only=C"),
        ("--attacks=pdg", "Expected one of an_pgd, "),
        (
            "--sed=1",
            "Expected the options that --help lists. Received: arguments=unrecognized arguments: --sed=1",
        ),
        ("--output_dir=/proc/nowhere", "Invalid value for argument `output_dir`. Expected a folder"),
        ("--network_seed=-1", "Invalid value for argument `network_seed`. Expected an integer >= 0"),
    ],
)
def test_mistakes_are_one_line_and_status_2(argument, message, monkeypatch, tmp_path, capsys):
    assert call(monkeypatch, tmp_path, argument) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert message in output.err
    assert output.err.count("\n") == 1


def test_a_seed_is_drawn_if_none_is_given(tmp_path):
    folder = f"--output_dir={tmp_path}"
    seeds = {parse([folder]).seed for _ in range(4)}
    assert len(seeds) > 1
    assert parse([folder, "--seed=5"]).seed == 5
    assert parse([folder, "--only=B"]).columns == ("B",)


def test_table_files_and_status(monkeypatch, tmp_path, capsys):
    chosen = ("--only=A", "--seed=3", "--attacks=rotation")
    assert call(monkeypatch, tmp_path, *chosen) == 0
    printed = capsys.readouterr().out
    assert "seed 3" in printed
    assert printed.count("pass") == 2
    assert (tmp_path / "table.md").read_text() == printed
    record = json.loads((tmp_path / "table.json").read_text())
    assert (record["seed"], record["failed"], len(record["rows"])) == (3, 0, 2)


def test_a_wrong_noise_is_found(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(formulas, "make", lambda *names, **settings: make(*names, sigma=0.051, **settings))
    assert call(monkeypatch, tmp_path, "--only=A", "--seed=3", "--attacks=gaussian") == 1
    assert "| 0.0500  | 0.0510 |       | FAIL    |" in capsys.readouterr().out


def test_a_criterion_that_fails_is_status_1(monkeypatch, tmp_path):
    monkeypatch.setattr(runner, "run_matrix", lambda options: 1)
    assert call(monkeypatch, tmp_path) == 1


def test_without_mnist_column_b_is_skipped_with_the_reason(monkeypatch, tmp_path, capsys):
    def missing(options):
        raise UserError("no MNIST here")

    monkeypatch.setattr(runner, "load_mnist", missing)
    assert call(monkeypatch, tmp_path, "--attacks=rotation") == 0
    assert "column B skipped, without MNIST: no MNIST here" in capsys.readouterr().out
    assert call(monkeypatch, tmp_path, "--attacks=rotation", "--only=B") == 2
    assert capsys.readouterr().err == "error: no MNIST here\n"


def test_a_run_is_made_once_and_radii_follow_the_bed():
    lab = Lab(seed=4, examples=12)
    attack = run("pgd", "linear", "linf", epsilon="radius", objective="margin")
    assert lab.result(attack) is lab.result(attack)
    margins = lab.margins("linear", "linf")
    assert (margins > lab.radius("linear", "linf")).sum() == 8
    assert np.isclose(lab.farthest("linear", "linf"), margins.max())
    np.testing.assert_allclose(lab.margins("linear x8", "linf"), margins, rtol=1e-12)
    assert lab.place("linear x8").model.logits.std() == pytest.approx(
        8 * lab.place("linear").model.logits.std()
    )


@pytest.fixture(scope="module")
def digits():
    return load("digits", train_size=1000, test_size=20)


def test_networks_have_the_published_shape():
    for loss, parameters in (("MMC", 416 + 12832 + 32832 + 640), ("SCE", 416 + 12832 + 32832 + 650)):
        model = build_network(loss)
        assert model.count_params() == parameters
        assert model.output_shape == (None, 10)


def test_networks_are_trained_once(digits, tmp_path):
    images = np.pad(digits.train.as_float(), ((0, 0), (4, 4), (4, 4), (0, 0)))
    split = type(digits.train)(images, digits.train.labels)
    model = load_or_train("MMC", split, tmp_path)
    [path] = tmp_path.iterdir()
    saved = path.stat().st_mtime_ns
    again = load_or_train("MMC", split, tmp_path)
    assert path.stat().st_mtime_ns == saved
    logits = keras.ops.convert_to_numpy(model(images))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again(images)), logits)
    np.testing.assert_allclose(Scaled(again, 1000.0)(images), 1000 * logits, rtol=1e-6)
    assert (logits.argmax(axis=1) == split.labels).mean() > 0.5


@pytest.mark.slow
def test_column_a_holds():
    """On a bed that no criterion was written for; about five minutes."""
    rows = runner.measure(runner.select("A"), Lab(seed=20))
    assert [row for row in rows if not row.passed] == []
