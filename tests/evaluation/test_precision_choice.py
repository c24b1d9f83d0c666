"""`attack_precision="auto"`: measured once for an evaluation, told, and kept by whoever resumes it."""

import json

import pytest

from mmc_tf.checks import UserError
from mmc_tf.evaluation import evaluate, precision
from mmc_tf.evaluation.entry import choose_output_dir
from mmc_tf.evaluation.examples import Shard
from mmc_tf.evaluation.precision import describe_precision, settle_precision
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.models.precision import as_asked, choose_precision

FASTER = choose_precision({"float32": 0.021, "bfloat16": 0.010})
SLOWER = choose_precision({"float32": 0.010, "bfloat16": 0.063})


class Stop(NoProgress):
    def advance(self, count):
        raise KeyboardInterrupt


@pytest.fixture
def measured(monkeypatch):
    """What the machine will say, and how often it was asked."""
    asked = []

    def say(*choices):
        found = iter(choices)
        monkeypatch.setattr(
            precision, "faster_precision", lambda model, shape: asked.append(shape) or next(found)
        )
        return asked

    return say


def test_an_interrupted_run_goes_on_in_the_precision_that_it_began_with(
    linear, digits, kit, tmp_path, measured
):
    asked = measured(FASTER, SLOWER)
    arguments = {"output_dir": tmp_path / "o", "batch_size": 60}
    with pytest.raises(KeyboardInterrupt):
        evaluate(linear, digits.test, [("pgd", kit.pgd)], progress=Stop(), **arguments)
    results = evaluate(linear, digits.test, [("pgd", kit.pgd)], resume=True, **arguments)
    assert asked == [(8, 8, 1)]  # once, though the machine is slower now
    assert results["attack_precision"] == "bfloat16"
    assert results["attack_precision_choice"] == {
        "asked": "auto",
        "used": "bfloat16",
        "reason": "bfloat16: 2.1 times faster than float32 here",
        "seconds": {"float32": 0.021, "bfloat16": 0.01},
    }
    # What was finished is not measured either, and another precision is another evaluation.
    assert evaluate(linear, digits.test, [("pgd", kit.pgd)], resume=True, **arguments) == results
    with pytest.raises(UserError, match="attack_precision: bfloat16 there, None here"):
        evaluate(
            linear, digits.test, [("pgd", kit.pgd)], resume=True, attack_precision="float32", **arguments
        )


def test_auto_finds_the_newest_evaluation_whatever_was_chosen_there(tmp_path):
    content = {"seed": 0, "attack_precision": "auto"}
    for name, plan in (
        ("1", {"seed": 0}),
        ("2", {"seed": 0, "attack_precision": "bfloat16"}),
        ("3", {"seed": 1}),
    ):
        folder = tmp_path / "run" / name
        folder.mkdir(parents=True)
        (folder / "plan.json").write_text(json.dumps(plan))
    assert choose_output_dir("run", content, resume=True, root=tmp_path).name == "2"
    assert choose_output_dir("run", {"seed": 0}, resume=True, root=tmp_path).name == "1"


def test_what_is_asked_for_is_not_measured(tmp_path):
    settled = settle_precision("bfloat16", pytest.fail, tmp_path, resume=False, read=pytest.fail)
    assert settled == as_asked("bfloat16")
    assert settle_precision(FASTER, pytest.fail, tmp_path, resume=True, read=pytest.fail) is FASTER


def test_shards_compute_alike_on_every_machine(linear):
    choice = precision.measure_precision(linear, (8, 8, 1), Shard(0, 2))
    assert (choice.precision, choice.seconds) == ("float32", {})


@pytest.mark.parametrize(
    ("choice", "lines"),
    [
        (FASTER, ["bfloat16: 2.1 times faster than float32 here; judged in float32"]),
        (SLOWER, ["float32: bfloat16 takes 6.3 times as long here; judged in float32"]),
        (as_asked("bfloat16"), ["in bfloat16, judged in float32"]),
        (as_asked("float32"), []),
    ],
)
def test_the_plan_says_which_and_why(choice, lines):
    assert describe_precision(choice) == lines
