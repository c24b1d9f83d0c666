"""The three scripts as a user runs them, on the embedded digits: train, train adversarially, attack."""

import csv
import json
import re

import keras
import numpy as np
import pytest

TRAIN = "--dataset=digits --train_size=600 --test_size=200 --checkpoint_every=5"
ATTACK = "--attack=fgsm,bim,pgd,mim --epsilon=8/255,16/255 --num_steps=5 --targeted"
LABELS = [
    f"{name} targeted linf {level}/255" for level in (8, 16) for name in ("fgsm", "bim-5", "pgd-5", "mim-5")
]


def read_run(folder):
    with (folder / "log.csv").open(newline="") as file:
        return json.loads((folder / "config.json").read_text()), list(csv.DictReader(file))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return tmp_path_factory.mktemp("user")


@pytest.fixture(scope="module")
def trained(run_alone, workplace):
    """The run's folder and what was printed."""
    done = run_alone(
        f"train_std.py {TRAIN} --epochs=3 --warmup_steps=5 --run_name=standard", folder=workplace
    )
    assert done.returncode == 0, done.stderr
    return workplace / "runs" / "standard", done.stdout


@pytest.fixture(scope="module")
def attacked(run_alone, workplace, trained):
    """The folder of the results and what was printed, without saying which run is meant."""
    done = run_alone(f"eval_attacks.py {ATTACK}", folder=workplace)
    assert done.returncode == 0, done.stderr
    (results,) = workplace.glob("results/*/*/results.json")
    return results.parent, done.stdout


def test_training_leaves_a_run_whose_files_agree(trained):
    folder, printed = trained
    config, rows = read_run(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoints",
        "config.json",
        "final.keras",
        "log.csv",
        "report.html",
    ]
    assert config["finished"] is True
    assert "train_std.py --dataset=digits --train_size=600" in config["command"]
    assert {name: config["flags"][name] for name in ("loss", "dataset", "train_size", "scale")} == {
        "loss": "MMC",
        "dataset": "digits",
        "train_size": 600,
        "scale": 10.0,
    }
    assert [(row["epoch"], row["step"], row["monitored"]) for row in rows] == [
        ("1", "12", "test"),
        ("2", "24", "test"),
        ("3", "36", "test"),
    ]
    assert float(rows[-1]["monitored_accuracy"]) == config["clean_accuracy"]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert f"test accuracy {config['clean_accuracy']:.2%} after 36 steps" in printed
    steps = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert steps == ["step-00000035.npz", "step-00000036.npz"]


def test_the_saved_model_is_the_last_checkpoint(trained):
    import mmc_tf.losses  # noqa: F401  registers what the file names

    folder, _ = trained
    assert (folder / "final.keras").read_bytes()[-71:].startswith(b"sha256=")
    weights = keras.saving.load_model(folder / "final.keras").get_weights()
    with np.load(folder / "checkpoints" / "step-00000036.npz") as stored:
        for index, value in enumerate(weights):
            np.testing.assert_array_equal(stored[f"model/{index:04d}"], value)


def test_the_evaluation_says_what_it_attacks_and_agrees_with_the_run(trained, attacked):
    (config, _), (folder, printed) = read_run(trained[0]), attacked
    results = json.loads((folder / "results.json").read_text())
    assert "runs/standard (lenet5 MMC), the newest finished run" in printed
    assert results["model"]["name"] == "standard"
    assert results["examples"] == 200
    assert results["clean_accuracy"] == results["model"]["clean_accuracy"] == config["clean_accuracy"]
    assert [record["label"] for record in results["attacks"]] == LABELS
    for record in results["attacks"]:
        assert record["num_steps"] == (1 if record["attack"] == "fgsm" else 5)
        assert record["robust_accuracy"] <= results["clean_accuracy"]
        assert f"{100 * record['robust_accuracy']:.1f}" in printed
    worst = min(record["robust_accuracy"] for record in results["attacks"])
    assert results["worst_case"]["overall"]["robust_accuracy"] <= worst


def test_figures_are_counts_of_the_verdicts(attacked):
    folder, _ = attacked
    results = json.loads((folder / "results.json").read_text())
    with np.load(folder / "examples.npz") as examples:
        assert examples["attack"].tolist() == LABELS
        correct = examples["clean_prediction"] == examples["label"]
        assert correct.mean() == results["clean_accuracy"]
        assert (examples["target"] != examples["label"])[:, correct].all()
        for record, attacked_, wrong, success in zip(
            results["attacks"],
            examples["attacked"],
            examples["misclassified"],
            examples["success"],
            strict=True,
        ):
            assert record["robust"] == np.sum(correct & ~wrong)
            assert record["targeted_success"]["count"] == success.sum()
            assert not (success & ~attacked_).any()
            assert not (success & ~wrong).any()  # at the target is not at the true class
        distances = examples["distance"][examples["success"]]
        assert np.all(distances <= 16 / 255 + 1e-6)


def test_adversarial_training_leaves_a_run_too(run_alone, workplace, attacked):
    line = (
        "train_at.py --dataset=digits --train_size=300 --test_size=200 --epochs=1 --num_steps=2 --epsilon=0.1"
    )
    done = run_alone(line, folder=workplace)
    assert done.returncode == 0, done.stderr
    config, (row,) = read_run(workplace / "runs" / "pgd-mmc-lenet5-digits")
    assert (config["finished"], row["step"]) == (True, "6")
    assert float(row["monitored_accuracy"]) == config["clean_accuracy"]
    assert {
        name: config["flags"][name] for name in ("attack_method", "num_steps", "epsilon", "adv_ratio")
    } == {
        "attack_method": "pgd",
        "num_steps": 2,
        "epsilon": 0.1,
        "adv_ratio": 1.0,
    }
    assert re.search(r"method +adversarial training, .*'num_steps': 2", done.stdout)


def test_an_evaluation_in_a_dry_run_touches_nothing(workplace, trained, monkeypatch):
    from script_driver import run

    monkeypatch.chdir(workplace)
    before = {path: path.stat().st_mtime_ns for path in workplace.rglob("*")}
    outcome = run(
        ["eval_attacks.py", "--checkpoint=runs/standard", "--attack=pgd", "--num_steps=10,50", "--dry_run"]
    )
    assert (outcome["status"], outcome["err"]) == (0, "")
    assert "pgd-10 linf 0.3: objective mmc, step 0.075, 1 run, success at any iterate" in outcome["out"]
    assert "pgd-50 linf 0.3: " in outcome["out"]
    assert {path: path.stat().st_mtime_ns for path in workplace.rglob("*")} == before
