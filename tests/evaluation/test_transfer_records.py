"""Transfer in the runner: the diagonal, what both networks know, and which networks may be crafted on."""

import numpy as np
import pytest

from mmc_tf.attacks import MIM, PGD, Source, Transfer
from mmc_tf.checks import UserError
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.store import EvaluationFolder

BALL = {"epsilon": 0.1, "num_steps": 5}


@pytest.fixture(scope="module")
def other(digits, kit):
    """A worse network: it has seen a tenth of the images."""
    return kit.ridge_classifier(digits.train.as_float()[:150], digits.train.labels[:150], gain=5.0)


def test_the_diagonal_is_the_white_box_attack_at_its_last_iterate(linear, digits, tmp_path):
    source = Source("itself", linear)
    attacks = [
        ("pgd", PGD(**BALL, iterate="last")),
        ("pgd from itself", Transfer(**BALL, source=source)),
        ("mim", MIM(**BALL, iterate="last")),
        ("mim from itself", Transfer(**BALL, source=source, method="mim")),
    ]
    results = evaluate(linear, digits.test, attacks, output_dir=tmp_path / "o", seed=5, batch_size=50)
    records, verdicts = results["attacks"], EvaluationFolder(tmp_path / "o").examples()
    for white, black in ((0, 1), (2, 3)):
        np.testing.assert_array_equal(verdicts["misclassified"][white], verdicts["misclassified"][black])
        np.testing.assert_allclose(verdicts["distance"][white], verdicts["distance"][black], atol=1e-6)
        assert 0 < records[white]["robust"] == records[black]["robust"] < records[white]["attacked"]
        # Both are one network: it classifies correctly what it classifies correctly.
        both = records[black]["both_correct"]
        assert both["count"] == records[black]["robust"]
        assert both["share"] == pytest.approx(records[black]["robust"] / records[black]["attacked"])
    assert "both_correct" not in records[0]


def test_accuracy_on_what_both_classify_correctly(linear, other, digits, tmp_path):
    transfer = Transfer(**BALL, source=Source("other", other))
    results = evaluate(linear, digits.test, [("t", transfer)], output_dir=tmp_path / "o", batch_size=50)
    verdicts, labels = EvaluationFolder(tmp_path / "o").examples(), digits.test.labels
    known_to_other = np.argmax(other(digits.test.as_float()), axis=1) == labels
    both = known_to_other & (verdicts["clean_prediction"] == labels)
    survived = both & ~verdicts["misclassified"][0]
    (record,) = results["attacks"]
    assert record["both_correct"]["count"] == survived.sum()
    assert record["both_correct"]["share"] == pytest.approx(survived.sum() / both.sum())
    assert both.sum() < record["attacked"]  # or nothing here would be tested
    assert record["details"] == ["pgd", "from other"]
    assert record["parameters"]["source"] == "other"


def three_classes(images):
    return images[:, 0, :3, 0]


def test_sources_with_other_classes_are_refused_before_a_folder_is_made(linear, digits, tmp_path):
    transfer = Transfer(**BALL, source=Source("three", three_classes))
    with pytest.raises(
        UserError,
        match=r"`transfer_from`\. Expected a network with 10 classes\. Received: transfer_from=3 classes",
    ):
        evaluate(linear, digits.test, [("t", transfer)], output_dir=tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_a_source_of_other_weights_is_another_evaluation(linear, other, digits, tmp_path):
    def attack_from(model):
        return [("t", Transfer(**BALL, source=Source("same name", model)))]

    arguments = {"output_dir": tmp_path / "o", "batch_size": 50}
    evaluate(linear, digits.test, attack_from(other), **arguments)
    with pytest.raises(UserError, match=r"sources_sha256"):
        evaluate(linear, digits.test, attack_from(linear), resume=True, **arguments)
