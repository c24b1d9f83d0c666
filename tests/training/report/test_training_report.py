"""The report of training runs, made of logs written by hand."""

import csv
import json
import re

import chromium
import numpy as np
import pytest
from html_reader import Reader, assert_self_contained

from mmc_tf.checks import UserError
from mmc_tf.report.colours import SERIES
from mmc_tf.training import log
from mmc_tf.training.__main__ import main
from mmc_tf.training.report import build
from mmc_tf.training.report.curves import STEPS, TIME, draw_curves, label_curves, quantities_of, time_unit
from mmc_tf.training.report.history import History, read_histories
from mmc_tf.training.report.summary import HEADER, differences, make_rows

FLAGS = {"dataset": "digits", "model": "lenet5", "loss": "MMC", "lr": 0.01, "run_name": "a", "resume": False}
ATTACKED = {
    "attack_method": "pgd",
    "epsilon": 8 / 255,
    "num_steps": 10,
    "norm": "linf",
    "adv_ratio": 1.0,
    "targeted": False,
}


def rows(epochs=3, *, seconds=30.0, monitored="test"):
    return [
        {
            "epoch": epoch,
            "step": 100 * epoch,
            "seconds": seconds * epoch,
            "learning_rate": 0.1**epoch,
            "loss": 4.0 / epoch,
            "accuracy": 0.5 + 0.1 * epoch,
            "monitored": monitored,
            "monitored_loss": 5.0 / epoch,
            "monitored_accuracy": 0.4 + 0.1 * epoch,
            "monitored_error": 0.6 - 0.1 * epoch,
            "images_per_second": 1000.0 + epoch,
        }
        for epoch in range(1, epochs + 1)
    ]


def write_run(path, *, flags=FLAGS, written=None, **config):
    path.mkdir(parents=True)
    content = {"flags": flags, "command": "train_std.py", "finished": False, "dataset": {"name": "digits"}}
    (path / "config.json").write_text(json.dumps(content | config))
    for row in rows() if written is None else written:
        log.append(path / "log.csv", row)
    return path


@pytest.fixture
def runs(tmp_path):
    """A clean run that is finished, and an adversarial one that goes on."""
    return [
        write_run(tmp_path / "runs" / "clean", finished=True, clean_accuracy=0.75),
        write_run(tmp_path / "runs" / "<b>robust", flags=FLAGS | ATTACKED | {"lr": 0.1}, written=rows(2)),
    ]


def found_by_key(runs):
    return {quantity.key: quantity for quantity in quantities_of(read_histories(runs))}


def test_every_column_is_drawn_against_steps_and_time(runs):
    quantity = found_by_key(runs[:1])["clean-accuracy"]
    for against, x, label in (
        (STEPS, [100, 200, 300], "step"),
        (TIME, [30, 60, 90], "wall-clock time (s)"),
    ):
        (axes,) = draw_curves(quantity, against=against).axes
        lines = {line.get_label(): line for line in axes.lines}
        assert list(lines) == ["test images", "training images"]
        for name, values in (("test images", [50, 60, 70]), ("training images", [60, 70, 80])):
            assert list(lines[name].get_xdata()) == x
            np.testing.assert_allclose(lines[name].get_ydata(), values)
        assert axes.get_xlabel() == label
        assert axes.get_ylabel() == "clean accuracy (%)"
        assert [line.get_linestyle() for line in lines.values()] == ["-", "--"]


def test_other_quantities_are_as_logged(runs):
    found = found_by_key(runs[:1])
    assert list(found) == ["loss", "clean-accuracy", "learning-rate", "speed"]
    np.testing.assert_allclose(found["loss"].curves[0].values, [5, 2.5, 5 / 3])
    np.testing.assert_allclose(found["loss"].curves[1].values, [4, 2, 4 / 3])
    np.testing.assert_allclose(found["learning-rate"].curves[0].values, [0.1, 0.01, 0.001])
    np.testing.assert_allclose(found["speed"].curves[0].values, [1001, 1002, 1003])
    axes = {key: draw_curves(quantity, against=STEPS).axes[0] for key, quantity in found.items()}
    assert axes["learning-rate"].get_yscale() == "log"
    assert axes["loss"].get_yscale() == "linear"
    assert axes["speed"].get_ylim()[0] == 0


def test_accuracy_on_adversarial_images_is_never_called_clean(runs):
    found = found_by_key(runs)
    clean, adversarial = found["clean-accuracy"].curves, found["adversarial-accuracy"].curves
    assert [(curve.name, curve.images) for curve in clean] == [
        ("clean", "test images"),
        ("clean", "training images"),
        ("<b>robust", "test images"),
    ]
    assert [(curve.name, curve.images) for curve in adversarial] == [("<b>robust", "pgd-10 linf 8/255")]
    np.testing.assert_allclose(adversarial[0].values, [60, 70])
    assert "<b>robust: pgd-10 linf 8/255" in found["loss"].caption
    assert [curve.images for curve in found["loss"].curves][-1] == "adversarial training images"
    on_clean = write_run(runs[0].parent / "ratio", flags=FLAGS | ATTACKED | {"adv_ratio": 0.0})
    assert "adversarial-accuracy" not in found_by_key([on_clean])


def test_several_runs_share_a_picture(runs):
    quantity = found_by_key(runs)["loss"]
    assert label_curves(quantity.curves) == ["clean", "", "<b>robust", ""]
    figure = draw_curves(quantity, against=STEPS)
    colours = [line.get_color() for line in figure.axes[0].lines]
    assert colours == [SERIES[0], SERIES[0], SERIES[1], SERIES[1]]
    assert [text.get_text() for text in figure.legends[0].texts] == ["clean", "<b>robust"]


@pytest.mark.parametrize(
    ("seconds", "unit"), [(0, "s"), (119, "s"), (120, "min"), (7199, "min"), (7200, "h"), (10**6, "h")]
)
def test_times_are_handy_numbers(seconds, unit):
    assert time_unit(seconds)[0] == unit


def test_the_table_says_what_came_of_each_run(runs):
    clean, robust = (dict(zip(HEADER, row, strict=True)) for row in make_rows(read_histories(runs)))
    assert clean == {
        "run": "clean",
        "model": "lenet5",
        "loss": "MMC",
        "epochs": "3",
        "steps": "300",
        "time": "90 s",
        "images/s": "1,002",
        "final loss": "1.333",
        "training accuracy %": "80.00",
        "adversarial training accuracy %": "",
        "validation accuracy %": "",
        "test accuracy %": "75.00",
        "state": "finished",
    }
    assert (robust["training accuracy %"], robust["adversarial training accuracy %"]) == ("", "70.00")
    assert (robust["test accuracy %"], robust["state"]) == ("60.00", "not finished")
    validated = write_run(runs[0].parent / "validated", written=rows(monitored="validation"))
    (row,) = make_rows(read_histories([validated]))
    assert row[HEADER.index("validation accuracy %")] == "70.00"
    assert row[HEADER.index("test accuracy %")] == ""


def test_settings_that_differ_are_listed(runs):
    other = {"lr", "attack_method", "epsilon", "num_steps", "norm", "adv_ratio", "targeted"}
    found = {name: values for name, *values in differences(read_histories(runs))}
    assert set(found) == other
    assert found["lr"] == ["0.01", "0.1"]
    assert found["attack_method"] == ["–", "pgd"]
    assert found["targeted"] == ["–", "false"]


def test_the_page_has_every_part_and_needs_nothing_else(runs, tmp_path):
    path = build.write_report(runs, tmp_path / "out")
    page = Reader(path.read_text())
    assert_self_contained(page)
    assert page.headings() == [
        "Runs",
        "Loss",
        "Clean accuracy",
        "Adversarial accuracy in training",
        "Learning rate",
        "Speed",
        "Settings",
    ]
    assert page.texts["title"] == ["Training of clean, <b>robust"]
    assert {"<b>robust", "75.00", "finished", "attack_method"} <= set(page.texts["td"])
    assert len([tag for tag, _ in page.elements if tag == "svg"]) == 10
    names = sorted(file.name for file in (tmp_path / "out" / "figures").iterdir())
    quantities = ("adversarial-accuracy", "clean-accuracy", "learning-rate", "loss", "speed")
    assert names == [f"{quantity}-{against}.png" for quantity in quantities for against in ("steps", "time")]


@pytest.mark.skipif(chromium.find() is None, reason="needs Chromium (apt-get install chromium)")
def test_a_browser_shows_it_without_overflow_and_fetches_nothing(runs, tmp_path):
    path = build.write_report(runs, tmp_path / "out", with_files=False)
    measured, requested = chromium.measure(path, tmp_path, width=375, scheme=chromium.DARK)
    assert requested == []
    assert (measured["innerWidth"], measured["wide"]) == (375, [])
    assert measured["scrollWidth"] <= 375
    assert len(measured["svg"]) == 10


def test_one_epoch_is_enough(tmp_path):
    run = write_run(tmp_path / "one", written=rows(1))
    assert build.write_report([run], with_files=False) == run / "report.html"  # its own folder


def test_missing_and_empty_columns_are_left_out(tmp_path):
    run = write_run(tmp_path / "old")
    with (run / "log.csv").open(newline="") as file:
        old = [{**row, "monitored_loss": "", "monitored_accuracy": ""} for row in csv.DictReader(file)]
    with (run / "log.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, log.COLUMNS[:-1], extrasaction="ignore")  # no images_per_second
        writer.writeheader()
        writer.writerows(old)
    found = found_by_key([run])
    assert list(found) == ["loss", "clean-accuracy", "learning-rate"]
    assert [curve.images for curve in found["clean-accuracy"].curves] == ["training images"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda run: run.joinpath("config.json").unlink(), "is not a run's folder"),
        (lambda run: run.joinpath("config.json").write_text("[]"), "is not a run's folder"),
        (lambda run: run.joinpath("log.csv").unlink(), "a run with a log"),
        (lambda run: run.joinpath("log.csv").write_text(""), "finished an epoch"),
        (lambda run: run.joinpath("log.csv").write_text("epoch,step\n"), "finished an epoch"),
        (
            lambda run: run.joinpath("log.csv").write_text("epoch,step\n1,2\n"),
            "columns seconds, loss, accuracy",
        ),
        (lambda run: run.joinpath("log.csv").write_text("a,b\n\xff"), "columns epoch"),
        (lambda run: run.joinpath("log.csv").write_bytes(b"epoch\n\xff\n"), "a readable log"),
        (
            lambda run: run.joinpath("log.csv").write_text("epoch,step,seconds,loss,accuracy\n1,2,x,4,5\n"),
            "numbers in column seconds",
        ),
        (
            lambda run: run.joinpath("log.csv").write_text("epoch,step,seconds,loss,accuracy\n1,,3,4,5\n"),
            "a number in every row of column step",
        ),
    ],
)
def test_what_is_no_run_is_refused_in_one_line(runs, capsys, damage, said):
    damage(runs[0])
    assert main(["report", str(runs[0]), str(runs[1]), f"--output_dir={runs[0].parent / 'out'}"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert re.fullmatch(r"error: .*\n", error)
    assert not (runs[0].parent / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "nowhere"], "is not a run's folder"),
        (["report"], "arguments"),
        (["draw", "x"], "arguments"),
        (["report", "{0}", "{0}/."], "each run once"),
        (["report", *["{0}"] * 9], "at most 8 runs"),
        (["report", "{0}", "--output_dir={0}/log.csv"], "output_dir"),
    ],
)
def test_mistakes_in_the_command_are_one_line(runs, capsys, arguments, said):
    assert main([argument.format(runs[0]) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert re.fullmatch(r"error: .*\n", error)


def test_the_command_says_where_the_report_is(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "write_pngs", lambda folder, pictures: None)
    assert main(["report", *map(str, runs)]) == 0
    assert capsys.readouterr().out == "report in results/training/clean+<b>robust/report.html\n"


def test_runs_of_one_name_are_told_apart(tmp_path):
    runs = [write_run(tmp_path / folder / "same") for folder in ("x", "y")]
    names = [history.name for history in read_histories(runs)]
    assert names == [run.as_posix() for run in runs]


@pytest.mark.parametrize("error", [UserError("cannot\nbe drawn"), ZeroDivisionError("cannot be drawn")])
def test_a_failure_to_draw_costs_one_line(runs, monkeypatch, error):
    def fail(histories):
        raise error

    monkeypatch.setattr(build, "quantities_of", fail)
    assert build.try_report(runs[0]) == "no report, it could not be drawn: cannot be drawn"
    assert not (runs[0] / "report.html").exists()


def test_a_finished_run_gets_the_page_alone(runs):
    assert build.try_report(runs[0]) == f"report in {runs[0] / 'report.html'}"
    assert not (runs[0] / "figures").exists()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"flags": {"method": "mma", "attack_method": "pgd"}, "accuracy_on": "clean"}, None),
        ({"flags": {"method": "fast", "attack_method": "pgd", "num_steps": 1, "epsilon": 0.3}}, "fast-1 0.3"),
        (
            {
                "flags": {
                    "method": "pgdls",
                    "attack_method": "pgd",
                    "num_steps": 10,
                    "norm": "linf",
                    "epsilon": 0.4,
                }
            },
            "pgd-10 linf 0.4",
        ),
        ({"flags": {"attack_method": "pgd", "adv_ratio": 0}}, None),
    ],
)
def test_what_the_accuracy_of_a_method_is_of(config, expected):
    assert History("run", config, {}, "test").attack == expected
