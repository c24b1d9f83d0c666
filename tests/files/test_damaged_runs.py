"""What training and evaluation leave, damaged: one line that names the file, or the figures as they were written."""

import keras
import numpy as np
import pytest
from damages import damages

from mmc_tf import files
from mmc_tf.attacks import FGSM
from mmc_tf.checks import UserError
from mmc_tf.data import Split
from mmc_tf.evaluation import __main__ as evaluation_commands
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.folders import read_finished
from mmc_tf.evaluation.report.content import read_content
from mmc_tf.evaluation.store import EvaluationFolder
from mmc_tf.training import checkpoints, log, runs
from mmc_tf.training.report.history import read_histories

ROW = {"seconds": 1.5, "learning_rate": 0.1, "loss": 0.25, "accuracy": 0.875, "monitored": "test"}


def same(found, expected):
    """Whether nested values are equal, arrays included."""
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and np.array_equal(
            found, expected, equal_nan=found.dtype.kind == "f"
        )
    return found == expected


def try_all(path, read, *, name, bits=24):
    """Damages the file in every way; `read` must refuse it by name or give what it gave before."""
    whole, expected = path.read_bytes(), read()
    refused = 0
    try:
        for what, content in damages(whole, name=name, bits=bits):
            path.write_bytes(content)
            try:
                found = read()
            except UserError as error:
                said = str(error)
                if "\n" in said or not (path.name in said or path.parent.name in said):
                    pytest.fail(f"{what}: {said}")
                refused += 1
            else:
                assert same(found, expected), what
    finally:
        path.write_bytes(whole)
    assert refused > 10 + 2 * bits


def network():
    keras.utils.set_random_seed(0)
    images = keras.Input((4, 4, 1))
    model = keras.Model(images, keras.layers.Dense(3)(keras.layers.Flatten()(images)))
    model.compile(keras.optimizers.SGD(0.1))
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run with a checkpoint and a log of three epochs."""
    folder = runs.RunFolder(tmp_path_factory.mktemp("runs") / "the-run")
    folder.write_config({"flags": {"loss": "SCE", "lr": 0.1}, "clean_accuracy": 0.875, "finished": True})
    model = network()
    checkpoints.save(folder.checkpoints, model, model.optimizer, step=30, state={"epoch": 3, "seed": 7})
    for epoch in (1, 2, 3):
        log.append(folder.log_file, {"epoch": epoch, "step": 10 * epoch, **ROW})
    with files.replacing(folder.final_model) as temporary:
        model.save(temporary)
        files.seal(temporary)
    return folder


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A finished evaluation with kept images."""
    rng = np.random.default_rng(0)
    split = Split(rng.random((12, 4, 4, 1), np.float32), rng.integers(0, 3, 12).astype(np.int32))
    folder = tmp_path_factory.mktemp("results") / "the-result"
    evaluate(network(), split, [("fgsm", FGSM(epsilon=0.1))], output_dir=folder)
    return folder


def test_a_model_is_whole_or_refused(run):
    images = np.linspace(0, 1, 32, dtype=np.float32).reshape(2, 4, 4, 1)

    def read():
        path, config = runs.find_model(run.path)
        model, _ = runs.load_run(path)
        return {"logits": np.asarray(model(images)), "config": config}

    try_all(run.final_model, read, name="final.keras", bits=12)


def test_a_model_without_a_seal_is_whole_or_refused(tmp_path):
    """As other programs save it: by the CRC-32 of its members."""
    path = tmp_path / "plain.keras"
    network().save(path)
    try_all(path, lambda: runs.load_run(path)[0].get_weights(), name="plain.keras", bits=6)


def test_settings_are_whole_or_refused(run):
    try_all(run.config_file, run.read_config, name="config.json")
    files.write_json(run.config_file, {})
    with pytest.raises(UserError, match=r"is not a run's folder.*without flags"):
        run.read_config()


def test_a_checkpoint_is_whole_or_refused(run):
    path, model = checkpoints.newest(run.checkpoints), network()

    def read():
        state = checkpoints.restore(path, model, model.optimizer)
        return {"state": state, "weights": model.get_weights()}

    try_all(path, read, name="checkpoint")


def test_a_log_is_whole_or_refused(run):
    files.write_record(run.config_file, {"flags": {"loss": "SCE"}})
    try_all(run.log_file, lambda: read_histories([run.path])[0].columns, name="log.csv")


def test_what_a_log_says_last_is_right_or_refused(run):
    found = log.last(run.log_file)
    assert {name: found[name] for name in ("epoch", "step", *ROW)} == {"epoch": 3, "step": 30, **ROW}
    run.log_file.write_text("epoch,step\n1,x\n")
    for read in (log.last, lambda path: log.truncate(path, step=3)):
        with pytest.raises(UserError, match=r"log\.csv.*invalid literal"):
            read(run.log_file)


@pytest.mark.parametrize("name", ["results.json", "examples.npz", "plan.json"])
def test_results_are_whole_or_refused(result, name):
    def read():
        found = read_finished(result)
        return {"results": found.results, "examples": found.examples, "plan": found.plan}

    try_all(result / name, read, name=name)


@pytest.mark.parametrize("name", ["results.json", "examples.npz", "samples.npz"])
def test_a_report_is_of_what_was_written(result, name):
    def read():
        found = read_content(result)
        return {"results": found.results, "examples": found.examples, "samples": found.samples}

    try_all(result / name, read, name=name)


def test_a_finished_evaluation_is_not_resumed_from_other_figures(result):
    try_all(result / "results.json", EvaluationFolder(result).results, name="results.json again")


def test_verdicts_of_another_evaluation_are_refused(result, tmp_path, capsys):
    """Each file whole by itself, but not of one evaluation."""
    path = result / "examples.npz"
    kept, arrays = path.read_bytes(), files.read_arrays(path)
    files.write_arrays(path, arrays | {"misclassified": ~arrays["misclassified"]})
    try:
        assert evaluation_commands.main(["compare", str(result), str(result)]) == 2
    finally:
        path.write_bytes(kept)
    error = capsys.readouterr().err
    assert "Expected examples.npz with the verdicts that results.json counts" in error
    assert error.count("\n") == 1
