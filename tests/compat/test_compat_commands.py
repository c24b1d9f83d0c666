"""`python -m mmc_tf.compat`: what it prints, writes and refuses."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import scipy.io
from weight_files import LAMBDA, dense, network, write

import mmc_tf.layers  # noqa: F401  registers what a saved model names
from mmc_tf.centers import simplex_centers
from mmc_tf.compat.__main__ import main
from mmc_tf.data import load

originals = pytest.importorskip("originals", reason="needs tf_keras")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_inspect_prints_the_findings(tmp_path, capsys):
    path = write(tmp_path / "model.200.h5", network(1, 18, end=[dense(1, 64, 256), LAMBDA]))
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"file        {path}, written by Keras 2.2.4" in out
    assert "network     ResNet-110 version 1 (n = 18), with batch norm" in out
    assert "head        centers" in out


def test_convert_writes_a_model_that_keras_alone_loads(tmp_path, capsys):
    digits = load("digits")
    directions = np.roll(simplex_centers(10, 256), 2, axis=0)
    twin = originals.randomize(originals.resnet(1, 1, side=8, centers=5 * directions))
    twin.save_weights(tmp_path / "model.h5")
    scipy.io.savemat(tmp_path / "c.mat", {"mean_logits": directions})
    out = tmp_path / "out.keras"
    words = ["convert", str(tmp_path / "model.h5"), str(out), "--dataset=digits", "--mean_var=5"]
    assert main([*words, f"--centers={tmp_path / 'c.mat'}"]) == 0
    printed = capsys.readouterr().out
    assert "10 of norm 5" in printed
    assert f"--checkpoint={out} --dataset=digits" in printed
    (tmp_path / "c.mat").unlink()

    images = digits.test.as_float()[:8]
    mean = digits.train.as_float().mean(axis=0, dtype=np.float64).astype(np.float32)
    theirs = originals.scores(twin, np.repeat(images - mean, 3, axis=-1))
    assert out.read_bytes()[-71:].startswith(b"sha256=")
    logits = keras.saving.load_model(out).predict(images, verbose=0)
    np.testing.assert_allclose(logits, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())

    assert main(words) == 2
    assert "`output`. Expected a file that does not exist yet, or --overwrite" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "COMMAND"),
        (["inspect", "none.h5"], "none.h5, which does not exist"),
        (
            ["convert", "model.h5", "out.h5", "--dataset=digits"],
            "`output`. Expected the name of a .keras file",
        ),
        (["convert", "model.h5", "out.keras"], "--dataset"),
        (["convert", "model.h5", "out.keras", "--dataset=digits", "--scale=x"], "--scale"),
        (
            ["convert", "model.h5", "out.keras", "--dataset=digits", "--scale=-1"],
            "`scale`. Expected a number > 0",
        ),
        (
            ["convert", "model.h5", "out.keras", "--dataset=digits", "--loss=SCE"],
            "`released_loss`. Expected one of MMC, MMLDA",
        ),
        (
            ["convert", "model.h5", "/proc/out.keras", "--dataset=digits"],
            "`output`. Expected a folder that can be",
        ),
    ],
)
def test_mistakes_take_one_line_and_write_nothing(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "model.h5", network(end=[LAMBDA]))
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]


def test_inspecting_and_checking_need_no_tensorflow(request, tmp_path):
    path = write(tmp_path / "model.h5", network(end=[LAMBDA]))
    code = (
        "import sys\nfrom mmc_tf.compat.__main__ import main\n"
        f"main(['inspect', {str(path)!r}])\n"
        f"main(['convert', {str(path)!r}, 'x.keras', '--dataset=digits', '--loss=SCE'])\n"
        "print(*{'tensorflow', 'keras'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=request.config.rootpath, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    error, imported = done.stderr.splitlines()
    assert "`released_loss`" in error
    assert imported == ""
