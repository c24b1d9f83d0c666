"""Which networks and images a command line means, and what does not go together."""

import json

import pytest

from mmc_tf.checks import UserError
from mmc_tf.evaluation.mma import networks

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def make_run(folder, model=None, *, dataset="digits"):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(
        json.dumps({"flags": {"dataset": dataset}, "dataset": {"name": dataset}})
    )
    if model is not None:
        model.save(folder / "final.keras")


@pytest.fixture
def place(tmp_path, monkeypatch, linear):
    """`runs` with two finished runs and one that is not, a run of another data set, and a file without a run."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        make_run(tmp_path / "runs" / name, linear)
    make_run(tmp_path / "runs" / "unfinished")
    make_run(tmp_path / "others" / "one", linear)
    make_run(tmp_path / "mnist", linear, dataset="mnist")
    linear.save(tmp_path / "alone.keras")
    return tmp_path


def test_a_folder_stands_for_its_finished_runs(place):
    found = networks.find(["runs", "runs/two", "alone.keras"], examples=50)
    assert [network.name for network in found.networks] == ["one", "two", "alone"]
    assert [path.as_posix() for path in found.skipped] == ["runs/unfinished"]
    assert (found.dataset.name, len(found.dataset.test)) == ("digits", 50)


def test_names_are_looked_for_among_the_runs_and_told_apart_by_their_paths(place):
    found = networks.find(["one", "others/one", "runs/two/final.keras"])
    assert [network.name for network in found.networks] == ["runs/one", "others/one", "two"]


def test_ensembles_of_rows_and_of_other_networks(place):
    found = networks.find(["runs"], ensembles=["both=one,two", "more=one,alone.keras"])
    assert found.names() == ["one", "two", "both", "more"]
    assert [member.name for member in found.ensembles[1].members] == ["one", "alone"]
    subjects = networks.load(found)
    assert [subject.name for subject in subjects] == found.names()
    assert subjects[2].about == {"name": "both", "members": ["one", "two"]}
    assert subjects[0].about["path"] == "runs/one"
    # Each network is read once: members share the weights of the rows.
    weights = subjects[0].model.weights[0]
    assert any(weight is weights for weight in subjects[2].model.weights)
    assert networks.find(["alone.keras"], ensembles=["vote=one,two"], dataset="digits").names() == [
        "alone",
        "vote",
    ]


@pytest.mark.parametrize(
    ("paths", "settings", "message"),
    [
        (["runs/one"], {}, r"`runs`. Expected two networks or more .*mma_paper\). Received: runs=one"),
        (["nowhere", "runs"], {}, r"`runs`. Expected a run's folder or a .keras file. Received: .*nowhere"),
        (
            ["runs/unfinished", "runs"],
            {},
            r"`runs`. Expected a finished run .* Received: runs=runs/unfinished",
        ),
        (
            ["others/one", "mnist"],
            {},
            r"`runs`. Expected networks for digits. Received: runs=mnist, trained on mnist",
        ),
        (
            ["runs"],
            {"dataset": "mnist"},
            r"`runs`. Expected networks for mnist. Received: runs=one, trained on digits",
        ),
        (["runs"], {"examples": 0}, r"`examples`. Expected an integer >= 1. Received: examples=0"),
        (
            ["runs"],
            {"ensembles": ["one,two"]},
            r"`ensemble`. Expected NAME=A,B with two .* Received: ensemble=one,two",
        ),
        (["runs"], {"ensembles": ["v=one"]}, r"`ensemble`. Expected NAME=A,B"),
        (["runs"], {"ensembles": ["v=one,"]}, r"`ensemble`. Expected NAME=A,B"),
        (
            ["runs"],
            {"ensembles": ["v=one,runs/one"]},
            r"`ensemble`. Expected members that differ. Received: .*v=one",
        ),
        (["runs"], {"ensembles": ["one=one,two"]}, r"`ensemble`. Expected names that no other network has"),
        (["runs"], {"ensembles": ["v=one,three"]}, r"`ensemble`. Expected a run's folder or a .keras file"),
        (["runs"], {"ensembles": ["v=one,mnist"]}, r"trained on"),
    ],
)
def test_what_does_not_go_together(place, paths, settings, message):
    with pytest.raises(UserError, match=message):
        networks.find(paths, **settings)


def test_files_without_a_run_need_a_data_set(place, linear):
    linear.save(place / "other.keras")
    with pytest.raises(UserError, match=r"`dataset`. Expected a data set, since no network says its own"):
        networks.find(["alone.keras", "other.keras"])
    assert networks.find(["alone.keras", "other.keras"], dataset="digits").names() == ["alone", "other"]


def test_a_folder_without_finished_runs_is_said_to_be_empty(place):
    (place / "empty").mkdir()
    with pytest.raises(
        UserError, match=r"`runs`. Expected runs, .* Received: runs=empty, without a finished run"
    ):
        networks.find(["empty", "runs"])
