"""Imports point one way (docs/architecture.md), wherever in a file they stand; some modules stay light."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = ("train_std", "train_at", "eval_attacks")
FILES = sorted(
    [path for room in ("mmc_tf", "flags") for path in (REPOSITORY / room).rglob("*.py")]
    + [REPOSITORY / f"{script}.py" for script in SCRIPTS]
)

ROOMS = {
    **dict.fromkeys(["mmc_tf", "checks", "registry", "files", "command_line", "program"], "ground"),
    "tensorflow_backend": "ground",
    **dict.fromkeys(["centers", "sphere"], "centers"),
    **{room: room for room in ("data", "models", "losses", "layers", "classifier", "attacks")},
    **{room: room for room in ("report", "acceptance", "training", "evaluation", "experiments", "compat")},
}
BELOW_CLASSIFIER = {"ground", "centers", "data", "models", "losses"}
BELOW_ATTACKS = BELOW_CLASSIFIER | {"classifier"}
ALLOWED = {
    "ground": set(),
    "centers": {"ground"},
    "data": {"ground", "centers"},
    "models": {"ground", "centers"},
    "losses": {"ground", "centers", "models"},
    "layers": {"models", "losses"},
    "classifier": BELOW_CLASSIFIER,
    "attacks": BELOW_ATTACKS,
    "compat": BELOW_ATTACKS,
    "report": {"ground"},
    "acceptance": BELOW_ATTACKS | {"attacks"},
    "training": BELOW_ATTACKS | {"attacks", "layers", "report"},
    "evaluation": BELOW_ATTACKS | {"attacks", "layers", "compat", "report", "training"},
    "experiments": BELOW_ATTACKS | {"attacks", "layers", "report", "training", "evaluation"},
    "flags": {"ground", "training"},
    "scripts": {"flags", "training", "evaluation", "experiments"},
}
# Finding and reading a run, and the devices, are all that evaluation needs of training, and default values all
# that flags need.
PARTS_OF_TRAINING = {
    "evaluation": {"runs", "saved", "plan", "distribution"},
    "flags": {"schedules"},
    "scripts": {"plan", "entry"},
}


def module_of(path):
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module):
    """The room of a module of ours, or None for other people's."""
    parts = module.split(".")
    if parts[0] in SCRIPTS:
        return "scripts"
    if parts[0] != "mmc_tf":
        return "flags" if parts[0] == "flags" else None
    return ROOMS[parts[1] if len(parts) > 1 else "mmc_tf"]


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path):
    """Full names of all modules that a file imports, also within functions and by `from package import module`."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the room"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                at = REPOSITORY / Path(*name.split("."))
                found.add(name if at.with_suffix(".py").is_file() or at.is_dir() else node.module)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
            found |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    return found


def test_every_way_to_import_is_seen(tmp_path):
    file = tmp_path / "file.py"
    file.write_text(
        "import os.path, absl.flags as f\n"
        "from mmc_tf import attacks, __version__\n"
        "def late():\n"
        "    from mmc_tf.models.heads import Head\n"
        "    importlib.import_module('flags.cli')\n"
    )
    assert imports_of(file) == {
        "os.path",
        "absl.flags",
        "mmc_tf.attacks",
        "mmc_tf",
        "mmc_tf.models.heads",
        "flags.cli",
    }
    file.write_text("from .heads import Head")
    with pytest.raises(AssertionError, match="hide the room"):
        imports_of(file)


def top(module):
    return module.partition(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_imports_point_one_way(path):
    room = room_of(module_of(path))
    for name in imports_of(path):
        other = room_of(name)
        if other is None or other == room:
            continue
        assert other in ALLOWED[room], f"{room} must not import {name}"
        if other == "training" and room in PARTS_OF_TRAINING and name.count(".") > 1:
            assert name.split(".")[2] in PARTS_OF_TRAINING[room], f"{room} must not import {name}"


def test_the_table_of_rooms_has_no_circle_and_no_empty_rooms():
    order = list(ALLOWED)
    for room, others in ALLOWED.items():
        for other in others:
            assert order.index(other) < order.index(room)
    found = {room_of(module_of(path)) for path in FILES}
    assert set(ALLOWED) == found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_frameworks_stay_in_their_rooms(path):
    room = room_of(module_of(path))
    foreign = {top(name) for name in imports_of(path)}
    if room != "scripts" and top(module_of(path)) == "mmc_tf":
        assert not foreign & {"absl", "flags", *SCRIPTS}, "the library is called with plain arguments"
    if room in ("models", "losses", "layers", "centers", "ground"):
        assert "tensorflow" not in foreign, "a saved network must run under Keras' other backends"
    if room in ("centers", "ground", "flags", "scripts"):
        assert not foreign & {"keras", "tensorflow"}
    assert "torch" not in foreign


PACKAGES = sorted(module_of(path) for path in FILES if path.name == "__init__.py")


def is_reexport(node):
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)  # the docstring
    if isinstance(node, ast.Assign):
        targets = {
            name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)
        }
        return targets <= {"__all__", "__version__", "__getattr__", "__dir__", "_MODULES"}
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING" and all(map(is_reexport, node.body))
    if isinstance(node, ast.FunctionDef):
        return node.name == "__getattr__"
    return isinstance(node, ast.Import | ast.ImportFrom)


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_only_reexport_and_every_name_is_there(package):
    path = REPOSITORY / Path(*package.split(".")) / "__init__.py"
    body = tree_of(path).body
    assert ast.get_docstring(tree_of(path))
    assert [ast.unparse(node) for node in body if not is_reexport(node)] == []
    module = importlib.import_module(package)
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    for name in names:
        assert getattr(module, name) is not None


LIGHT = """
import sys
import mmc_tf.checks, mmc_tf.registry, mmc_tf.files, mmc_tf.centers
import mmc_tf.data, mmc_tf.models, mmc_tf.compat, mmc_tf.training, mmc_tf.evaluation
import mmc_tf.training.plan, mmc_tf.training.runs, mmc_tf.evaluation.preflight
import flags, flags.cli, flags.scripts, flags.resolve, flags.reference
from mmc_tf.data import Dataset, load, names
from mmc_tf.models import BackboneOptions, resolve
from mmc_tf.training import make_plan, find_newest
assert resolve("resnet32", version=2).feature_dim == 256
assert len(load("digits", train_size=10, test_size=10).train) == 10
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"tensorflow", "keras", "torch", "jax", "matplotlib"}))
"""


def test_a_command_is_checked_without_tensorflow_and_keras():
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", LIGHT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
