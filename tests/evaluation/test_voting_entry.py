"""`eval_attacks.py --ensemble` from saved runs to results."""

import json

import numpy as np
import pytest
from test_evaluation_entry import DIGITS, flags

from mmc_tf.checks import UserError
from mmc_tf.evaluation.entry import evaluate_from_flags
from mmc_tf.evaluation.presets import Subject, find_entries

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def workplace(tmp_path, monkeypatch, digits, kit):
    monkeypatch.chdir(tmp_path)
    images, labels = digits.train.as_float(), digits.train.labels
    parts = {"a": slice(0, 200), "b": slice(200, 400), "c": slice(400, 600)}
    for name, part in parts.items():
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        other = {"dataset": "mnist"} if name == "c" else {}
        (folder / "config.json").write_text(json.dumps({"flags": DIGITS | other}))
        kit.ridge_classifier(images[part], labels[part], gain=5.0).save(folder / "final.keras")
    return tmp_path


def voting(**changes):
    settings = {"ensemble": ["a", "runs/b"], "attack": ["vote_pgd"], "num_steps": [4], "test_size": 40}
    return flags(**settings | changes)


def test_all_strategies_are_run_and_their_worst_case_reported(workplace, capsys):
    outcome = evaluate_from_flags(voting(output_dir="out"))
    assert "network  majority vote of runs/a (linear SCE), runs/b (linear SCE)" in capsys.readouterr().out
    results = json.loads((workplace / "out" / "results.json").read_text())
    assert [record["details"] for record in results["attacks"]] == [["ce"], ["cw"], ["away"], ["towards"]]
    assert [member["name"] for member in results["model"]["members"]] == ["a", "b"]
    assert results["model"]["name"] == "ensemble-a-b"
    with np.load(workplace / "out" / "examples.npz") as examples:
        together = examples["misclassified"].any(axis=0)
        assert together.sum() >= examples["misclassified"].sum(axis=1).max()
    assert results["worst_case"]["overall"]["robust"] == (~together).sum()
    assert 0 < results["worst_case"]["overall"]["robust_accuracy"] < results["clean_accuracy"]
    assert f"{100 * (~together).mean():.1f} %" in outcome


def test_one_strategy_and_a_dry_run(workplace):
    text = evaluate_from_flags(voting(vote_pgd_strategy="away", dry_run=True, seed=3))
    assert text.count("vote_pgd-4") == 1
    assert "vote_pgd-4 away linf 0.05: step" in text
    assert "results  results/ensemble-a-b/" in text
    assert not (workplace / "results").exists()


def test_members_of_different_data_sets_are_refused(workplace):
    with pytest.raises(
        UserError, match=r"`ensemble`. Expected members for digits. Received: .*c, trained on mnist"
    ):
        evaluate_from_flags(voting(ensemble=["a", "c"]))
    with pytest.raises(
        UserError, match=r"`ensemble`. Expected a run's folder or a .keras file. Received: .*nobody"
    ):
        evaluate_from_flags(voting(ensemble=["a", "nobody"]))


def test_attacks_that_are_blind_are_refused_before_any_work(workplace):
    with pytest.raises(UserError, match=r"`attack`. Expected vote_pgd, which follows the members' gradients"):
        evaluate_from_flags(voting(attack=["pgd"], output_dir="out"))
    assert not (workplace / "out").exists()


def test_the_mma_paper_s_protocol_for_votes():
    choice = flags(preset="mma_paper", attack=[], epsilon=[0.3])
    entries = find_entries(choice, Subject("mnist", is_vote=True))
    runs = [(entry["strategy"], entry["num_restarts"]) for entry in entries if entry["attack"] == "vote_pgd"]
    assert runs == [("ce", 25), ("cw", 25), ("away", 50), ("towards", 50)]
    assert {entry["step_size"] for entry in entries if "strategy" in entry} == {0.3 / 40}
    every = find_entries(flags(preset="mma_paper", attack=[], epsilon=None), Subject("cifar10", is_vote=True))
    assert {entry["attack"] for entry in every} == {"vote_pgd", "spsa"}
