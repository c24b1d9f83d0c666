import errno
import json

import keras
import numpy as np
import pytest

from mmc_tf.attacks import BIM, FGSM, PGD
from mmc_tf.checks import UserError
from mmc_tf.data import Split
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.evaluation.store import EvaluationFolder
from mmc_tf.models.heads import MMCLogits

ATTACKS = (
    ("pgd", PGD(epsilon=0.1, num_steps=5)),
    ("pgd targeted", PGD(epsilon=0.2, num_steps=5, targeted=True)),
)


def figures(results):
    """What must not depend on when and in which batches an evaluation ran."""
    timed = ("seconds", "created", "batch_size")
    passes = ("seconds", "forward_passes", "backward_passes")
    kept = {key: value for key, value in results.items() if key not in timed}
    kept["attacks"] = [{k: v for k, v in record.items() if k not in passes} for record in results["attacks"]]
    return kept


def verdicts(path):
    return EvaluationFolder(path).examples()


def assert_same_verdicts(first, second):
    first, second = verdicts(first), verdicts(second)
    assert first.keys() == second.keys()
    for name, values in first.items():
        if name == "distance":  # linear algebra on another number of rows may round otherwise
            np.testing.assert_allclose(values, second[name], atol=1e-6)
        else:
            np.testing.assert_array_equal(values, second[name], err_msg=name)


@pytest.fixture(scope="module")
def uninterrupted(linear, digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("uninterrupted") / "out"
    return path, evaluate(linear, digits.test, ATTACKS, output_dir=path, seed=5, batch_size=16)


def test_totals_agree(uninterrupted, digits):
    path, results = uninterrupted
    arrays = verdicts(path)
    clean_wrong = arrays["clean_prediction"] != digits.test.labels
    for number, record in enumerate(results["attacks"]):
        assert record["attacked"] == (~clean_wrong).sum()
        assert record["robust"] + record["broken"] + clean_wrong.sum() == record["examples"] == 120
        assert 0 < record["robust"] < record["attacked"]  # or nothing here would be tested
        assert (~arrays["misclassified"][number]).sum() == record["robust"]
        assert (arrays["distance"][number] <= record["epsilon"] + 1e-7).all()
        assert not (arrays["target"][number] == digits.test.labels).any()
        assert record["interval"][0] < record["robust_accuracy"] < record["interval"][1]
    targeted = arrays["success"][1]
    assert (
        targeted.sum()
        == results["attacks"][1]["targeted_success"]["count"]
        < arrays["misclassified"][1].sum()
    )


@pytest.mark.parametrize("batch_size", [7, 120, 1000])
def test_verdicts_do_not_depend_on_the_batch_size(uninterrupted, linear, digits, tmp_path, batch_size):
    path, expected = uninterrupted
    results = evaluate(linear, digits.test, ATTACKS, output_dir=tmp_path / "o", seed=5, batch_size=batch_size)
    assert_same_verdicts(path, tmp_path / "o")
    assert [record["robust"] for record in results["attacks"]] == [r["robust"] for r in expected["attacks"]]


def test_results_file_is_what_is_returned(uninterrupted):
    path, results = uninterrupted
    text = (path / "results.json").read_text()
    written = json.loads(text, parse_constant=pytest.fail)
    assert len(written.pop("sha256")) == 64
    assert written == json.loads(json.dumps(results))


def test_schema(uninterrupted):
    _, results = uninterrupted
    assert set(results) == {
        "schema_version",
        "command",
        "created",
        "versions",
        "seed",
        "batch_size",
        "attack_precision",
        "attack_precision_choice",
        "model",
        "dataset",
        "examples",
        "clean_accuracy",
        "clean_interval",
        "attacks",
        "worst_case",
        "diagnosis",
        "warnings",
        "verdict",
        "seconds",
    }
    assert set(results["versions"]) == {"mmc_tf", "python", "numpy", "tensorflow", "keras"}
    parameters = results["attacks"][0]["parameters"]
    # 2.5 · 0.1 / 5, the attack's default where 2/255 cannot cross the ball.
    assert (parameters["step_size"], parameters["num_steps"]) == (pytest.approx(0.05), 5)
    assert parameters["random_start"] is True
    assert results["attacks"][0]["forward_passes"] > results["attacks"][0]["backward_passes"] > 0
    for warning in results["warnings"]:
        assert set(warning) == {"code", "message", "attacks", "section"}


class Interrupt(NoProgress):
    """Ends the program after some batches, as Ctrl-C does, and counts what is done afterwards."""

    def __init__(self, after=None):
        self.after, self.batches = after, 0

    def advance(self, count):
        self.batches += 1
        if self.batches == self.after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, 8, 9, 14, 22])
def test_resumed_equals_uninterrupted(uninterrupted, linear, digits, tmp_path, after):
    path, expected = uninterrupted
    arguments = {"output_dir": tmp_path / "o", "seed": 5, "batch_size": 16}
    with pytest.raises(KeyboardInterrupt):
        evaluate(linear, digits.test, ATTACKS, progress=Interrupt(after), **arguments)
    assert not (tmp_path / "o" / "results.json").exists()
    results = evaluate(linear, digits.test, ATTACKS, resume=True, **arguments)
    assert figures(results) == figures(expected)
    assert [r["forward_passes"] for r in results["attacks"]] == [
        r["forward_passes"] for r in expected["attacks"]
    ]
    assert_same_verdicts(path, tmp_path / "o")


def test_nobody_is_attacked_twice(tmp_path, kit):
    split, attack = (
        kit.split_of_logits(np.zeros(20, int), np.zeros(20)),
        kit.ScriptedAttack(np.arange(20) % 3),
    )
    arguments = {"output_dir": tmp_path / "o", "batch_size": 3}
    with pytest.raises(KeyboardInterrupt):
        evaluate(kit.read_logits, split, [("u", attack)], progress=Interrupt(10), **arguments)
    assert len(attack.attacked) == 9  # seven clean batches, three of the attack
    # Another batch size goes on just as well: a run that ended for want of memory needs one.
    evaluate(kit.read_logits, split, [("u", attack)], resume=True, **(arguments | {"batch_size": 2}))
    assert attack.attacked == list(range(20))
    evaluate(kit.read_logits, split, [("u", attack)], resume=True, **arguments)  # finished already
    assert len(attack.attacked) == 20


def test_a_full_disk_loses_nothing_that_was_done(tmp_path, kit, monkeypatch):
    split, attack = kit.split_of_logits(np.zeros(9, int), np.zeros(9)), kit.ScriptedAttack(np.ones(9, int))
    arguments = {"output_dir": tmp_path / "o", "batch_size": 3}
    save, calls = np.savez, []

    def save_until_full(path, **arrays):
        calls.append(path)
        if len(calls) == 5:  # after the precision, the clean predictions, the model's output, and one batch
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(path, **arrays)

    monkeypatch.setattr(np, "savez", save_until_full)
    with pytest.raises(OSError, match="No space left"):
        evaluate(kit.read_logits, split, [("u", attack)], **arguments)
    assert [path.name for path in (tmp_path / "o" / "progress" / "attack-0").iterdir()] == ["000000.npz"]
    results = evaluate(kit.read_logits, split, [("u", attack)], resume=True, **arguments)
    assert results["attacks"][0]["robust"] == 0
    assert attack.attacked == [0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8]  # only the batch that was not kept, again


def test_another_evaluation_is_not_resumed(uninterrupted, linear, digits, kit):
    path, _ = uninterrupted
    other_model = kit.ridge_classifier(digits.train.as_float(), digits.train.labels, gain=4.0)
    stronger = [("pgd", PGD(epsilon=0.1, num_steps=6)), ATTACKS[1]]
    for model, split, attacks, seed, said in (
        (linear, digits.test, ATTACKS, 6, "seed: 5 there, 6 here"),
        (linear, digits.test, stronger, 5, "num_steps: 5 there, 6 here"),
        (linear, digits.test, ATTACKS[:1], 5, "attacks: 2 there, 1 here"),
        (linear, digits.test.part(0, 100), ATTACKS, 5, "count: 120 there, 100 here"),
        (other_model, digits.test, ATTACKS, 5, "weights_sha256"),
    ):
        with pytest.raises(UserError, match=said):
            evaluate(model, split, attacks, output_dir=path, seed=seed, resume=True)


def test_existing_results_are_refused(uninterrupted, linear, digits):
    path, _ = uninterrupted
    with pytest.raises(UserError, match="not empty"):
        evaluate(linear, digits.test, ATTACKS, output_dir=path, seed=5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"attacks": []}, "at least one"),
        ({"attacks": [ATTACKS[0], ATTACKS[0]]}, "labels that differ"),
        ({"attacks": [("m", PGD(epsilon=0.1, objective="mmc"))]}, "MM centers"),
        ({"split": Split(np.zeros((0, 8, 8, 1), np.uint8), np.zeros(0, int))}, "examples"),
    ],
)
def test_bad_arguments_end_before_a_folder_is_made(linear, digits, tmp_path, change, said):
    arguments = {"split": digits.test, "attacks": ATTACKS} | change
    with pytest.raises(UserError, match=said):
        evaluate(linear, output_dir=tmp_path / "o", **arguments)
    assert not (tmp_path / "o").exists()


def test_zero_gradients_are_reported(digits, tmp_path, kit):
    images, labels = digits.train.as_float(), digits.train.labels
    for gain, fires in ((5.0, False), (1e5, True)):
        model = kit.ridge_classifier(images, labels, gain=gain)
        results = evaluate(model, digits.test, [("bim", BIM(epsilon=0.1))], output_dir=tmp_path / f"{gain}")
        assert (results["attacks"][0]["zero_gradient_rate"] > 0.5) == fires
        assert ("ZERO_GRADIENT" in [warning["code"] for warning in results["warnings"]]) == fires


def test_cross_entropy_on_center_heads_is_called_non_adaptive(digits, tmp_path):
    inputs = keras.Input(digits.image_shape)
    model = keras.Model(inputs, MMCLogits(10)(keras.layers.Dense(9)(keras.layers.Flatten()(inputs))))
    results = evaluate(
        model,
        digits.test,
        [
            ("own", FGSM(epsilon=0.1)),
            ("naive", FGSM(epsilon=0.1, adaptive=False)),
            ("ce", FGSM(epsilon=0.1, objective="ce")),
            ("margin", FGSM(epsilon=0.1, objective="margin", adaptive=False)),
        ],
        output_dir=tmp_path / "o",
    )
    said = [(record["objective"], record["adaptive"]) for record in results["attacks"]]
    assert said == [("mmc", True), ("ce", False), ("ce", False), ("margin", True)]
    assert "NON_ADAPTIVE" in [warning["code"] for warning in results["warnings"]]


class Heard(NoProgress):
    """Keeps what is said, and how many stages had begun by then."""

    def __init__(self):
        self.lines, self.stages = [], 0

    def start(self, label, total, done=0):
        self.stages += 1

    def warn(self, line):
        self.lines.append((self.stages, line.split(":")[0]))


def test_clean_accuracy_is_compared_with_the_run_s_before_the_attacks_begin(
    uninterrupted, linear, digits, tmp_path
):
    _, expected = uninterrupted
    for recorded, fires in ((expected["clean_accuracy"], False), (0.5, True), (None, False)):
        heard = Heard()
        results = evaluate(
            linear,
            digits.test,
            ATTACKS[:1],
            output_dir=tmp_path / "o",
            overwrite=True,
            model_info={"clean_accuracy": recorded},
            progress=heard,
        )
        assert ("CLEAN_ACCURACY_DIFFERS" in [warning["code"] for warning in results["warnings"]]) == fires
        # After the clean images, the first stage, and before the attack, the second.
        assert heard.lines == ([(1, "warning CLEAN_ACCURACY_DIFFERS")] if fires else [])
        assert heard.stages == 2


def test_from_python_what_must_be_known_is_a_warning_of_python_s(linear, digits, kit, tmp_path):
    with pytest.warns(UserWarning, match="CLEAN_ACCURACY_DIFFERS: Clean accuracy is .* and 50.0 %"):
        evaluate(
            linear,
            digits.test,
            [("pgd", kit.pgd)],
            output_dir=tmp_path / "o",
            model_info={"clean_accuracy": 0.5},
        )
