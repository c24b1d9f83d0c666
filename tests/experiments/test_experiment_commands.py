"""`python -m mmc_tf.experiments`: mistakes are answered in a line, results printed again from their files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mmc_tf.experiments import writing
from mmc_tf.experiments.__main__ import main
from mmc_tf.experiments.budgets import BUDGETS
from mmc_tf.experiments.experiment import HEADER, Experiment, experiment, load_all, parse_header
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.report.drawing import drawing_style, new_figure
from mmc_tf.report.picture import Picture

REPOSITORY = Path(__file__).resolve().parents[2]


def make_experiment(name="mmc-table-1"):
    return Experiment(
        name=name,
        source="MMC paper, Table 1",
        title="A title",
        header=dict.fromkeys(HEADER, "text"),
        datasets=(),
        run=lambda lab: Outcome(),
    )


def make_outcome():
    with drawing_style():
        figure = new_figure()
        figure.subplots().plot([0, 1])
    table = Table(
        name="t",
        caption="Accuracy (%)",
        header=("Method", "Clean & more"),
        rows=(("MMC_10", (Cell(measured=1.0, published="≤1"),)),),
    )
    picture = Picture(name="curve", title="", caption="A curve", figure=figure)
    return Outcome(tables=(table,), pictures=(picture,), notes=("A note.",))


@pytest.fixture
def written(tmp_path):
    folder = tmp_path / "smoke" / "results" / "mmc-table-1"
    writing.write(folder, make_experiment(), make_outcome(), budget=BUDGETS.get("smoke"), seconds=90)
    return folder


def test_results_are_written_in_three_forms(written):
    assert (written / "curve.png").read_bytes().startswith(b"\x89PNG")
    results = json.loads((written / "results.json").read_text())
    assert (results["budget"], results["seconds"], results["notes"]) == ("smoke", 90, ["A note."])
    markdown = (written / "table.md").read_text()
    assert "| MMC_10 | 1.0 (≤1) |" in markdown
    assert "Accuracy (%). Measured (published)." in markdown
    assert "![A curve](curve.png)" in markdown
    assert "took 1.5 minutes" in markdown
    latex = (written / "table.tex").read_text()
    assert r"MMC\_10 & 1.0 ($\leq$1) \\" in latex
    assert r"Method & Clean \& more \\" in latex


def test_a_table_is_printed_again(written, tmp_path, capsys):
    assert main(["table", "mmc-table-1", "--budget=smoke", f"--work_dir={tmp_path}"]) == 0
    assert capsys.readouterr().out == (written / "table.md").read_text()


def test_the_list_marks_what_has_results(written, tmp_path, capsys):
    assert main(["list", "--budget=smoke", f"--work_dir={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    marked = [line.split()[1] for line in lines if line.startswith("* ") and "has results" not in line]
    assert marked == ["mmc-table-1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "mmc-table-0"], "Invalid value for argument `experiment`. Expected one of m"),
        (["run", "all", "mmc-table-1"], "Expected all alone, or names without it"),
        (["run", "mmc-table-1", "--seed=-1"], "Invalid value for argument `seed`"),
        (["run", "mmc-table-1", "--data_dir={tmp}"], "cifar10"),
        (["table", "mmc-table-1"], "has no results"),
        (["table", "nothing"], "Invalid value for argument `experiment`"),
        (["run"], "required: NAME"),
        (["run", "mmc-table-1", "--budget=big"], "invalid choice: 'big'"),
    ],
)
def test_mistakes_are_answered_in_a_line(tmp_path, capsys, words, message):
    words = [word.format(tmp=tmp_path) for word in words]
    known = "--work_dir" if words != ["run"] else None
    assert main([*words, *([f"{known}={tmp_path / 'lab'}"] if known else [])]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_every_experiment_states_what_its_readers_need():
    registry = load_all()
    for name in registry:
        each = registry.get(name)
        assert each.name == name
        assert name in each.header["command"].split(" run ")[1].split()
        assert each.title
        assert each.title[-1] != "."


def test_a_header_is_read_field_by_field():
    text = "Title.\n\npaper     A,\n          B\ncommand   c\n\nNot a field.\n"
    assert parse_header(text) == {"paper": "A, B", "command": "c"}


def test_a_file_without_a_header_is_a_mistake_of_its_author():
    with pytest.raises(ValueError, match="lacks paper, command, cost, published, measured"):
        experiment("nothing", source="s", datasets=())(lambda lab: Outcome())


def test_the_list_does_not_wait_for_tensorflow():
    code = "import sys; from mmc_tf.experiments.experiment import load_all; load_all(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert not {"tensorflow", "keras", "matplotlib", "sklearn"} & set(done.stdout.split())
