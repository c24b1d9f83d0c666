"""A network that expects pixels of 0 to 255, and images in [0, 1]."""

import importlib
import json

import keras
import numpy as np
import pytest

from flags.cli import run_script
from flags.scripts import EVAL_ATTACKS
from mmc_tf.attacks import PGD
from mmc_tf.checks import UserError
from mmc_tf.data import Split
from mmc_tf.evaluation import diagnostics, evaluate
from mmc_tf.evaluation.examples import choose_examples
from mmc_tf.evaluation.pixels import look_at_pixels
from mmc_tf.models.heads import DenseLogits

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
ATTACK = [("pgd", PGD(epsilon=0.05, num_steps=3))]


def network(linear, *first, scale=1.0):
    """The linear classifier of the digits behind other layers, its weights divided by `scale`."""
    inputs = keras.Input((8, 8, 1))
    x = inputs
    for layer in first:
        x = layer(x)
    model = keras.Model(inputs, DenseLogits(10)(keras.layers.Flatten()(x)))
    weights, bias = linear.get_weights()
    model.layers[-1].set_weights([weights / scale, bias])
    return model


@pytest.fixture(scope="module")
def for_bytes(linear):
    return network(linear, keras.layers.Rescaling(1 / 255))


@pytest.fixture(scope="module")
def plain_for_bytes(linear):
    """For 0 to 255, which its layers do not tell."""
    return network(linear, scale=255)


def test_where_layers_and_images_agree_the_evaluation_stops_before_anything_is_written(
    for_bytes, digits, tmp_path
):
    with pytest.raises(UserError, match=r"`input_range`\. Expected 0,255 \(--input_range=0,255\)") as error:
        evaluate(for_bytes, digits.test, ATTACK, output_dir=tmp_path / "o")
    for words in (
        "of 64 images it classifies",
        "% at 0 to 255 correctly and",
        "% at 0 to 1",
        "input_range=none",
    ):
        assert words in str(error.value)
    assert not (tmp_path / "o").exists()


def test_in_its_range_it_has_the_figures_of_the_network_that_it_is(linear, for_bytes, digits, tmp_path):
    expected = evaluate(linear, digits.test, ATTACK, output_dir=tmp_path / "l", batch_size=60)
    results = evaluate(
        for_bytes, digits.test, ATTACK, output_dir=tmp_path / "o", batch_size=60, input_range=(0, 255)
    )
    assert results["clean_accuracy"] == expected["clean_accuracy"] > 0.9
    mine, other = results["attacks"][0], expected["attacks"][0]
    assert mine["robust_accuracy"] == pytest.approx(other["robust_accuracy"], abs=0.01)
    assert 0.1 < mine["robust_accuracy"] < 0.9
    assert mine["epsilon"] == 0.05  # still in [0, 1]
    assert results["model"]["input_range"] == [0, 255]
    # It belongs to the evaluation.
    assert json.loads((tmp_path / "o" / "plan.json").read_text())["input_range"] == [0, 255]
    with pytest.raises(UserError, match=r"input_range\[1\]: 255\.0 there, 1\.0 here"):
        evaluate(for_bytes, digits.test, ATTACK, output_dir=tmp_path / "o", input_range=(0, 1), resume=True)


def test_as_it_is_only_if_that_is_asked_for(for_bytes, digits, tmp_path):
    results = evaluate(for_bytes, digits.test, ATTACK, output_dir=tmp_path / "o", input_range=(0, 1))
    assert results["clean_accuracy"] < 0.3


def test_where_the_images_alone_say_so_it_is_a_warning(plain_for_bytes, digits, tmp_path):
    with pytest.warns(UserWarning, match=r"INPUT_RANGE: .* pixels of 0 to 255 \(--input_range=0,255\)"):
        results = evaluate(plain_for_bytes, digits.test, ATTACK, output_dir=tmp_path / "o")
    assert [each["code"] for each in results["warnings"]].count("INPUT_RANGE") == 1
    assert results["diagnosis"]["pixels"]["better"] == [0, 255]


def test_where_the_layers_alone_say_so_too(linear, digits, tmp_path):
    """Trained at 0 to 1 behind a layer for 0 to 255: odd, but right."""
    odd = network(linear, keras.layers.Rescaling(1 / 255), scale=1 / 255)
    with pytest.warns(UserWarning, match="begins with layers for pixels of 0 to 255, yet it classifies"):
        results = evaluate(odd, digits.test, ATTACK, output_dir=tmp_path / "o")
    assert results["clean_accuracy"] > 0.9


def test_a_network_that_is_right_is_asked_once(linear, digits, tmp_path):
    figures = look_at_pixels(linear, choose_examples(digits.test))
    assert (len(figures["trials"]), figures["examples"], figures["better"]) == (1, 64, None)
    assert diagnostics.find_in_pixels(figures) == []


def test_the_command_line_asks_for_the_flag_and_takes_it(for_bytes, digits, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main = importlib.import_module("eval_attacks").main
    for_bytes.save("mine.keras")
    for part, split in (("train", digits.train), ("test", digits.test)):
        np.save(f"x_{part}.npy", split.images)
        np.save(f"y_{part}.npy", split.labels)
    line = ["eval_attacks.py", "--checkpoint=mine.keras", "--dataset=npy", "--data_dir=.", "--attack=fgsm"]
    line += ["--epsilon=0.05", "--test_size=64", "--output_dir=out", "--noreport", "--strategy=none"]
    for more in ([], ["--dry_run"]):
        assert run_script(EVAL_ATTACKS.definitions, main, argv=[*line, *more]) == 2
        assert "Expected 0,255 (--input_range=0,255)" in capsys.readouterr().err
    assert run_script(EVAL_ATTACKS.definitions, main, argv=[*line, "--input_range=0,255"]) == 0
    assert "pixels   0 to 255 for the network; radii in [0, 1]" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "results.json").read_text())["clean_accuracy"] > 0.8


def test_a_radius_in_grey_levels_is_refused(linear, digits, tmp_path):
    with pytest.raises(
        UserError, match=r"pixels are in \[0, 1\] \(8 grey levels are 8/255\)\. Received: epsilon=8"
    ):
        evaluate(linear, digits.test, [("pgd", PGD(epsilon=8.0))], output_dir=tmp_path / "o")


def test_images_of_0_to_255_are_refused():
    with pytest.raises(
        UserError, match=r"finite pixel values in \[0, 1\]\. Received: .*values from 0 to 255"
    ):
        Split(np.array([0.0, 255.0], np.float32).reshape(1, 1, 2, 1), np.zeros(1, int))
