"""No file that is read may run code: models are loaded in safe mode, arrays without pickles, and by the one reader."""

import ast
import json
import pickle
import re
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.training import runs

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = ("train_std.py", "train_at.py", "eval_attacks.py", "setup.py")
FILES = sorted(
    [path for room in ("mmc_tf", "flags", "benchmarks") for path in (REPOSITORY / room).rglob("*.py")]
    + [REPOSITORY / script for script in SCRIPTS]
)
# What restores an object from a file's description of it.
SAFE_MODE = ("load_model", "deserialize_keras_object", "deserialize")
# What cannot be told to be safe.
NEVER = ("model_from_json", "model_from_config", "enable_unsafe_deserialization", "TFSMLayer")
# What only `mmc_tf.files` calls, which checks what it reads and sums what it writes; readers of others' files apart.
ONE_READER = ("load", "save", "savez", "savez_compressed", "DictReader", "reader", "DictWriter", "writer")
OTHERS = ("mmc_tf/data/readers/npy.py", "mmc_tf/data/readers/restricted_pickle.py")


def calls(tree):
    """(node, module, name, {keyword: value}) of every call of a plain or dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            words = ast.unparse(node.func).split(".")
            yield node, ".".join(words[:-1]), words[-1], {word.arg: word.value for word in node.keywords}


def unsafe_calls(tree):
    found = []
    for node, module, name, keywords in calls(tree):
        constants = {word: getattr(value, "value", ...) for word, value in keywords.items()}
        if name in SAFE_MODE and constants.get("safe_mode") is not True:
            found.append(f"{node.lineno}: {name} without safe_mode=True")
        if name in NEVER:
            found.append(f"{node.lineno}: {name}")
        unpickles = (module, name) in (("np", "load"), ("numpy", "load"), ("np.lib.format", "read_array"))
        if unpickles and constants.get("allow_pickle") is not False:
            found.append(f"{node.lineno}: {module}.{name} without allow_pickle=False")
        if module in ("pickle", "dill", "joblib", "marshal") and name in ("load", "loads", "Unpickler"):
            found.append(f"{node.lineno}: {module}.{name}")
        if not module and name in ("eval", "exec"):
            found.append(f"{node.lineno}: {name}")
    return found


def second_readers(tree):
    """Calls that read or write JSON, arrays or tables past `mmc_tf.files`."""
    found = []
    for node, module, name, _ in calls(tree):
        is_array = module in ("np", "numpy") and name in ONE_READER[:4]
        is_table = module == "csv" and name in ONE_READER[4:]
        text = ast.unparse(node)
        is_json = module == "json" and (
            name in ("load", "dump") or "read_text" in text or "read_bytes" in text
        )
        if is_array or is_table or is_json:
            found.append(f"{node.lineno}: {text}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_load_runs_code(path):
    assert unsafe_calls(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.is_relative_to(REPOSITORY / "mmc_tf")],
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_there_is_one_reader_of_each_kind(path):
    name = path.relative_to(REPOSITORY).as_posix()
    if not name.startswith("mmc_tf/files/") and name not in OTHERS:
        assert second_readers(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "keras.saving.load_model(path)",
        "load_model(path, safe_mode=False)",
        "keras.models.load_model(path, safe_mode=flag)",
        "keras.layers.deserialize(config)",
        "keras.models.model_from_json(text)",
        "keras.config.enable_unsafe_deserialization()",
        "np.load(path)",
        "numpy.load(path, allow_pickle=True)",
        "pickle.loads(content)",
        "eval(text)",
    ],
)
def test_unsafe_calls_are_seen(text):
    assert len(unsafe_calls(ast.parse(f"def late():\n    return {text}"))) == 1


def test_second_readers_are_seen():
    text = "np.load(p, allow_pickle=False); np.savez(p); csv.DictReader(f); json.load(f); json.loads(p.read_text())"
    assert len(second_readers(ast.parse(text))) == 5


def model_of(layer):
    images = keras.Input((4, 4, 1))
    return keras.Model(images, keras.layers.Dense(3)(keras.layers.Flatten()(layer(images))))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_lambda_layer_of_somebody_else_is_refused_and_not_run(suffix, tmp_path):
    executed, path = tmp_path / "executed", tmp_path / f"model{suffix}"
    name = str(executed)
    model = model_of(keras.layers.Lambda(lambda x: (open(name, "w").close(), x)[1]))
    assert executed.exists()  # its code runs when it is called
    model.save(path)
    executed.unlink()
    with pytest.raises(UserError) as caught:
        runs.load_run(path)
    said = str(caught.value)
    assert said.startswith(
        f"Cannot read the model {path}. Expected a saved Keras model without program code of"
    )
    assert "`Lambda` layer" in said
    assert "\n" not in said
    assert "enable_unsafe" not in said
    assert not executed.exists()


@pytest.mark.parametrize(
    ("module", "name", "config"),
    [
        ("subprocess", "Popen", {"args": ["touch", "EXECUTED"]}),
        ("os", "system", "touch EXECUTED"),
        ("keras.layers", "TFSMLayer", {"filepath": "EXECUTED", "call_endpoint": "serve"}),
        ("builtins", "exec", "open('EXECUTED', 'w')"),
    ],
)
def test_a_file_that_names_other_code_is_refused_and_it_is_not_run(module, name, config, tmp_path):
    executed, path, forged = tmp_path / "executed", tmp_path / "model.keras", tmp_path / "forged.keras"
    model_of(keras.layers.Activation("relu")).save(path)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(forged, "w") as other:
        for member in archive.namelist():
            content = archive.read(member)
            if member == "config.json":
                described = json.loads(content)
                layer = described["config"]["layers"][1]
                assert layer["class_name"] == "Activation"
                layer.update(module=module, class_name=name, registered_name=None, config=config)
                content = json.dumps(described).replace("EXECUTED", str(executed)).encode()
            other.writestr(member, content)
    with pytest.raises(UserError, match=re.escape(f"Cannot read the model {forged}. ")) as caught:
        runs.load_run(forged)
    assert "\n" not in str(caught.value)
    assert not executed.exists()


def test_a_pickle_under_the_name_of_a_model_is_refused_and_not_run(tmp_path):
    executed = tmp_path / "executed"

    class Program:
        def __reduce__(self):
            return (executed.touch, ())

    for name in ("model.keras", "model.h5", "model.pkl"):
        (tmp_path / name).write_bytes(pickle.dumps(Program()))
        with pytest.raises(UserError, match=name):
            runs.load_run(tmp_path / name)
    np.save(tmp_path / "array.keras", np.array([Program()], dtype=object))
    with pytest.raises(UserError, match=r"array\.keras"):
        runs.load_run(tmp_path / "array.keras")
    assert not executed.exists()
