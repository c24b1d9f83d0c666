"""Every promised command line is checked and built to the end by --dry_run, which touches nothing."""

import shlex

import numpy as np
import pytest
from broken_files import idx
from command_lines import TRAINING
from script_driver import run

# One of each network, script and original's switches; the others differ in what the flags' tests look at.
REPRESENTATIVE = (
    "train_std.py --loss=MMC-C --scale=10",
    "train_std.py mnist mnist --epochs=50 -lp=MMC-M -b=50 --optimizer=sgd -wd=1e-4 -lr=0.01 --scale=10",
    "train_at.py mnist mnist --epochs=50 -lp=MMC-M -b=50 --optimizer=sgd -wd=1e-4 -lr=0.01 --scale=10",
    "train_std.py --is_2d_demo",
)
NETWORKS = {
    ("resnet32", None): "resnet32v1",
    ("resnet32", 2): "resnet47v2",
    ("mnist", None): "mnist",
}
LINES = [
    pytest.param(line, expected, id=line, marks=() if line in REPRESENTATIVE else pytest.mark.slow)
    for line, expected in TRAINING
]


def write_images(root):
    """The smallest data sets that have every class, of noise."""
    random = np.random.default_rng(0)
    labels = np.tile(np.arange(10, dtype=np.uint8), 10)
    for folder in ("mnist", "fashion-mnist"):
        (root / folder).mkdir()
        for part in ("train", "t10k"):
            images = random.integers(0, 256, (100, 28, 28), np.uint8)
            (root / folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
            (root / folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    pixels = random.integers(0, 256, (100, 3072), np.uint8)
    fine = np.arange(100, dtype=np.uint8)
    records = {
        "cifar-10-batches-bin": np.column_stack([labels, pixels]),
        "cifar-100-binary": np.column_stack([fine // 5, fine, pixels]),
    }
    for folder, rows in records.items():
        (root / folder).mkdir()
        ten = "10-" in folder
        for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"] if ten else ("train", "test"):
            (root / folder / f"{name}.bin").write_bytes(rows.tobytes())


@pytest.fixture(scope="module")
def noise_dir(tmp_path_factory):
    root = tmp_path_factory.mktemp("noise")
    write_images(root)
    return root


def everything_in(folder):
    """All names below a folder with size and time of the last change."""
    stats = {path: path.stat() for path in [folder, *folder.rglob("*")]}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


def plan_of(line, folder):
    """What a dry run prints, as a table of its lines by their first word."""
    before = everything_in(folder)
    outcome = run(shlex.split(line))
    assert outcome["err"] == ""
    assert outcome["status"] == 0
    assert everything_in(folder) == before
    *lines, last = outcome["out"].splitlines()
    assert last == "dry run: everything was checked and built, nothing was written"
    return {words[0]: words[1] for text in lines if (words := text.split(maxsplit=1))}


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_dry_run_builds_what_the_line_means(line, expected, noise_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = plan_of(f"{line} --data_dir={noise_dir} --dry_run", tmp_path)
    model, loss = plan["model"].split(",")[0], plan["model"].split("loss ")[1].split(",")[0]
    if "model" in expected:
        assert model == NETWORKS[expected["model"], expected.get("version")]
    if "dataset" in expected:
        assert plan["data"].startswith(f"{expected['dataset']}: ")
    if "loss" in expected:
        assert loss == expected["loss"]
    if "epochs" in expected:
        policy, epochs = expected["learning_policy"], expected["epochs"]
        assert (
            f"lr {expected.get('lr', 0.01):g}, {policy}, {epochs} epochs, batch 50, float32" in plan["recipe"]
        )
    if "centers" in expected:
        num_classes = 100 if expected.get("dataset") == "cifar100" else 10
        assert f"{expected['centers']} centers of ({num_classes}, " in plan["model"]
    if "attack_method" in expected:
        assert f"'attack': '{expected['attack_method']}'" in plan["method"]
        assert f"'num_steps': {expected['num_steps']}" in plan["method"]


def test_the_default_recipe_and_the_bare_one_say_what_keeps_them_stable(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = "train_std.py --dataset=digits --dry_run"
    assert plan_of(line, tmp_path)["stability"].startswith(
        "warm-up over 200 steps, gradient clipped at norm 10 "
    )
    bare = plan_of(f"{line} --warmup_steps=0 --clip_norm=0", tmp_path)
    assert bare["stability"].startswith("no warm-up, no gradient clipping ")


def test_monitoring_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = "train_std.py --dataset=digits --dry_run"
    assert plan_of(line, tmp_path)["monitored"].endswith("reported only: nothing is selected on it")
    held_out = plan_of(f"{line} --validation_size=100", tmp_path)
    assert held_out["monitored"] == "validation: 100 images, held out of training"


def test_real_mnist_is_found(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = plan_of(f"train_std.py mnist mnist --data_dir={data_dir} --dry_run", tmp_path)
    assert plan["data"].startswith("mnist: 17000 training and 10000 test images")


def test_real_cifar_is_found(cifar_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = plan_of(f"train_std.py resnet8 cifar10 --data_dir={cifar_dir} --dry_run", tmp_path)
    assert plan["data"].startswith("cifar10: 1000 training and 500 test images")


def test_a_simplex_that_does_not_fit_gets_the_originals_dimension(noise_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = f"train_std.py resnet8 cifar100 --data_dir={noise_dir} --dry_run"
    assert plan_of(line, tmp_path)["model"].endswith("simplex centers of (100, 256)")
    assert plan_of(f"{line} --loss=HMMC", tmp_path)["model"].endswith("hierarchical centers of (100, 64)")
    assert plan_of(f"{line} --centers=spread", tmp_path)["model"].endswith("spread centers of (100, 64)")
    asked = run(shlex.split(f"{line} --feature_dim=64"))
    assert "at most d+1 = 65 classes for simplex centers in d = 64 dimensions" in asked["err"]
