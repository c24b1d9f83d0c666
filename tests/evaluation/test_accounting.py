"""The figures of an evaluation against a closed form and counts by hand."""

import keras
import numpy as np
import pytest

from mmc_tf.attacks import FGSM, PGD
from mmc_tf.data import Split
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.store import EvaluationFolder
from mmc_tf.models.heads import DenseLogits


@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2)])
def test_two_class_linear_accuracy_equals_its_closed_form(tmp_path, norm, dual):
    # FGSM is exact here: with h = (0, w·x + b), y survives if and only if |w·x + b| > ε ‖w‖_dual.
    random = np.random.default_rng(3)
    images = random.uniform(0.3, 0.7, (300, 4, 4, 1)).astype(np.float32)
    weights = random.normal(size=16)
    lead = images.reshape(300, 16).astype(np.float64) @ weights - 0.5 * weights.sum()
    epsilon = float(np.median(np.abs(lead)) / np.linalg.norm(weights, dual))
    slack = np.abs(np.abs(lead) - epsilon * np.linalg.norm(weights, dual))
    keep = slack > 1e-4
    assert keep.sum() > 290
    labels = (lead > 0).astype(np.int32)
    labels[:30] = 1 - labels[:30]
    images, labels, lead = images[keep], labels[keep], lead[keep]
    inputs = keras.Input((4, 4, 1))
    head = DenseLogits(2)
    model = keras.Model(inputs, head(keras.layers.Flatten()(inputs)))
    head.set_weights([np.stack([0 * weights, weights], 1), np.array([0, -0.5 * weights.sum()])])

    results = evaluate(
        model,
        Split(images, labels),
        [("fgsm", FGSM(epsilon=epsilon, norm=norm))],
        output_dir=tmp_path / "out",
        batch_size=64,
    )
    correct = (lead > 0) == labels
    robust = correct & (np.abs(lead) > epsilon * np.linalg.norm(weights, dual))
    (record,) = results["attacks"]
    assert results["clean_accuracy"] == pytest.approx(correct.mean(), abs=1e-12)
    assert (record["robust"], record["attacked"]) == (robust.sum(), correct.sum())
    assert record["robust_accuracy"] == robust.sum() / len(labels)
    assert record["distance"]["median"] == pytest.approx(epsilon, rel=1e-5)
    np.testing.assert_array_equal(EvaluationFolder(tmp_path / "out").examples()["misclassified"][0], ~robust)


def test_targeted_accounting_by_hand(tmp_path, kit):
    # Ten images of class 0: two misclassified from the start, three hit their target, two end elsewhere.
    split = kit.split_of_logits([1, 2, 0, 0, 0, 0, 0, 0, 0, 0], np.zeros(10))
    attack = kit.ScriptedAttack([0, 0, 1, 1, 1, 2, 2, 0, 0, 0], targets=np.ones(10, int))
    results = evaluate(kit.read_logits, split, [("t", attack)], output_dir=tmp_path / "o", batch_size=4)
    (record,) = results["attacks"]
    assert results["clean_accuracy"] == 0.8
    assert (record["attacked"], record["broken"], record["robust"]) == (8, 5, 3)
    assert record["robust_accuracy"] == 0.3
    assert record["targeted_success"]["count"] == 3
    assert record["targeted_success"]["share"] == 3 / 8
    # Indices 2 to 4 reach the target, at distance (1 + index) / 4.
    assert record["found"] == 3
    assert record["distance"] == {
        "mean": 1.0,
        "median": 1.0,
        "lower_quartile": 0.875,
        "upper_quartile": 1.125,
        "mean_over_all": pytest.approx(0.3),
    }
    assert record["queries"] == 8 * 11
    arrays = EvaluationFolder(tmp_path / "o").examples()
    assert arrays["success"][0].tolist() == [False, False, True, True, True, *[False] * 5]
    assert arrays["misclassified"][0].tolist() == [True] * 7 + [False] * 3
    assert arrays["target"][0].tolist() == [-1, -1, *[1] * 8]
    assert arrays["distance"][0][:2].tolist() == [0.0, 0.0]
    assert arrays["clean_prediction"].tolist() == [1, 2, *[0] * 8]


def test_untargeted_records_have_no_targeted_success(tmp_path, kit):
    split = kit.split_of_logits([0, 0, 1], [0, 0, 0])
    attacks = [("u", kit.ScriptedAttack([1, 0, 0]))]
    (record,) = evaluate(kit.read_logits, split, attacks, output_dir=tmp_path / "o")["attacks"]
    assert record["targeted_success"] is None
    assert record["robust_accuracy"] == pytest.approx(1 / 3)


def test_nobody_misclassified_is_attacked_and_batches_are_full(tmp_path, kit):
    split = kit.split_of_logits([0, 1, 0, 1, 0, 0, 0, 2, 0], np.zeros(9))
    attack = kit.ScriptedAttack(np.zeros(9, int))
    evaluate(kit.read_logits, split, [("u", attack)], output_dir=tmp_path / "o", batch_size=4)
    assert attack.attacked == [0, 2, 4, 5, 6, 8]
    assert attack.batch_sizes == [4, 4]


def test_nothing_left_to_attack(tmp_path, kit):
    attack = kit.ScriptedAttack(np.zeros(2, int), targets=np.ones(2, int))
    results = evaluate(
        kit.read_logits, kit.split_of_logits([1, 2], [0, 0]), [("t", attack)], output_dir=tmp_path / "o"
    )
    (record,) = results["attacks"]
    assert attack.attacked == []
    assert (record["robust_accuracy"], record["distance"], record["targeted_success"]) == (0.0, None, None)


def test_worst_case_is_who_survives_everything(tmp_path, kit):
    split = kit.split_of_logits(np.zeros(8, int), np.zeros(8))
    attacks = [
        ("a", kit.ScriptedAttack([1, 1, 0, 0, 0, 0, 0, 0], epsilon=0.5)),
        ("b", kit.ScriptedAttack([0, 1, 2, 2, 0, 0, 0, 0], epsilon=0.5)),
        ("c", kit.ScriptedAttack([0, 0, 0, 0, 0, 0, 0, 1], epsilon=0.25)),
    ]
    worst = evaluate(kit.read_logits, split, attacks, output_dir=tmp_path / "o")["worst_case"]
    assert (worst["overall"]["robust"], worst["overall"]["strongest"]) == (3, "b")
    assert [(each["epsilon"], each["attacks"], each["robust"]) for each in worst["by_epsilon"]] == [
        (0.5, ["a", "b"], 4),
        (0.25, ["c"], 7),
    ]


def test_the_least_distance_without_a_radius_is_no_robust_accuracy(tmp_path, kit):
    split = kit.split_of_logits(np.zeros(8, int), np.zeros(8))
    nearest = kit.ScriptedAttack([1, 1, 1, 1, 1, 1, 1, 0], epsilon=None, radius="least")
    bounded = kit.ScriptedAttack([1, 1, 0, 0, 0, 0, 0, 0])
    both = [("nearest", nearest), ("bounded", bounded)]
    results = evaluate(kit.read_logits, split, both, output_dir=tmp_path / "both")
    assert results["worst_case"]["overall"]["attacks"] == ["bounded"]
    assert [each["epsilon"] for each in results["worst_case"]["by_epsilon"]] == [0.5]
    record = results["attacks"][0]
    assert (record["epsilon"], record["radius"], record["found"]) == (None, "least", 7)
    # Found at distances 1/4, 2/4, ..., 7/4; the last example counts as 0.
    assert record["distance"]["median"] == 1.0
    assert record["distance"]["mean"] == 1.0
    assert record["distance"]["mean_over_all"] == pytest.approx(7 / 8)
    results = evaluate(kit.read_logits, split, both[:1], output_dir=tmp_path / "one")
    assert results["worst_case"] == {"overall": None, "by_epsilon": []}


def test_padding_is_not_counted(tmp_path, linear, digits):
    split = digits.test.part(0, 10)
    (ten,), (twelve,) = (
        evaluate(
            linear,
            split,
            [("pgd", PGD(epsilon=0.1, num_steps=5))],
            output_dir=tmp_path / f"{batch_size}",
            batch_size=batch_size,
        )["attacks"]
        for batch_size in (10, 4)
    )
    assert ten["attacked"] == twelve["attacked"]
    assert ten["backward_passes"] == twelve["backward_passes"] > 0
    assert ten["queries"] == twelve["queries"]
    assert ten["forward_passes"] == twelve["forward_passes"] > ten["queries"]
