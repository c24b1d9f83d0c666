import json

import numpy as np
import pytest

from mmc_tf.checks import UserError
from mmc_tf.evaluation.store import EvaluationFolder, describe_resumption, differences, one_at_a_time

PLAN = {"seed": 0, "attacks": [{"label": "pgd", "parameters": {"epsilon": 0.1}}]}


def open_folder(path, plan=PLAN, *, resume=False, overwrite=False):
    return EvaluationFolder.open(path, plan, resume=resume, overwrite=overwrite)


def test_batches_come_back_in_order(tmp_path):
    folder = open_folder(tmp_path / "a" / "b")
    for number in range(12):
        folder.append("attack-0", {"indices": np.array([number]), "seconds": np.float64(0.5)})
    batches = open_folder(tmp_path / "a" / "b", resume=True).batches("attack-0")
    assert [int(batch["indices"][0]) for batch in batches] == list(range(12))
    assert folder.batches("attack-1") == []


def test_finish_leaves_results_only(tmp_path):
    folder = open_folder(tmp_path / "x")
    folder.append("clean", {"predictions": np.arange(3)})
    assert folder.results() is None
    folder.finish({"schema_version": 1}, {"index": np.arange(3)})
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "examples.npz",
        "plan.json",
        "results.json",
    ]
    assert folder.results() == {"schema_version": 1}
    assert folder.examples()["index"].tolist() == [0, 1, 2]


def test_a_folder_in_use_is_refused(tmp_path):
    open_folder(tmp_path / "x")
    with pytest.raises(UserError, match=r"output_dir.*--resume or --overwrite.*not empty"):
        open_folder(tmp_path / "x")


def test_overwrite_starts_anew_and_removes_no_other_file(tmp_path):
    folder = open_folder(tmp_path / "x")
    folder.append("clean", {"predictions": np.arange(3)})
    (folder.path / "notes.txt").write_text("mine")
    again = open_folder(tmp_path / "x", PLAN | {"seed": 1}, overwrite=True)
    assert again.batches("clean") == []
    assert json.loads((folder.path / "plan.json").read_text())["seed"] == 1
    assert (folder.path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_a_folder_of_something_else_is_never_touched(tmp_path, how):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match=r"plan\.json"):
        open_folder(tmp_path, **{how: True})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_resume_refuses_another_evaluation_and_says_what_differs(tmp_path):
    open_folder(tmp_path / "x")
    other = {"seed": 3, "attacks": [{"label": "pgd", "parameters": {"epsilon": 0.2}}]}
    with pytest.raises(
        UserError, match=r"seed: 0 there, 3 here; attacks\[0\]\.parameters\.epsilon: 0\.1 there, 0\.2"
    ):
        open_folder(tmp_path / "x", other, resume=True)


def test_resume_where_nothing_is_begins(tmp_path):
    assert open_folder(tmp_path / "new", resume=True).batches("clean") == []


def test_resume_and_overwrite_exclude_each_other(tmp_path):
    with pytest.raises(UserError, match="not both"):
        open_folder(tmp_path, resume=True, overwrite=True)


def test_check_touches_nothing(tmp_path):
    EvaluationFolder.check(tmp_path / "new", PLAN, resume=False, overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="a folder"):
        open_folder(tmp_path / "file")
    with pytest.raises(UserError, match="can be written"):
        EvaluationFolder.check(tmp_path / "file" / "x" / "y", PLAN, resume=False, overwrite=False)


def test_a_folder_belongs_to_one_process_at_a_time(tmp_path):
    @one_at_a_time
    def work(inner=None, *, output_dir, resume=False, overwrite=False, seed=0):
        folder = open_folder(output_dir, resume=resume)
        folder.append("clean", {"indices": np.array([seed])})
        return inner() if inner else len(folder.batches("clean"))

    path = tmp_path / "x"
    for how in ({"resume": True}, {"overwrite": True}):
        with pytest.raises(
            UserError, match=r"`output_dir`. Expected a folder in which no other process works"
        ):
            work(lambda how=how: work(output_dir=path, **how), output_dir=path, resume=path.exists())
    assert work(output_dir=path, resume=True, seed=3) == 3
    assert sorted(entry.name for entry in path.iterdir()) == ["plan.json", "progress"]


def test_a_mistake_leaves_no_folder(tmp_path):
    @one_at_a_time
    def fail(*, output_dir):
        assert output_dir.is_dir()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail(output_dir=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_what_is_resumed_is_said(tmp_path):
    path = tmp_path / "x"
    assert describe_resumption(path) == f"nothing to go on with in {path}: the evaluation begins anew"
    folder = open_folder(path)
    assert describe_resumption(path) == f"goes on with {path}"
    folder.finish({}, {})
    assert describe_resumption(path) == f"{path} is finished: no batch is left"


def test_half_written_files_are_not_read(tmp_path):
    folder = open_folder(tmp_path / "x")
    folder.append("attack-0", {"indices": np.array([1])})
    stage = folder.path / "progress" / "attack-0"
    (stage / ".000001.99.npz").write_bytes(b"PK half")  # killed while writing
    (stage / "000002.npz").write_bytes(b"")  # lost power before the data reached the disk
    (folder.path / ".plan.99.json").write_text("{")
    again = open_folder(tmp_path / "x", resume=True)
    assert [batch["indices"].tolist() for batch in again.batches("attack-0")] == [[1]]
    assert not (folder.path / ".plan.99.json").exists()


def test_a_plan_that_is_not_json_is_a_user_error(tmp_path):
    open_folder(tmp_path / "x")
    (tmp_path / "x" / "plan.json").write_text("{")
    with pytest.raises(UserError, match="readable JSON"):
        open_folder(tmp_path / "x", resume=True)


def test_differences():
    assert differences({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 2]}) == []
    assert differences({"a": [1, 2]}, {"a": [1]}) == ["a: 2 there, 1 here"]
    assert differences({"a": 1}, {"b": None}) == ["a: 1 there, None here"]
