"""All warnings are silent on a small network that was trained adversarially, attacked as one should."""

import honest
import pytest

from mmc_tf.attacks import APGDCE, APGDT, FGSM, PGD, Source, Square, Transfer, Worst
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.probes import diagnose

EPSILON = honest.EPSILON / 2
# What is said of the request, not of the network: 120 images are few, and PGD alone is little.
OF_THE_REQUEST = {"FEW_EXAMPLES", "PGD_ONLY"}


@pytest.fixture(scope="module")
def network(digits):
    return honest.train(digits.train)


def test_no_attack_of_the_catalogue_raises_a_warning(network, linear, digits, tmp_path):
    apgd = {"epsilon": EPSILON, "num_steps": 10}
    stages = (APGDCE(**apgd), APGDT(**apgd, num_targets=3), Square(epsilon=EPSILON, num_queries=50))
    attacks = [
        ("pgd", PGD(epsilon=EPSILON, num_steps=20)),
        ("fgsm", FGSM(epsilon=EPSILON)),
        ("transfer", Transfer(epsilon=EPSILON, source=Source("linear", linear))),
        ("worst", Worst(epsilon=EPSILON, members=stages)),
        ("everything", PGD(epsilon=1.0, num_steps=20)),
    ]
    results = evaluate(
        network, digits.test, attacks, output_dir=tmp_path / "o", batch_size=120, diagnose=True
    )
    assert {warning["code"] for warning in results["warnings"]} <= OF_THE_REQUEST
    left = {record["label"]: record["robust_accuracy"] for record in results["attacks"]}
    # Not silent for want of anything to see: it is attacked, and is robust to some degree.
    assert 0.6 < left["worst"] < results["clean_accuracy"] - 0.05
    assert left["everything"] == 0
    assert (results["verdict"]["headline"], results["verdict"]["artefact"]) == ("pgd", False)


def test_no_probe_raises_a_warning(network, digits, tmp_path):
    diagnosis = diagnose(network, digits.test, PGD(epsilon=EPSILON, num_steps=20))
    assert {probe["name"] for probe in diagnosis.figures["probes"]} == {
        "margin",
        "cross_entropy",
        "targets",
        "one_step",
        "square",
        "noise",
        "surrogate",
    }
    assert diagnosis.findings == []
    left = [point["left"] for point in diagnosis.figures["curve"]["points"]]
    assert left == sorted(left, reverse=True)
    assert (left[0] > 60, left[-1]) == (True, 0)
