import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest

from mmc_tf import attacks
from mmc_tf.checks import UserError
from mmc_tf.evaluation.entry import choose_output_dir, evaluate_from_flags, load_sources

# Keras 3.15 copies variables in a way that NumPy 2.4 calls deprecated, when it saves a model.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DIGITS = {"dataset": "digits", "loss": "SCE", "model": "linear", "test_size": 100, "data_dir": None}


@pytest.fixture
def workplace(tmp_path, monkeypatch, linear):
    """A folder to work in, with two finished runs (`new` is the newer) and one that is not finished."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("old", "new", "unfinished")):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        config = {"flags": DIGITS, "dataset": {"name": "digits"}, "finished": name != "unfinished"}
        (folder / "config.json").write_text(json.dumps(config))
        if name != "unfinished":
            linear.save(folder / "final.keras")
            os.utime(folder / "final.keras", (number, number))
    return tmp_path


def flags(**changes):
    plain = {
        "checkpoint": None,
        "ensemble": None,
        "released_weights": None,
        "released_loss": None,
        "released_training": "standard",
        "scale": None,
        "centers": None,
        "runs_dir": "runs",
        "dataset": None,
        "data_dir": None,
        "test_size": None,
        "attack": ["fgsm"],
        "preset": None,
        "transfer_from": None,
        "norm": None,
        "epsilon": [0.05],
        "step_size": None,
        "num_steps": None,
        "num_restarts": None,
        "random_start": None,
        "decay": None,
        "objective": None,
        "input_range": None,
        "adaptive": True,
        "targeted": False,
        "iterate": "any",
        "seed": 0,
        "batch_size": 50,
        "output_dir": None,
        "resume": False,
        "overwrite": False,
        "attack_precision": "float32",
        "diagnose": False,
        "detection": False,
        "original": [],
        "report": False,
        "num_shards": None,
        "shard_index": None,
        "strategy": "none",
        "dry_run": False,
        "verbose": False,
        "command": "eval_attacks.py",
    }
    return SimpleNamespace(**(plain | changes))


def results_of(workplace):
    return sorted(workplace.glob("results/*/*/results.json"))


def test_the_newest_finished_run_is_attacked_and_named(workplace, capsys):
    outcome = evaluate_from_flags(flags())
    printed = capsys.readouterr().out
    assert "runs/new (linear SCE), the newest finished run" in printed
    assert "the first 100 test images" in printed  # as many as the run was tested on
    (path,) = results_of(workplace)
    assert path.parent.parent.name == "new"
    results = json.loads(path.read_text())
    assert results["examples"] == 100
    assert (results["model"]["loss"], results["model"]["training"]) == ("SCE", "standard")
    assert f"{100 * results['attacks'][0]['robust_accuracy']:.1f}" in outcome
    assert str(path.parent.relative_to(workplace)) in outcome


def test_flags_go_before_the_run_s_settings(workplace):
    evaluate_from_flags(flags(checkpoint="runs/old", test_size=30, output_dir="here"))
    results = json.loads((workplace / "here" / "results.json").read_text())
    assert (results["examples"], results["model"]["name"]) == (30, "old")


def test_a_keras_file_alone_needs_a_data_set(workplace, linear):
    linear.save(workplace / "mine.keras")
    with pytest.raises(UserError, match=r"dataset.*mine\.keras does not say"):
        evaluate_from_flags(flags(checkpoint="mine.keras"))
    evaluate_from_flags(flags(checkpoint="mine.keras", dataset="digits", test_size=20))
    assert results_of(workplace)[0].parent.parent.name == "mine"


def test_dry_run_touches_nothing(workplace):
    before = sorted(workplace.rglob("*"))
    text = evaluate_from_flags(flags(dry_run=True, attack=["fgsm", "pgd"], num_steps=[10, 50]))
    assert sorted(workplace.rglob("*")) == before
    assert "pgd-50 linf 0.05: objective ce, step 2/255, 1 run, success at any iterate" in text
    assert "results/new/" in text


def test_help_lists_the_attacks_without_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = evaluate_from_flags(flags(attack=["help"]))
    listed = [line.split()[0] for line in text.splitlines()]
    assert listed == attacks.names()
    assert {"fgsm", "pgd", "autoattack", "worst", "transfer"} <= set(listed)


def test_two_evaluations_get_two_folders_and_resume_finds_its_own(workplace, capsys):
    evaluate_from_flags(flags())
    evaluate_from_flags(flags(epsilon=[0.1]))
    first, second = results_of(workplace)
    assert first.parent != second.parent
    before = first.stat().st_mtime_ns
    outcome = evaluate_from_flags(flags(resume=True))
    *_, where, verdict = outcome.splitlines()
    assert where.endswith(str(first.parent.relative_to(workplace)))
    assert verdict == json.loads(first.read_text())["verdict"]["text"]
    assert first.stat().st_mtime_ns == before
    assert (
        f"resume   {where.removeprefix('results in ')} is finished: no batch is left\n"
        in capsys.readouterr().out
    )
    evaluate_from_flags(flags(resume=True, epsilon=[0.2]))
    assert len(results_of(workplace)) == 3
    assert "resume   nothing to go on with in results/new/" in capsys.readouterr().out


def test_ten_that_begin_in_one_second_get_ten_folders(tmp_path):
    how = {"resume": False, "root": tmp_path}
    with ThreadPoolExecutor(10) as pool:
        chosen = list(pool.map(lambda _: choose_output_dir("a", {}, **how, reserve=True), range(10)))
    assert len(set(chosen)) == 10
    assert sorted((tmp_path / "a").iterdir()) == sorted(chosen)
    assert not choose_output_dir("b", {}, **how).exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"attack": ["fgsm", "nuke"]}, r"attack.*one of .*Received: attack=nuke"),
        ({"dataset": "mnist"}, "digits, which runs/new was trained on"),
        ({"dataset": "imagenet"}, r"dataset.*one of"),
        ({"checkpoint": "runs/nowhere"}, "checkpoint"),
        ({"checkpoint": "runs/unfinished"}, "finished"),
        ({"checkpoint": "broken.keras"}, "Cannot read the model"),
        ({"runs_dir": "elsewhere"}, "train_std.py"),
        ({"test_size": 10_000}, "test_size"),
        ({"objective": "mmc"}, "MM centers"),
        ({"epsilon": [0.0], "attack": ["pgd"], "step_size": -1.0}, "step_size"),
        ({"output_dir": "runs"}, "not empty"),
        ({"output_dir": "runs", "overwrite": True}, r"plan\.json"),
        ({"resume": True, "overwrite": True, "output_dir": "x"}, "not both"),
    ],
)
def test_mistakes_end_before_anything_is_written(workplace, change, said):
    (workplace / "broken.keras").write_bytes(b"PK\x03\x04 half a file")
    before = sorted(workplace.rglob("*"))
    with pytest.raises(UserError, match=said):
        evaluate_from_flags(flags(**change))
    assert sorted(workplace.rglob("*")) == before


def test_resume_with_other_parameters_is_refused(workplace):
    evaluate_from_flags(flags(output_dir="x"))
    with pytest.raises(UserError, match=r"resume.*seed: 0 there, 1 here"):
        evaluate_from_flags(flags(output_dir="x", seed=1, resume=True))
    with pytest.raises(UserError, match=r"epsilon"):
        evaluate_from_flags(flags(output_dir="x", epsilon=[0.1], resume=True))
    evaluate_from_flags(flags(output_dir="x", epsilon=[0.1], overwrite=True))


def ends_in(layer_or_scale, *, classes=10):
    """A network for digits whose output goes through a layer, or is multiplied."""
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.Dense(classes)(keras.layers.Flatten()(inputs))
    layer = layer_or_scale
    if isinstance(layer, float):
        layer = keras.layers.Rescaling(layer)
    return keras.Model(inputs, layer(outputs))


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (float("nan"), r"`model`. Expected finite logits on the clean images. Received: "),
    ],
)
@pytest.mark.parametrize("attack", ["fgsm", "autoattack", "transfer"])
def test_networks_that_return_no_logits_are_refused_before_anything_is_written(
    workplace, layer, said, attack
):
    ends_in(layer).save("runs/new/final.keras")
    before = sorted(workplace.rglob("*"))
    with pytest.raises(UserError, match=said) as caught:
        evaluate_from_flags(flags(attack=[attack], transfer_from=["old"]))
    assert "\n" not in str(caught.value)
    assert sorted(workplace.rglob("*")) == before


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            ends_in(1.0, classes=3),
            r"`transfer_from`. Expected a network with 10 classes. Received: transfer_from=3 classes",
        ),
    ],
)
def test_sources_that_cannot_be_crafted_on_are_refused(workplace, model, said):
    model.save("three.keras")
    before = sorted(workplace.rglob("*"))
    with pytest.raises(UserError, match=said) as caught:
        evaluate_from_flags(flags(attack=["transfer"], transfer_from=["three.keras"]))
    assert "\n" not in str(caught.value)
    assert sorted(workplace.rglob("*")) == before


def test_a_softmax_at_the_end_is_taken_off_and_said(workplace, capsys):
    keras.utils.set_random_seed(0)
    network = ends_in(1.0)
    network.save("runs/new/final.keras")
    evaluate_from_flags(flags(attack=["pgd", "autoattack"], epsilon=[0.02], output_dir="logits"))
    keras.Sequential([network, keras.layers.Softmax()]).save("runs/new/final.keras")
    evaluate_from_flags(flags(attack=["pgd", "autoattack"], epsilon=[0.02], output_dir="softmax"))
    logits, softmax = (
        json.loads((workplace / name / "results.json").read_text()) for name in ("logits", "softmax")
    )
    for one, other in zip(logits["attacks"], softmax["attacks"], strict=True):
        assert one["robust"] == other["robust"]
    codes = {each["code"]: each["message"] for each in softmax["warnings"]}
    assert "taken off" in codes["PROBABILITIES"]
    assert "PROBABILITIES" not in {each["code"] for each in logits["warnings"]}


def test_sources_are_named_as_their_runs(workplace):
    sources = [Path("runs/old"), Path("runs/new/final.keras")]
    assert [source.name for source in load_sources(sources)] == ["old", "new"]
    twice = [Path("runs/old"), Path("runs/old/final.keras")]
    assert [source.name for source in load_sources(twice)] == ["runs/old", "runs/old/final.keras"]


def test_a_network_for_other_images_is_refused(workplace):
    inputs = keras.Input((28, 28, 1))
    keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(inputs))).save("runs/new/final.keras")
    with pytest.raises(UserError, match=r"images of shape \(8, 8, 1\).*of shape \(28, 28, 1\)"):
        evaluate_from_flags(flags())


def test_a_shard_has_its_own_folder_and_resume_finds_it(workplace, capsys):
    share = {"num_shards": 3, "shard_index": 1}
    evaluate_from_flags(flags(**share))
    assert "images   33 (shard 1 of 3) of the first 100 test images of" in capsys.readouterr().out
    (path,) = results_of(workplace)
    assert path.parent.name.endswith("_shard-1-of-3")
    assert json.loads(path.read_text())["shard"] == {"index": 1, "count": 3}
    evaluate_from_flags(flags(**share, resume=True))
    assert results_of(workplace) == [path]
    evaluate_from_flags(flags(num_shards=3, shard_index=2, resume=True))
    assert len(results_of(workplace)) == 2


def test_more_shards_than_images_are_refused_before_anything_is_attacked(workplace):
    with pytest.raises(
        UserError, match=r"`num_shards`\. Expected an integer <= 100\. Received: num_shards=101"
    ):
        evaluate_from_flags(flags(num_shards=101, shard_index=0))
    assert results_of(workplace) == []


def test_the_precision_of_attacks_is_in_plan_and_results(workplace, capsys):
    evaluate_from_flags(flags(output_dir="half", attack_precision="bfloat16"))
    assert "crafted  in bfloat16, judged in float32" in capsys.readouterr().out
    assert json.loads((workplace / "half" / "results.json").read_text())["attack_precision"] == "bfloat16"
    with pytest.raises(UserError, match="attack_precision: bfloat16 there, None here"):
        evaluate_from_flags(flags(output_dir="half", resume=True))
    evaluate_from_flags(flags(output_dir="whole"))
    assert "crafted" not in capsys.readouterr().out
    assert json.loads((workplace / "whole" / "results.json").read_text())["attack_precision"] == "float32"


def test_steps_that_do_not_cross_the_ball_are_named_before_and_after(workplace, capsys):
    short = {"attack": ["mt_pgd", "pgd"], "epsilon": [0.1], "step_size": 0.001, "random_start": False}
    plan = evaluate_from_flags(flags(**short, dry_run=True))
    assert "UNREACHABLE_RADIUS: its steps together cover 0.01 of 0.1" in plan
    assert (
        "UNREACHABLE_RADIUS: its steps together cover 0.06 of 0.1" in plan
    )  # 100 steps, half of them a fifth
    outcome = evaluate_from_flags(flags(**short, num_steps=[10], output_dir="here"))
    assert "not an artefact" not in outcome
    assert outcome.endswith("its steps do not reach the border of the ball (autoattack would tell)")
    results = json.loads((workplace / "here" / "results.json").read_text())
    named = [each["attacks"] for each in results["warnings"] if each["code"] == "UNREACHABLE_RADIUS"]
    assert named == [["mt_pgd-10 linf 0.1"], ["pgd-10 linf 0.1"]]
    assert [each["reach"] for each in results["attacks"]] == pytest.approx([0.006, 0.01])
    assert results["verdict"]["artefact"] is None


def test_a_dry_run_measures_and_says_what_it_would_craft_in(workplace, capsys):
    text = evaluate_from_flags(flags(attack_precision="auto", dry_run=True))
    assert "crafted  float32: this network has no copy in bfloat16; judged in float32" in text
    assert results_of(workplace) == []
