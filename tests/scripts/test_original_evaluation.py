"""The original's evaluation command lines as a user runs them, on networks of the digits trained a moment ago."""

import json
import re

import numpy as np
import pytest

TRAIN = "--dataset=digits --batch_size=50 --train_size=600 --test_size=100 --use_BN=True --warmup_steps=5"
SCE, MMC = "--use_MMLDA=False", "--use_MMLDA=True --use_ball=True --mean_var=10"
WHICH = (
    f"{MMC} --batch_size=50 --dataset=digits --use_advtrain=False --epoch=[epoch] --use_BN=True --noreport"
)
# A single step, so that it takes a second.
AT = "--epochs=1 --num_steps=1 --epsilon=0.1 --use_target=True --attack_method=MadryEtAl --adv_ratio=1.0"

# Three networks are trained and attacked many times: `make smoke`, part of CI.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workplace(run_lines, tmp_path_factory):
    """A folder with three runs: SCE, MMC with C_MM = 10, and MMC-10 trained adversarially."""
    folder = tmp_path_factory.mktemp("original") / "user"
    folder.mkdir()
    lines = [
        f"train_std.py {TRAIN} {SCE} --epochs=2 --run_name=sce",
        f"train_std.py {TRAIN} {MMC} --epochs=4 --run_name=mmc",
        f"train_at.py {TRAIN} {MMC} {AT} --run_name=at-mmc",
    ]
    for outcome in run_lines(lines, folder=folder):
        assert outcome.status == 0, outcome.err
    return folder


def read(folder, outcome):
    """The results that a command wrote."""
    assert outcome.status == 0, outcome.err
    place = re.search(r"^results in (.*)$", outcome.out, re.MULTILINE)[1]
    return json.loads((folder / place / "results.json").read_text())


@pytest.fixture(scope="module")
def fast(workplace, run_lines):
    """What came of the lines that take a moment each, by the attack."""
    lines = {
        "pgd": f"{WHICH} --attack_method='MadryEtAl' --attack_method_for_advtrain=None --target=True --num_iter=10"
        " --normalize_output_for_ball=False --use_target=False",
        "auc": f"{WHICH} --attack_method='MadryEtAl' --target=False --num_iter=10 --normalize_output_for_ball=False"
        " --is_calculate_auc=True --epsilon=0.1 --step_size=0.02",
        "rotation": f"{WHICH} --attack_method='Rotation' --normalize_output_for_ball=False",
        "gaussian": f"{WHICH} --attack_method='Gaussian' --normalize_output_for_ball=False",
        "transfer": "--batch_size=50 --attack_method='MadryEtAl' --dataset=digits --target=False --num_iter=10"
        " --use_random=False --use_dense=True --use_leaky=False --epoch=[epoch] --use_BN=True --noreport"
        " --model_1='AT-MMC-10' --model_2='SCE'",
    }
    outcomes = run_lines([f"eval_attacks.py {line}" for line in lines.values()], folder=workplace)
    return dict(zip(lines, outcomes, strict=True))


def test_pgd_takes_the_scripts_radii_and_the_run_that_is_described(fast, workplace):
    results = read(workplace, fast["pgd"])
    assert "run runs/mmc, the only one with loss MMC, scale 10, training standard" in fast["pgd"].out
    assert (
        "read as --attack=pgd --targeted --step_size=2/256 --iterate=last --epsilon=8/256" in fast["pgd"].out
    )
    assert results["model"]["name"] == "mmc"
    assert [record["epsilon"] for record in results["attacks"]] == [8 / 256, 16 / 256, 24 / 256, 32 / 256]
    for record in results["attacks"]:
        assert (record["targeted"], record["num_steps"], record["step_size"]) == (True, 10, 2 / 256)
        assert (record["objective"], record["parameters"]["iterate"]) == ("mmc", "last")


def test_auc_is_that_of_the_scores_on_disk(fast, workplace):
    results = read(workplace, fast["auc"])
    (record,) = results["attacks"]
    found = record["detection"]
    place = re.search(r"^results in (.*)$", fast["auc"].out, re.MULTILINE)[1]
    with np.load(workplace / place / "examples.npz") as arrays:
        attacked, wrong = arrays["attacked"][0], arrays["misclassified"][0]
        clean, scores = arrays["clean_scores"][attacked], arrays["scores"][0][attacked & wrong]
    assert found["clean"] == found["attacked"] == attacked.sum()
    assert found["fooling"] == len(scores) > 0
    for column, name in enumerate(("mmc_loss", "confidence", "margin")):
        above = scores[:, column][:, None] > clean[:, column]
        auc = found["scores"][name]["auc"]
        assert auc == pytest.approx(above.mean(), abs=1e-9)
        assert f"{auc:.3f} (" in fast["auc"].out


@pytest.mark.parametrize(
    ("attack", "parameters"), [("rotation", {"max_degrees": 30.0}), ("gaussian", {"clip": False})]
)
def test_corruptions(fast, workplace, attack, parameters):
    results = read(workplace, fast[attack])
    (record,) = results["attacks"]
    assert record["attack"] == attack
    assert {name: record["parameters"][name] for name in parameters} == parameters
    assert results["examples"] == 100  # the original's thousand are more than the run has


def test_the_black_box_line_crafts_on_one_run_and_attacks_the_other(fast, workplace):
    results = read(workplace, fast["transfer"])
    assert results["model"]["name"] == "sce"
    assert [record["epsilon"] for record in results["attacks"]] == [8 / 256, 16 / 256]
    assert {record["parameters"]["source"] for record in results["attacks"]} == {"at-mmc"}
    assert (
        "crafted on runs/at-mmc, the only one with loss MMC, scale 10, training adversarial"
        in fast["transfer"].out
    )
    assert (
        "pgd from at-mmc linf 0.03125: objective mmc_margin, step 0.0078125, 1 run\n" in fast["transfer"].out
    )


def test_runs_that_do_not_fit_are_mistakes(run_lines, workplace):
    lines = [
        f"{WHICH.replace('--mean_var=10', '--mean_var=100')} --attack_method=MadryEtAl",
        f"{WHICH.replace('--epoch=[epoch]', '--epoch=180')} --attack_method=MadryEtAl",
        "--attack_method=MadryEtAl --use_MMLDA=True --dry_run",
    ]
    scale, epoch, several = run_lines([f"eval_attacks.py {line}" for line in lines], folder=workplace)
    assert (scale.status, epoch.status) == (2, 2)
    assert scale.err.startswith(
        "error: Invalid value for argument `checkpoint`. Expected a finished run in runs/ with"
    )
    assert scale.err.endswith("Received: checkpoint=none; the nearest, runs/mmc, has scale 10\n")
    assert "Expected 4 (runs/mmc), since a run keeps" in epoch.err
    assert "run runs/at-mmc, the newest of 2 with loss MMC (others: mmc)" in several.out


def test_the_least_distance_and_spsa(run_lines, workplace):
    lines = [
        f"{WHICH} --attack_method='CarliniWagnerL2' --target=True -normalize_output_for_ball=False --CW_confidence=0."
        " --test_size=4 --num_steps=300",
        f"{WHICH} --attack_method='SPSA' --target=False -normalize_output_for_ball=False --SPSA_epsilon=8"
        " --test_size=50",
    ]
    cw, spsa = run_lines([f"eval_attacks.py {line}" for line in lines], folder=workplace)
    (least,) = read(workplace, cw)["attacks"]
    assert (least["attack"], least["targeted"], least["radius"]) == ("cw", True, "least")
    assert least["parameters"]["abort_early"] is True
    assert least["targeted_success"]["count"] == least["found"] > 0
    (queried,) = read(workplace, spsa)["attacks"]
    assert (queried["attack"], queried["epsilon"], queried["objective"]) == ("spsa", 8 / 256, "mmc")
    assert queried["queries"] == queried["attacked"] * (10 * 128 + 1)
