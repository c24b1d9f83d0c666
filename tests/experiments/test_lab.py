"""The lab asks for a command once, whoever asks, and says what went wrong."""

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flags.cli import parse
from flags.names import METHODS as METHOD_NAMES
from flags.resolve import resolve_training
from flags.scripts import TRAIN_AT
from mmc_tf.checks import UserError
from mmc_tf.experiments import execution, lab
from mmc_tf.experiments.budgets import BUDGETS
from mmc_tf.experiments.lab import Lab, Network
from mmc_tf.program import TerminatedError
from mmc_tf.training.growth import GROWING_METHODS
from mmc_tf.training.plan import make_plan


@pytest.fixture
def commands(monkeypatch):
    """The commands that a lab would have run, in their order; each takes two seconds by its account."""
    asked = []

    def run_command(words, log_file, *, in_process):
        asked.append(words)
        log_file.parent.mkdir(parents=True, exist_ok=True)
        return 2.0

    monkeypatch.setattr(lab, "run_command", run_command)
    return asked


def make_lab(folder, budget="smoke", **settings):
    return Lab(BUDGETS.get(budget), work_dir=folder, **settings)


def test_a_network_is_trained_once(tmp_path, commands):
    network = Network(dataset="cifar10", loss="MMC", model="resnet32")
    first = make_lab(tmp_path).train(network)
    assert make_lab(tmp_path).train(network) == first
    assert len(commands) == 1
    script, *words = commands[0]
    assert script == "train_std.py"
    assert {"--dataset=digits", "--model=lenet5", "--loss=MMC", "--epochs=1", "--resume"} <= set(words)


def test_other_settings_make_another_network(tmp_path, commands):
    subject = make_lab(tmp_path)
    plain = Network(dataset="mnist", loss="MMC")
    others = [
        Network(dataset="mnist", loss="SCE"),
        Network(dataset="mnist", loss="MMC", flags=(("scale", 5),)),
        Network(dataset="mnist", loss="MMC", method="pgd"),
    ]
    paths = {subject.train(each) for each in (plain, *others)}
    paths.add(make_lab(tmp_path, seed=1).train(plain))
    assert len(paths) == len(commands) == 5


def test_an_experiments_flags_replace_the_budgets(tmp_path, commands):
    make_lab(tmp_path).train(Network(dataset="mnist", loss="SCE", flags=(("epochs", 7),)))
    assert [word for word in commands[0] if word.startswith("--epochs")] == ["--epochs=7"]


@pytest.mark.parametrize("method", METHOD_NAMES)
@pytest.mark.parametrize("loss", ["MMC", "SCE"])
def test_adversarial_training_on_the_paper_budget_has_the_whole_radius_at_once(
    tmp_path, commands, loss, method
):
    network = Network(dataset="digits", loss=loss, model="lenet5", method=method)
    make_lab(tmp_path, "paper").train(network)
    command = [word for word in commands[0] if word != "--resume" and not word.startswith("--run_name")]
    plan = make_plan(resolve_training(parse(command, TRAIN_AT.definitions)), adversarial=True)
    if loss == "MMC" and method in GROWING_METHODS:
        assert "--epsilon_warmup_steps=0" in commands[0]
    assert (plan.flags["epsilon_delay_steps"], plan.flags["epsilon_warmup_steps"]) == (0, 0)
    assert plan.added == {}


@pytest.mark.parametrize(
    ("budget", "bare", "name"),
    [
        ("smoke", False, "pgd-mmc-lenet5-digits-1934df7f"),
        ("short", False, "pgd-mmc-resnet32-cifar10-3a5aba00"),
        ("paper", True, "pgd-mmc-resnet32-cifar10-c6a25473"),
    ],
)
def test_the_radius_of_shorter_budgets_grows_and_all_names_are_as_before(
    tmp_path, commands, budget, bare, name
):
    network = Network(dataset="cifar10", loss="MMC", model="resnet32", method="pgd")
    assert make_lab(tmp_path, budget).train(network).name == name
    assert [word for word in commands[0] if word.startswith("--epsilon_")] == (
        ["--epsilon_warmup_steps=0"] if bare else []
    )
    make_lab(tmp_path, budget).train(replace(network, flags=(("epsilon_warmup_steps", 7),)))
    assert "--epsilon_warmup_steps=7" in commands[1]
    assert "--epsilon_warmup_steps=0" not in commands[1]


def test_an_evaluation_keeps_to_the_limit_of_steps(tmp_path, commands, monkeypatch):
    subject = make_lab(tmp_path)
    folder = subject.evaluation_folder(tmp_path / "runs" / "a", "pgd", dataset="mnist", num_steps=(10, 50))
    assert "--num_steps=2" in commands[0]
    assert f"--output_dir={folder}" in commands[0]
    again = subject.evaluation_folder(tmp_path / "runs" / "a", "pgd", dataset="mnist", num_steps=(10, 50))
    assert (again, len(commands)) == (folder, 1)


def test_seconds_are_those_of_what_was_used_whenever_it_ran(tmp_path, commands):
    network = Network(dataset="mnist", loss="SCE")
    make_lab(tmp_path).train(network)
    later = make_lab(tmp_path)
    later.begin()
    assert later.seconds == 0
    later.train(network)
    assert later.seconds == 2.0


def test_arrays_are_computed_once(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return {"x": np.arange(3)}

    for key in ({"a": 1}, {"a": 1}, {"a": 2}):
        found = make_lab(tmp_path).compute("name", key, make)
        np.testing.assert_array_equal(found["x"], [0, 1, 2])
    assert len(calls) == 2


def hold(folder, held):
    def make():
        held.set()
        time.sleep(0.5)
        return {"by": np.array("first")}

    make_lab(folder).compute("shared", {}, make)


def test_two_processes_wait_for_each_other(tmp_path):
    context = multiprocessing.get_context("fork")
    held = context.Event()
    other = context.Process(target=hold, args=(tmp_path, held))
    other.start()
    assert held.wait(timeout=30)
    found = make_lab(tmp_path).compute("shared", {}, lambda: {"by": np.array("second")})
    other.join()
    assert str(found["by"]) == "first"


@pytest.mark.parametrize("in_process", [True, False])
def test_a_command_that_fails_says_why(tmp_path, in_process, capsys):
    words = ["train_std.py", "--loss=nonsense", "--dataset=digits"]
    with pytest.raises(UserError, match="failed: error: Invalid value for argument `loss`"):
        execution.run_command(words, tmp_path / "logs" / "x.log", in_process=in_process)
    assert capsys.readouterr().out.startswith("$ python train_std.py --loss=nonsense")


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, TerminatedError), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_command_ends_with_the_process_that_runs_it(tmp_path, number, error):
    """The child notes that it was asked to end before it goes, as training writes a checkpoint."""
    script = "trap 'echo asked > noted; exit 143' TERM; echo $$ > began; while true; do sleep 0.02; done"

    def end():
        while not (tmp_path / "began").exists() or not (tmp_path / "began").read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=end)
    before = signal.getsignal(signal.SIGTERM)
    thread.start()
    with pytest.raises(error):
        execution.run_child(["sh", "-c", script], cwd=tmp_path)
    thread.join()
    assert (tmp_path / "noted").read_text() == "asked\n"
    assert not Path("/proc", (tmp_path / "began").read_text().strip()).exists()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_child_that_does_not_end_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "GRACE", 0.1)
    child = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo; while true; do sleep 0.02; done"], stdout=subprocess.PIPE
    )
    child.stdout.readline()
    execution._end(child)
    child.stdout.close()
    assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize("status", [143, -signal.SIGTERM])
def test_a_command_that_was_terminated_says_so(tmp_path, monkeypatch, status):
    monkeypatch.setattr(execution, "run_child", lambda command, **streams: status)
    with pytest.raises(
        TerminatedError, match=r"`python train_std.py` was ended .what it printed is in .*x.log"
    ):
        execution.run_command(["train_std.py"], tmp_path / "x.log", in_process=False)


def test_a_module_runs_within_the_process(tmp_path):
    log_file = tmp_path / "x.log"
    execution.run_command(["-m", "mmc_tf.evaluation", "--help"], log_file, in_process=True)
    assert "python -m mmc_tf.evaluation" in log_file.read_text()


def test_flags_are_typed_as_a_user_would():
    flags = {"a": 1, "b": True, "c": (1, 2), "d": None, "e": "8/255"}
    assert execution.format_flags(flags) == ["--a=1", "--b=true", "--c=1,2", "--e=8/255"]


def test_what_was_made_in_bfloat16_is_found_by_those_who_let_it_be_chosen(tmp_path, commands):
    flags = {"attack": "pgd", "epsilon": 0.1}
    assert lab._name(["pgd"], flags | {"attack_precision": "auto"}) == lab._name(
        ["pgd"], flags | {"attack_precision": "bfloat16"}
    )
    assert lab._name(["std"], {"precision": "auto"}) == lab._name(["std"], {"precision": "mixed_bfloat16"})
    assert lab._name(["std"], {"precision": "auto"}) != lab._name(["std"], {"precision": "float32"})
    make_lab(tmp_path, "short").train(Network(dataset="mnist", loss="SCE"))
    assert "--precision=auto" in commands[0]


@pytest.mark.parametrize(("content", "expected"), [("12.5\n", 12.5), ('{"seconds": 3.5}', 3.5)])
def test_seconds_of_older_versions_are_read(tmp_path, content, expected):
    path = tmp_path / "a.seconds"
    path.write_text(content)
    assert lab._read_seconds(path) == expected


@pytest.mark.parametrize("content", ["", "12.5.5", "null", "[]", "{}", "-3", '{"seconds": "a"}'])
def test_damaged_seconds_are_named(tmp_path, content):
    path = tmp_path / "a.seconds"
    path.write_text(content)
    with pytest.raises(UserError, match=r"a\.seconds"):
        lab._read_seconds(path)


def test_results_that_were_damaged_are_not_used(tmp_path, commands):
    """Nor made anew in silence."""
    subject = make_lab(tmp_path)
    run = subject.train(Network(dataset="mnist", loss="MMC"))
    path = subject.evaluation_folder(run, "pgd", dataset="mnist") / "results.json"
    for content in (b"", b"null", b"{"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"results\.json"):
            subject.evaluate(run, "pgd", dataset="mnist")
