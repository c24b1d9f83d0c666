"""`python -m mmc_tf.evaluation segments`: from a run's folder to picture, values and table."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.evaluation.__main__ import main
from mmc_tf.evaluation.segments import build
from mmc_tf.evaluation.segments.figure import draw_segments
from mmc_tf.evaluation.segments.subjects import Settings, find


@pytest.fixture(scope="module")
def runs(tmp_path_factory, linear):
    """Three finished runs with one linear network, `held` with 200 images held out, and one that goes on."""
    root = tmp_path_factory.mktemp("runs")
    for name, flags in {
        "plain": {},
        "held": {"validation_size": 200},
        "small": {"train_size": 20},
        "open": {},
    }.items():
        (root / name).mkdir()
        config = {"flags": {"dataset": "digits", "loss": "SCE"} | flags, "dataset": {"name": "digits"}}
        (root / name / "config.json").write_text(json.dumps(config))
        if name != "open":
            linear.save(root / name / "final.keras")
    return root


def test_the_command_leaves_values_means_and_a_picture(runs, tmp_path, capsys, monkeypatch):
    out, drawn = tmp_path / "out", []
    monkeypatch.setattr(build, "draw_segments", lambda panels: drawn.append(panels) or draw_segments(panels))
    arguments = ["--epsilon=8/255", "--examples=12", "--num_steps=5", f"--output_dir={out}"]
    assert main(["segments", str(runs / "plain"), str(runs / "held"), *arguments]) == 0
    printed = capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["segments.json", "segments.npz", "segments.png"]
    results = json.loads((out / "segments.json").read_text())
    assert [entry["name"] for entry in results["runs"]] == ["plain", "held"]
    assert results["runs"][0]["attack"]["epsilon"] == pytest.approx(8 / 255)
    assert results["runs"][0]["attack"]["objective"] == "ce"
    ((first, _),) = drawn
    found = results["runs"][0]["splits"]
    kept = f"{found['train']['kept']} training and {found['test']['kept']} test images"
    assert first[:2] == ("plain (SCE)", f"digits: PGD-5 ce, linf 8/255\nfailed on {kept}")
    with np.load(out / "segments.npz") as file:
        values = dict(file)
    assert values["loss"].shape == (48, 11)
    np.testing.assert_allclose(values["position"], np.linspace(0, 1, 11))
    for number, entry in enumerate(results["runs"]):
        for split, found in entry["splits"].items():
            of_it = (values["run"] == number) & (values["split"] == split)
            kept = values["loss"][of_it & (values["state"] == "kept")]
            assert (found["examples"], found["kept"]) == (of_it.sum(), len(kept)) == (12, len(kept))
            assert found["mean_rise"] == pytest.approx(np.mean(kept[:, -1] - kept[:, 0]), rel=1e-4)
            assert (kept[:, [0, -1]] < 0).all()
            assert f"{found['mean_rise']:.4g}" in printed
    assert values["index"][(values["run"] == 1) & (values["split"] == "train")].min() >= 200
    # Every image's index in the data set is kept, so that another program finds the label there.
    labels = find([str(runs / "plain")], Settings())[0].dataset.train.labels
    train = values["split"] == "train"
    np.testing.assert_array_equal(values["label"][train], labels[values["index"][train]])
    assert re.search(r"^held +test +12 ", printed, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{0}/open"], "a finished run"),
        (["{0}/nowhere"], "does not exist"),
        (["{0}/plain", "{0}/plain/final.keras"], "each run once"),
        (["{0}/small", "--examples=21"], "at most 20, the training images of"),
        (["{0}/plain", "--epsilon=0"], "`epsilon`"),
        (["{0}/plain", "--epsilon=x"], "`epsilon`"),
        (["{0}/plain", "--norm=l2"], "a radius, since l2 has no default"),
        (["{0}/plain", "--norm=l1"], "one of l2, linf"),
        (["{0}/plain", "--examples=0"], "`examples`"),
        (["{0}/plain", "--num_steps=0"], "`num_steps`"),
        (["{0}/plain", "--seed=-1"], "`seed`"),
        (["{0}/plain", "--objective=mmc"], "works without MM centers"),
        (["{0}/plain", "--objective=best"], "`objective`"),
        (["{0}/plain", "--output_dir={0}/plain/config.json"], "`output_dir`"),
    ],
)
def test_mistakes_take_one_line(runs, tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main(["segments", *(argument.format(runs) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert re.fullmatch(r"error: .*\n", error)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_does_not_say_its_data_set_is_refused(tmp_path, linear):
    linear.save(tmp_path / "alone.keras")
    with pytest.raises(UserError, match="runs that say their data set"):
        find([str(tmp_path / "alone.keras")], Settings())


def test_runs_of_one_name_are_told_apart(runs, tmp_path):
    (tmp_path / "plain").mkdir()
    for name in ("config.json", "final.keras"):
        (tmp_path / "plain" / name).write_bytes((runs / "plain" / name).read_bytes())
    paths = [str(runs / "plain"), str(tmp_path / "plain")]
    first, second = find(paths, Settings())
    assert [first.name, second.name] == paths
    assert first.dataset is second.dataset  # read once


@pytest.mark.parametrize(("objective", "chosen"), [(None, "ce"), ("ce", "ce"), ("mmc", "margin")])
def test_pgd_climbs_what_the_head_can_show(objective, chosen):
    class Head:
        adaptive_objective = objective

    assert build.choose_objective(None if objective is None else Head()) == chosen


def test_mistakes_are_found_without_tensorflow(runs, request):
    code = (
        "import sys\nfrom mmc_tf.evaluation.__main__ import main\n"
        f"assert main(['segments', {str(runs / 'open')!r}]) == 2\n"
        "print(*{'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": str(request.config.rootpath)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, [])
