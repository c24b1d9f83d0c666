"""Ensembles in the runner: stage by stage on survivors, with the same outcome as one call from Python."""

import numpy as np
import pytest

from mmc_tf.attacks import FGSM, PGD, AutoAttack, Square, Worst
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.evaluation.store import EvaluationFolder
from mmc_tf.files import read_record

EPSILON = 0.1
MEMBERS = (FGSM(epsilon=EPSILON), PGD(epsilon=EPSILON, num_steps=5), Square(epsilon=EPSILON, num_queries=40))
WORST = Worst(epsilon=EPSILON, members=MEMBERS)
TIMES = ("created", "seconds")


def without_times(value):
    """Results without what another run of the same takes another time for."""
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def ran(linear, digits, tmp_path_factory):
    """The folder and the results of `worst`, uninterrupted."""
    path = tmp_path_factory.mktemp("worst") / "o"
    arguments = {"output_dir": path, "seed": 5, "batch_size": 16}
    return path, evaluate(linear, digits.test, [("worst", WORST)], **arguments)


AUTOATTACK = AutoAttack(epsilon=0.06, num_iterations=4, num_queries=30)


@pytest.mark.parametrize(
    "attack",
    [pytest.param(WORST, id="worst"), pytest.param(AUTOATTACK, id="autoattack", marks=pytest.mark.slow)],
)
def test_the_waterfall_is_that_of_one_call(ran, linear, digits, tmp_path, attack):
    if attack is WORST:
        path, results = ran
    else:
        path = tmp_path / "o"
        results = evaluate(linear, digits.test, [("a", attack)], output_dir=path, seed=5, batch_size=64)
    joint = attack(linear, digits.test.as_float(), digits.test.labels, seed=5)
    attacked = joint.clean_prediction == digits.test.labels
    (record,) = results["attacks"]
    names = [name for name, _ in attack.stages(10)]
    assert [stage["label"] for stage in record["waterfall"]] == names
    survivors = attacked
    for number, stage in enumerate(record["waterfall"]):
        assert stage["attacked"] == survivors.sum()
        survivors = survivors & (joint.broken_by != number)
        assert stage["robust"] == survivors.sum()
    assert record["robust"] == (~joint.misclassified).sum() == survivors.sum()
    assert 0 < record["robust"] < record["waterfall"][0]["robust"] < record["attacked"]
    arrays = EvaluationFolder(path).examples()
    np.testing.assert_array_equal(arrays["misclassified"][0], joint.misclassified)
    np.testing.assert_array_equal(arrays["broken_by"][0], joint.broken_by)
    np.testing.assert_array_equal(arrays["queries"][0][attacked], joint.queries[attacked])
    np.testing.assert_array_equal(arrays["zero_gradient"][0][attacked], joint.zero_gradient[attacked])
    np.testing.assert_allclose(arrays["distance"][0][attacked], joint.distance[attacked], atol=1e-6)
    for name in ("forward_passes", "backward_passes", "queries"):
        assert record[name] == sum(stage[name] for stage in record["waterfall"])


def test_each_stage_attacks_the_survivors_alone(tmp_path, kit):
    # Ten images of class 0, one of them misclassified from the start.
    split = kit.split_of_logits([1, *[0] * 9], np.zeros(10))
    stages = (
        kit.ScriptedAttack([0, 1, 1, 0, 0, 0, 0, 0, 0, 0]),
        kit.ScriptedAttack([0, 0, 0, 2, 2, 2, 0, 0, 0, 0]),
        kit.ScriptedAttack([0, 1, 1, 1, 1, 1, 1, 0, 0, 0]),
    )
    worst = Worst(epsilon=0.5, members=stages)
    path = tmp_path / "o"
    results = evaluate(kit.read_logits, split, [("w", worst)], output_dir=path, batch_size=4)
    assert [stage.attacked for stage in stages] == [
        list(range(1, 10)),
        list(range(3, 10)),
        list(range(6, 10)),
    ]
    assert [stage.batch_sizes for stage in stages] == [[4, 4, 4], [4, 4], [4]]
    (record,) = results["attacks"]
    assert [stage["robust"] for stage in record["waterfall"]] == [7, 4, 3]
    assert [stage["broken"] for stage in record["waterfall"]] == [2, 3, 1]
    assert (record["attacked"], record["broken"], record["robust"]) == (9, 6, 3)
    arrays = EvaluationFolder(path).examples()
    assert arrays["broken_by"][0].tolist() == [-1, 0, 0, 1, 1, 1, 2, -1, -1, -1]
    # Eleven queries a stage, twelve passes with the judging.
    assert arrays["queries"][0].tolist() == [0, 11, 11, 22, 22, 22, *[33] * 4]


def test_stages_of_one_name_are_told_apart(tmp_path, linear, digits):
    pgd = tuple(PGD(epsilon=EPSILON, num_steps=num_steps) for num_steps in (2, 3))
    worst = Worst(epsilon=EPSILON, members=(FGSM(epsilon=EPSILON), *pgd))
    split = digits.test.part(0, 10)
    results = evaluate(linear, split, [("w", worst)], output_dir=tmp_path / "o")
    labels = [stage["label"] for stage in results["attacks"][0]["waterfall"]]
    assert labels == ["fgsm", "pgd-2 linf 0.1", "pgd-3 linf 0.1"]


def test_nothing_is_done_where_nobody_survives(tmp_path, kit):
    split = kit.split_of_logits([0, 0], [0, 0])
    stages = (kit.ScriptedAttack([1, 1]), kit.ScriptedAttack([1, 1]))
    results = evaluate(
        kit.read_logits, split, [("w", Worst(epsilon=0.5, members=stages))], output_dir=tmp_path / "o"
    )
    assert stages[1].attacked == []
    assert [stage["attacked"] for stage in results["attacks"][0]["waterfall"]] == [2, 0]
    assert results["attacks"][0]["robust_accuracy"] == 0.0


class Interrupt(NoProgress):
    """Ends the program after some batches, or when a stage begins, as Ctrl-C does."""

    def __init__(self, after=None, stage=None):
        self.after, self.stage, self.batches = after, stage, 0

    def start(self, label, total, done=0):
        if label == self.stage:
            raise KeyboardInterrupt

    def advance(self, count):
        self.batches += 1
        if self.batches == self.after:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "moment", [{"after": 9}, {"after": 17}, {"stage": "worst: pgd"}, {"stage": "worst: square"}]
)
def test_resumed_equals_uninterrupted(ran, linear, digits, tmp_path, moment):
    path, expected = ran
    arguments = {"output_dir": tmp_path / "o", "seed": 5, "batch_size": 16}
    attacks = [("worst", WORST)]
    with pytest.raises(KeyboardInterrupt):
        evaluate(linear, digits.test, attacks, progress=Interrupt(**moment), **arguments)
    done = sorted((tmp_path / "o" / "progress").glob("attack-0-*/*.npz"))
    assert done
    times = {each: each.stat().st_mtime_ns for each in done}

    class Watch(NoProgress):
        """What was done before is still there, unchanged, when the last stage begins."""

        def start(self, label, total, done=0):
            if label == "worst: square":
                assert {each: each.stat().st_mtime_ns for each in times} == times

    results = evaluate(linear, digits.test, attacks, resume=True, progress=Watch(), **arguments)
    assert without_times(results) == without_times(expected)
    written = read_record(tmp_path / "o" / "results.json")
    assert without_times(written) == without_times(read_record(path / "results.json"))
    first, second = EvaluationFolder(path).examples(), EvaluationFolder(tmp_path / "o").examples()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)


@pytest.mark.parametrize("after", [1, 3, 4, 6, 7])
def test_nobody_is_attacked_twice_by_a_stage(tmp_path, kit, after):
    split = kit.split_of_logits(np.zeros(10, int), np.zeros(10))
    stages = (kit.ScriptedAttack([1, 1, *[0] * 8]), kit.ScriptedAttack([0] * 4 + [1] * 3 + [0] * 3))
    attacks = [("w", Worst(epsilon=0.5, members=stages)), ("alone", kit.ScriptedAttack(np.zeros(10, int)))]
    arguments = {"output_dir": tmp_path / "o", "batch_size": 4}
    with pytest.raises(KeyboardInterrupt):
        # Three clean batches come first.
        evaluate(kit.read_logits, split, attacks, progress=Interrupt(3 + after), **arguments)
    evaluate(kit.read_logits, split, attacks, resume=True, **arguments)
    assert stages[0].attacked == list(range(10))
    assert stages[1].attacked == list(range(2, 10))
    assert attacks[1][1].attacked == list(range(10))
