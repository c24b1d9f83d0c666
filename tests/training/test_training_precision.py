"""`--precision=auto`: measured with the gradients of the weights, written down, and kept by a resume."""

import json

import pytest

from flags.cli import parse
from flags.resolve import resolve_training
from flags.scripts import TRAIN_STD
from mmc_tf.checks import UserError
from mmc_tf.models.precision import PrecisionChoice, choose_precision
from mmc_tf.training import entry, precision
from mmc_tf.training.optimizers import make_optimizer
from mmc_tf.training.plan import make_plan
from mmc_tf.training.recipes import StandardTraining

SLOWER = choose_precision({"float32": 0.010, "mixed_bfloat16": 1.04})
FASTER = choose_precision({"float32": 0.021, "mixed_bfloat16": 0.010})
RUN = [
    "--dataset=digits",
    "--model=lenet5",
    "--loss=SCE",
    "--train_size=40",
    "--test_size=20",
    "--batch_size=20",
]


def plan_for(runs_dir, *words):
    command = ["train_std.py", *RUN, "--epochs=1", f"--runs_dir={runs_dir}", "--run_name=run", *words]
    return make_plan(resolve_training(parse(command, TRAIN_STD.definitions)), adversarial=False)


def settle(plan, **more):
    return precision.settle_precision(plan, entry._build, resume=False, **more)


def test_the_weights_gradients_are_timed_on_the_network_itself(tmp_path):
    settled = settle(plan_for(tmp_path, "--precision=auto"))
    assert set(settled.precision.seconds) == {"float32", "mixed_bfloat16"}
    assert settled.settings.precision == settled.precision.precision
    assert f"precision   {settled.precision.precision}: " in settled.describe()
    assert settled.flags["precision"] == "auto"  # as it was asked for
    assert settle(settled) is settled


def test_what_is_asked_for_is_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "_measure", pytest.fail)
    settled = settle(plan_for(tmp_path, "--precision=mixed_bfloat16"))
    assert settled.settings.precision == "mixed_bfloat16"
    assert "precision " not in settled.describe()
    assert settle(plan_for(tmp_path)).settings.precision == "float32"  # the default


def test_several_machines_compute_alike(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "num_workers", lambda: 2)
    monkeypatch.setattr(precision, "_measure", pytest.fail)
    assert settle(plan_for(tmp_path, "--precision=auto")).settings.precision == "float32"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_resumed_run_keeps_the_precision_that_it_began_with(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "_measure", lambda plan, build: FASTER)
    plan = plan_for(tmp_path, "--precision=auto")
    entry.train(plan, StandardTraining(), progress=False)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["precision"] == {
        "asked": "auto",
        "used": "mixed_bfloat16",
        "reason": "mixed_bfloat16: 2.1 times faster than float32 here",
        "seconds": {"float32": 0.021, "mixed_bfloat16": 0.01},
    }
    monkeypatch.setattr(precision, "_measure", lambda plan, build: SLOWER)
    again = plan_for(tmp_path, "--precision=auto", "--resume")
    settled = precision.settle_precision(again, entry._build, resume=True)
    assert settled.precision == PrecisionChoice(
        "mixed_bfloat16", {}, "mixed_bfloat16: as the run that is resumed"
    )
    # A run of before says in its flags what it computes in.
    (tmp_path / "run" / "config.json").write_text(json.dumps({"flags": {"precision": "mixed_float16"}}))
    old = precision.settle_precision(again, entry._build, resume=True)
    assert old.settings.precision == "mixed_float16"


def test_an_optimizer_is_made_for_a_precision_that_was_settled():
    with pytest.raises(UserError, match="precision=auto"):
        make_optimizer("sgd", learning_rate=0.1, precision="auto")
