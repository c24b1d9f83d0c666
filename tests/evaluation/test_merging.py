"""Shards that were attacked apart and merged are what one machine would have written."""

import json
import shutil

import numpy as np
import pytest

from mmc_tf.attacks import DDN, FGSM, PGD, Source, Transfer, Worst
from mmc_tf.checks import UserError
from mmc_tf.evaluation import __main__ as dispatcher
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.examples import Shard
from mmc_tf.evaluation.merging import default_output_dir, merge
from mmc_tf.evaluation.store import EvaluationFolder
from mmc_tf.files import read_record, write_record

# A recorded accuracy that is not this one is warned of before the attacks begin, too.
pytestmark = pytest.mark.filterwarnings("ignore:warning CLEAN_ACCURACY_DIFFERS:UserWarning")

EPSILON, SHARDS = 0.1, 3
BALL = {"epsilon": EPSILON}
# What depends on the hour and the machine: times, and why a precision was chosen by them.
APART = {"seconds", "command", "created", "merged", "attack_precision_choice"}


def attacks_of(source):
    stages = (FGSM(**BALL), PGD(**BALL, num_steps=5), PGD(**BALL, num_steps=5, objective="margin"))
    return [
        ("pgd", PGD(**BALL, num_steps=5)),
        ("targeted", PGD(epsilon=0.2, num_steps=5, targeted=True)),
        ("worst", Worst(**BALL, members=stages)),
        ("nearest", DDN(epsilon=None, num_steps=10, objective="margin")),
        ("transfer", Transfer(**BALL, num_steps=3, source=Source("other", source))),
    ]


@pytest.fixture(scope="module")
def attacks(digits, kit):
    source = kit.ridge_classifier(digits.train.as_float()[:150], digits.train.labels[:150], gain=5.0)
    return attacks_of(source)


@pytest.fixture(scope="module")
def run(rowwise, digits, attacks):
    """Evaluates into a folder: everything, or a shard; the settings can be changed."""

    def run(path, shard=None, **changed):
        settings = {"model": rowwise, "split": digits.test, "attacks": attacks, "seed": 5, "batch_size": 16}
        settings |= {"model_info": {"name": "linear", "clean_accuracy": 0.5}, "command": str(shard)}
        evaluate(**settings | changed, shard=shard, output_dir=path)
        return path

    return run


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole") / "o")


@pytest.fixture(scope="module")
def shards(run, tmp_path_factory):
    root = tmp_path_factory.mktemp("shards")
    return [run(root / f"run_shard-{i}-of-{SHARDS}", Shard(i, SHARDS)) for i in range(SHARDS)]


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in APART}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def read(path):
    return read_record(path / "results.json"), EvaluationFolder(path).examples()


def test_merged_shards_are_the_whole_run_bit_for_bit(whole, shards, tmp_path):
    returned = merge([shards[2], shards[0], shards[1]], output_dir=tmp_path / "m")
    (expected, verdicts), (results, merged) = read(whole), read(tmp_path / "m")
    assert without_times(results) == without_times(expected)
    assert returned == results
    assert merged.keys() == verdicts.keys()
    for name, values in verdicts.items():
        assert merged[name].dtype == values.dtype
        np.testing.assert_array_equal(merged[name], values, err_msg=name)
    # Or nothing here would be tested.
    assert [len(record.get("waterfall", ())) for record in results["attacks"]] == [0, 0, 3, 0, 0]
    assert all(0 < record["robust"] < 120 for record in results["attacks"][:3])
    assert "CLEAN_ACCURACY_DIFFERS" in [warning["code"] for warning in results["warnings"]]
    # And the folder is one that the whole run goes on with.
    assert json.loads((tmp_path / "m" / "plan.json").read_text()) == json.loads(
        (whole / "plan.json").read_text()
    )


def test_merged_results_say_where_they_come_from(shards, tmp_path):
    results = merge(shards, output_dir=tmp_path / "m", command="merge them")
    assert results["command"] == "merge them"
    assert [shard["path"] for shard in results["merged"]] == [path.as_posix() for path in shards]
    assert results["seconds"] == pytest.approx(sum(shard["seconds"] for shard in results["merged"]))
    assert "shard" not in results


def test_a_shard_says_which_it_is_and_has_its_share_under_their_indices(shards, digits):
    for number, path in enumerate(shards):
        results, examples = read(path)
        assert results["shard"] == {"index": number, "count": SHARDS}
        assert results["examples"] == 40
        assert examples["index"].tolist() == list(range(number, 120, SHARDS))
        np.testing.assert_array_equal(examples["label"], digits.test.labels[number::SHARDS])


def test_pictures_are_merged_too(whole, shards, tmp_path):
    merge(shards, output_dir=tmp_path / "m")
    for name in ("samples.npz", "features.npz"):
        with np.load(whole / name) as expected, np.load(tmp_path / "m" / name) as merged:
            assert merged.files == expected.files
            for key in expected.files:
                np.testing.assert_allclose(merged[key], expected[key], atol=1e-5, err_msg=key)


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (["seed"], 6, "seed: 5 there, 6 here"),
        (["model", "weights_sha256"], "0a", "model.weights_sha256: .* there, 0a here"),
        (["examples", "sha256"], "0a", "examples.sha256"),
        (["examples", "count"], 119, "examples.count: 120 there, 119 here"),
        (["attacks", 0, "parameters", "num_steps"], 6, r"attacks\[0\].parameters.num_steps: 5 there, 6 here"),
        (["attacks", 4, "sources_sha256", 0], "0a", r"attacks\[4\].sources_sha256"),
        (["attacks"], [], "attacks: 5 there, 0 here"),
        (["shard", "count"], 4, "shard.count: 3 there, 4 here"),
    ],
)
def test_shards_of_another_evaluation_are_refused(shards, tmp_path, where, value, said):
    other = shutil.copytree(shards[1], tmp_path / "other")
    plan = read_record(other / "plan.json")
    place = plan
    for key in where[:-1]:
        place = place[key]
    assert place[where[-1]] != value
    place[where[-1]] = value
    write_record(other / "plan.json", plan)
    with pytest.raises(UserError, match=rf"`results`\. Expected shards of one evaluation, such as .*{said}"):
        merge([shards[0], other, shards[2]], output_dir=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_missing_repeated_and_lone_evaluations_are_refused(whole, shards, tmp_path):
    for folders, said in (
        (shards[1:2], r"Expected all 3 shards\. Received: results=1 of 3, without shard 0, 2"),
        ([*shards, shards[1]], r"Expected each shard once\. Received: results=shard 1 twice"),
        ([*shards[:2], whole], "an evaluation on its own"),
        ([], "Expected the folders of all shards"),
    ):
        with pytest.raises(UserError, match=said):
            merge(folders, output_dir=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_folders_that_cannot_be_merged_are_refused(shards, tmp_path):
    broken = tmp_path / "broken"

    def refused(said):
        with pytest.raises(UserError, match=said):
            merge([*shards[:2], broken], output_dir=tmp_path / "m")

    refused(r"plan\.json")
    shutil.copytree(shards[2], broken)
    results = read_record(broken / "results.json")
    write_record(broken / "results.json", results | {"schema_version": 2})
    refused(r"version 1 of the schema\. Received: results=.*, under version 2")
    write_record(broken / "results.json", results)
    content = EvaluationFolder(broken).examples()
    np.savez(broken / "examples.npz", **content | {"index": content["index"] + 1})
    refused("the examples of shard 2 of 3")
    np.savez(broken / "examples.npz", index=content["index"][:3])
    refused("the 40 examples of results.json")
    (broken / "examples.npz").write_bytes(b"half")
    refused("readable file of arrays")
    (broken / "results.json").unlink()
    refused("which has no results.json yet")


def test_the_folder_of_the_whole_is_its_own_and_free(shards, tmp_path):
    with pytest.raises(UserError, match="another folder than those that are merged"):
        merge(shards, output_dir=shards[0], overwrite=True)
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        merge(shards, output_dir=tmp_path)
    assert default_output_dir("results/net/2026_shard-0-of-3").parts[-3:] == ("results", "net", "2026_merged")


def test_the_command_prints_the_table_of_the_whole(shards, tmp_path, capsys):
    words = ["merge", *map(str, shards), f"--output_dir={tmp_path / 'm'}"]
    assert dispatcher.main(words) == 0
    out = capsys.readouterr().out
    assert "on 120 test images" in out
    *_, where, report, verdict = out.splitlines()
    assert where == f"results in {tmp_path / 'm'}"
    assert report == f"report in {tmp_path / 'm' / 'report.html'}"
    assert (tmp_path / "m" / "figures" / "confusion.png").exists()
    assert verdict == read(tmp_path / "m")[0]["verdict"]["text"]
    assert dispatcher.main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert dispatcher.main([*words, "--overwrite"]) == 0


def test_shards_share_out_every_example_once_and_evenly():
    parts = [Shard(i, 7).of(100) for i in range(7)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(100))
    assert {len(part) for part in parts} == {14, 15}
    for index, count, said in ((7, 7, "shard_index"), (-1, 7, "shard_index"), (0, 0, "num_shards")):
        with pytest.raises(UserError, match=said):
            Shard(index, count)
    with pytest.raises(UserError, match="num_shards"):
        Shard(0, 101).of(100)
