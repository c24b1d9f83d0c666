"""`--released_weights` from the command line to the paper's row beside ours."""

import importlib
import json

import numpy as np
import pytest
from weight_files import LAMBDA, network, write

from flags.cli import run_script
from flags.scripts import EVAL_ATTACKS
from mmc_tf.centers import simplex_centers
from mmc_tf.compat import build_released, prepare_released, read_findings
from mmc_tf.data import load
from mmc_tf.evaluation.published import PAPER, TABLE_5, published_rows
from mmc_tf.evaluation.released import choose_rows, format_comparison

originals = pytest.importorskip("originals", reason="needs tf_keras")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
PGD = {"attack": "pgd", "norm": "linf", "num_steps": 10, "adaptive": True, "targeted": False}


def record(robust, **changes):
    return PGD | {"epsilon": 8 / 255, "parameters": {}, "robust_accuracy": robust, "distance": None} | changes


def results(*records, loss="MMC", backbone="resnet110v1", dataset="cifar10", training="standard", clean=0.93):
    model = {
        "loss": loss,
        "model": backbone,
        "backbone": backbone,
        "training": training,
        "released": {"depth": 110},
    }
    return {
        "model": model,
        "dataset": {"name": dataset},
        "examples": 500,
        "clean_accuracy": clean,
        "clean_interval": [clean - 0.02, clean + 0.02],
        "attacks": list(records),
    }


def cells(text):
    """The lines of the comparison: what was measured, published, here."""
    rows = [line.rsplit(maxsplit=2) for line in text.splitlines() if line.startswith("  ")]
    return {label.strip(): (published, here) for label, published, here in rows[1:] if here != "run"}


def test_the_row_of_table_5_stands_beside_what_was_measured():
    measured = [record(0.45), record(0.5, targeted=True), record(0.29, epsilon=16 / 255, num_steps=50)]
    text = format_comparison(results(*measured))
    first = text.splitlines()[0]
    assert first.startswith(
        "comparison with released checkpoints: MMC paper, Table 5, MMC, ResNet-110, cifar10"
    )
    assert "the first 500 test images" in first
    assert cells(text) == {
        "clean": ("93.6", "93.0"),
        "pgd-10 linf 8/255": ("46.0", "45.0"),
        "pgd-10 targeted linf 8/255": ("54.7", "50.0"),
        "pgd-50 linf 16/255": ("21.6", "29.0"),
    }
    assert text.count("not run") == 5
    assert "points below" not in text


def test_what_is_no_released_network_is_not_compared():
    ours = results(record(0.4))
    ours["model"]["released"] = None
    assert format_comparison(ours) == ""


def test_a_network_without_a_table_and_one_that_cannot_be_the_one_of_the_table():
    said = format_comparison(results(record(0.4), backbone="resnet20v1", dataset="mnist"))
    assert "no published table has this network (MMC, resnet20v1, mnist, standard training)" in said
    chance = format_comparison(results(record(0.0), clean=0.1))
    assert "83.6 points below the published one" in chance
    assert "--mean_var, --centers, --dataset" in chance
    assert "--mean_var" not in format_comparison(results(record(0.0), clean=0.1, loss="SCE"))


def test_adversarially_trained_networks_are_those_of_table_1_and_other_attacks_are_added():
    subject = {"dataset": "cifar10", "loss": "MMC", "training": "at_un", "network": "ResNet-32"}
    rows = choose_rows(published_rows(**subject), [record(0.5)])
    assert {row.source for row in rows} == {PAPER}
    assert len(rows) == 8
    cw = record(
        0.0, attack="cw", norm="l2", epsilon=None, num_steps=1000, parameters={"binary_search_steps": 9}
    )
    rows = choose_rows(published_rows(**subject), [cw])
    assert [row.text for row in rows[8:]] == ["mean l2 0.73"]
    text = format_comparison(
        results(cw | {"distance": {"mean_over_all": 0.7}}, backbone="resnet32v1", training="at_un", clean=0.8)
    )
    assert "cw-1000 l2 (MMC paper, Table 2)  mean l2 0.73  mean l2 0.70" in text
    standard = published_rows(**subject | {"training": "standard"})
    assert {row.source for row in choose_rows(standard, [record(0.4)])} == {TABLE_5}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


LINE = ["--dataset=digits", "--examples=40", "--attack=pgd", "--num_steps=3", "--epsilon=0.1", "--noreport"]


def evaluate(*words):
    main = importlib.import_module("eval_attacks").main
    return run_script(
        EVAL_ATTACKS.definitions, main, argv=["eval_attacks.py", *LINE, "--attack_precision=float32", *words]
    )


def test_a_weight_file_is_evaluated_as_any_checkpoint(workplace, capsys):
    directions = np.roll(simplex_centers(10, 64), 1, axis=0)
    np.save("centers.npy", directions)
    twin = originals.resnet(1, 1, side=8, dense=64, centers=4 * directions, use_bn=False)
    originals.randomize(twin).save_weights("model.200.h5")
    words = [
        "--released_weights=model.200.h5",
        "--mean_var=4",
        "--centers=centers.npy",
        "--released_training=at_tar",
    ]
    assert evaluate(*words, "--output_dir=here") == 0
    printed = capsys.readouterr().out
    assert "network  model.200.h5 (resnet8v1 MMC)" in printed
    assert "found    file        model.200.h5, written by Keras 2." in printed
    assert "centers     centers.npy, 10 of norm 4" in printed
    assert "pgd-3 linf 0.1: objective mmc" in printed
    assert "comparison with released checkpoints: no published table has this network" in printed

    results = json.loads((workplace / "here" / "results.json").read_text())
    model = results["model"]
    assert {key: model[key] for key in ("name", "model", "backbone", "loss", "scale", "training")} == {
        "name": "model.200",
        "model": "resnet8v1",
        "backbone": "resnet8v1",
        "loss": "MMC",
        "scale": 4.0,
        "training": "at_tar",
    }
    assert model["released"]["depth"] == 8
    digits = load("digits", test_size=40)
    mean = digits.train.as_float().mean(axis=0, dtype=np.float64).astype(np.float32)
    theirs = originals.scores(twin, np.repeat(digits.test.as_float() - mean, 3, axis=-1)).argmax(axis=-1)
    assert results["clean_accuracy"] == pytest.approx((theirs == digits.test.labels).mean())

    # The same network, converted: the same weights, so the same figures.
    found = read_findings("model.200.h5")
    build_released(prepare_released(found, digits, scale=4.0, centers="centers.npy"), digits).save(
        "out.keras"
    )
    assert evaluate("--checkpoint=out.keras", "--output_dir=there") == 0
    again = json.loads((workplace / "there" / "results.json").read_text())
    assert again["model"]["weights_sha256"] == model["weights_sha256"]
    assert again["attacks"][0]["robust_accuracy"] == results["attacks"][0]["robust_accuracy"]
    assert "comparison with" not in capsys.readouterr().out


def test_mmlda_climbs_cross_entropy_as_its_training_did(workplace, capsys):
    write("model.h5", network(end=[LAMBDA]), fill=0.01)
    assert evaluate("--released_weights=model.h5", "--released_loss=MMLDA", "--dry_run") == 0
    printed = capsys.readouterr().out
    assert "network  model.h5 (resnet8v1 MMLDA)" in printed
    assert "objective ce" in printed
    assert [path.name for path in workplace.iterdir()] == ["model.h5"]


def test_without_a_data_set_there_is_no_pixel_mean(workplace, capsys):
    write("model.h5", network(end=[LAMBDA]))
    main = importlib.import_module("eval_attacks").main
    words = ["eval_attacks.py", "--released_weights=model.h5"]
    assert run_script(EVAL_ATTACKS.definitions, main, argv=words) == 2
    assert "`dataset`. Expected a data set, since model.h5 does not say its own" in capsys.readouterr().err
