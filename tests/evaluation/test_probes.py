"""The probes of a diagnosis, on networks made to fail each of them."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks import BIM, PGD, Square, Transfer
from mmc_tf.attacks.transfer import Source
from mmc_tf.checks import UserError
from mmc_tf.data import Split
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.diagnostics import find_in_diagnosis, find_in_output
from mmc_tf.evaluation.probes import diagnose, probe_gradients, probe_output
from mmc_tf.evaluation.probes.output import kind_of
from mmc_tf.evaluation.probes.panel import curve_radii
from mmc_tf.evaluation.probes.surrogate import fit_surrogate
from mmc_tf.evaluation.progress import NoProgress

EPSILON = 0.1
ABOUT_OUTPUT = {"RANDOM_OUTPUT", "BATCH_DEPENDENT", "PROBABILITIES"}


def codes(findings):
    return {finding.code for finding in findings}


def output_codes(model, images):
    return codes(find_in_output(vars(probe_output(model, images))))


@pytest.fixture(scope="module")
def images(digits):
    return digits.test.as_float()[:40]


@pytest.mark.parametrize(
    ("change", "fires"),
    [
        (lambda logits: logits, set()),
        (lambda logits: 1e5 * logits - 1e5, set()),
        (lambda logits: logits + tf.random.normal(tf.shape(logits)), {"RANDOM_OUTPUT"}),
        (lambda logits: logits - tf.reduce_mean(logits, axis=0), {"BATCH_DEPENDENT"}),
        (lambda logits: tf.nn.log_softmax(logits), {"PROBABILITIES"}),
        (lambda logits: tf.sigmoid(logits), {"PROBABILITIES"}),
        (lambda logits: tf.nn.softmax(logits), {"PROBABILITIES"}),
    ],
    ids=["logits", "large", "noise", "batch mean", "log-softmax", "sigmoid", "softmax"],
)
def test_output(linear, images, change, fires):
    def model(images):
        return change(linear(images))

    assert output_codes(model, images) == fires


def test_a_batch_norm_in_training_mode_depends_on_the_batch(images):
    norm = keras.layers.BatchNormalization()
    dense = keras.layers.Dense(10)

    def network(training):
        def model(images):
            return dense(norm(tf.reshape(images, [-1, 64]), training=training))

        return model

    dense(norm(tf.zeros((1, 64))))
    assert output_codes(network(True), images) == {"BATCH_DEPENDENT"}
    assert output_codes(network(False), images) == set()


def test_what_probabilities_look_like():
    assert kind_of(np.array([[0.2, 0.8], [1.0, 0.0]])) == "shares"
    assert kind_of(np.array([[0.2, 0.8], [1.1, 0.0]])) == "logits"
    assert kind_of(np.log([[0.2, 0.8], [0.5, 0.5]])) == "log_probabilities"
    assert kind_of(np.log([[0.2, 0.8], [0.5, 0.6]])) == "logits"


def test_the_output_is_looked_at_in_every_evaluation(linear, digits, tmp_path):
    def model(images):
        return tf.nn.log_softmax(linear(images))

    attacks = [("pgd", PGD(epsilon=EPSILON, num_steps=2))]
    results = evaluate(model, digits.test.part(0, 20), attacks, output_dir=tmp_path / "o")
    assert results["diagnosis"]["output"]["kind"] == "log_probabilities"
    assert ABOUT_OUTPUT & {warning["code"] for warning in results["warnings"]} == {"PROBABILITIES"}


def test_gradients_at_the_image_and_beside_it():
    def hinge(images):
        """Flat below .5, and √ of what is above: no gradient at .3, an infinite one at .5."""
        value = tf.sqrt(tf.nn.relu(images[:, 0, 0, 0] - 0.5))
        return tf.stack([0 * value + 0.1, value], axis=1)

    images = np.float32([0.3, 0.9, 0.9, 0.9])[:, None, None, None]
    look = {"indices": np.arange(4), "norm": "linf", "epsilon": 0.01, "seed": 0}
    ce, margin = probe_gradients(hinge, images, np.zeros(4, np.int32), objectives=["ce", "margin"], **look)
    assert (ce.objective, margin.objective, margin.examples) == ("ce", "margin", 4)
    # √ at 0 has an infinite derivative, and relu's is 0 there: their product is not a number.
    assert (margin.zero_rate, margin.nonfinite_rate) == (0.0, 0.25)
    assert (ce.zero_rate, ce.nonfinite_rate) == (0.0, 0.25)


def test_a_surrogate_imitates_a_linear_network(linear, digits):
    images = digits.train.as_float()[:1000]
    predictions = np.argmax(linear(images), axis=1)
    source = fit_surrogate(images, predictions, num_classes=10)
    test = digits.test.as_float()
    agree = np.argmax(source.model(tf.constant(test)), axis=1) == np.argmax(linear(test), axis=1)
    assert agree.mean() > 0.9


def test_curve_radii_end_at_one():
    assert curve_radii(8 / 255) == pytest.approx([8 / 255 * 2**k for k in range(5)] + [1.0])
    assert curve_radii(1e-3)[-2:] == [pytest.approx(0.032), 1.0]
    assert curve_radii(1.5) == [1.0]


@pytest.fixture(scope="module")
def saturated(digits, kit):
    """`linear` with logits so large that cross-entropy is flat."""
    return kit.ridge_classifier(digits.train.as_float(), digits.train.labels, gain=1e5)


@pytest.fixture(scope="module")
def staircase(linear):
    """`linear` on pixels rounded to sixteenths, the digits' own: no objective has a gradient."""

    def model(images):
        return linear(tf.stop_gradient(tf.round(16 * images) / 16) + 0 * images)

    return model


NAIVE = PGD(epsilon=EPSILON, num_steps=10, objective="ce")


def test_a_saturated_network_is_found_out(saturated, digits):
    diagnosis = diagnose(saturated, digits.test, NAIVE)
    found = codes(diagnosis.findings)
    assert found == {"ZERO_GRADIENT", "CE_BLIND", "STRONGER_ATTACK", "RADIUS_ONE_SURVIVED"}
    broken = {probe["name"]: probe["broken"] for probe in diagnosis.figures["probes"]}
    assert broken["margin"] > 50 + broken["cross_entropy"]
    assert diagnosis.figures["answered"] == {}


def test_a_staircase_is_found_out_by_what_needs_no_gradient(staircase, digits):
    diagnosis = diagnose(staircase, digits.test, PGD(epsilon=EPSILON, num_steps=10, objective="margin"))
    assert codes(diagnosis.findings) >= {
        "ZERO_GRADIENT",
        "SQUARE_HELPS",
        "TRANSFER_STRONGER",
        "STRONGER_ATTACK",
    }
    assert "CE_BLIND" not in codes(diagnosis.findings)  # all objectives are


def test_a_network_that_cannot_be_differentiated_is_probed_without_gradients(linear, digits):
    def model(images):
        return linear(tf.round(16 * images) / 16)

    attack = Square(epsilon=EPSILON, num_queries=2)
    figures = diagnose(model, digits.test, attack, examples=30).figures
    assert {probe["name"] for probe in figures["probes"]} == {"surrogate"}
    assert (figures["answered"], figures["curve"], figures["gradients"]) == (
        {"square": "square", "noise": "square"},
        None,
        [],
    )


def hollow(images):
    """Class 1 beckons but stays .1 out of reach; classes 2 and 3 begin lower, and 2 is reached at .45."""
    first, second = images[:, 0, 0, 0], images[:, 0, 0, 1]
    flat = tf.zeros_like(first)
    return tf.stack([flat, tf.minimum(first - 0.4, -0.1), second - 0.45, flat - 9], axis=1)


def test_targets_are_tried_class_by_class():
    split = Split(np.full((10, 1, 1, 2), 0.3, np.float32), np.zeros(10, np.int32))
    diagnosis = diagnose(hollow, split, BIM(epsilon=0.2, num_steps=10, objective="margin"))
    broken = {probe["name"]: probe["broken"] for probe in diagnosis.figures["probes"]}
    assert (diagnosis.figures["headline"]["left"], broken["targets"]) == (10, 10)
    assert "STRONGER_ATTACK" in codes(diagnosis.findings)


def test_the_same_network_without_a_flaw_is_left_alone(linear, digits):
    # Nearer to the boundary than where cross-entropy falls behind on a linear network.
    for attack in (PGD(epsilon=0.02, num_steps=10), PGD(epsilon=0.1, norm="l2", num_steps=10)):
        assert diagnose(linear, digits.test, attack).findings == []


def ditch(images):
    """Class 1 above brightness .58; on the way up there is a hill at .5 that a short step does not leave."""
    brightness = tf.reduce_mean(images, axis=[1, 2, 3])
    hill = 0.02 - tf.abs(brightness - 0.5)
    return tf.stack([0 * brightness, tf.where(brightness < 0.54, hill - 0.05, brightness - 0.58)], axis=1)


def test_one_step_over_a_ditch(tmp_path):
    split = Split(np.full((10, 2, 2, 1), 0.48, np.float32), np.zeros(10, np.int32))
    many = BIM(epsilon=0.15, num_steps=20, step_size=0.01, objective="margin")
    found = diagnose(ditch, split, many).findings
    assert "ONE_STEP_BEATS_MANY" in codes(found)
    longer = BIM(epsilon=0.15, num_steps=20, step_size=0.15, objective="margin")
    assert "ONE_STEP_BEATS_MANY" not in codes(diagnose(ditch, split, longer).findings)


def warned(model, split, attacks, path, **more):
    results = evaluate(model, split, attacks, output_dir=path, batch_size=120, **more)
    return {warning["code"] for warning in results["warnings"]}


@pytest.mark.parametrize("flat", [True, False])
def test_transfer_beats_a_network_with_masked_gradients(linear, saturated, digits, tmp_path, flat):
    attacks = [("pgd", NAIVE), ("transfer", Transfer(epsilon=EPSILON, source=Source("linear", linear)))]
    found = warned(saturated if flat else linear, digits.test, attacks, tmp_path / "o")
    assert ("TRANSFER_STRONGER" in found) == flat


@pytest.mark.parametrize("flat", [True, False])
def test_radius_one(linear, saturated, digits, tmp_path, flat):
    attacks = [("pgd", PGD(epsilon=1.0, num_steps=10, objective="ce"))]
    found = warned(saturated if flat else linear, digits.test, attacks, tmp_path / "o")
    assert ("RADIUS_ONE_SURVIVED" in found) == flat


@pytest.mark.parametrize("rooted", [True, False])
def test_gradients_that_are_not_finite(linear, digits, tmp_path, rooted):
    def model(images):
        return linear(tf.sqrt(images) if rooted else images)

    found = warned(model, digits.test, [("pgd", NAIVE)], tmp_path / "o")
    assert ("NONFINITE_GRADIENT" in found) == rooted


@pytest.mark.parametrize("examples", [120, 20])
def test_few_examples(linear, digits, tmp_path, examples):
    attacks = [("weak", PGD(epsilon=EPSILON, num_steps=1, step_size=0.05)), ("strong", NAIVE)]
    results = evaluate(linear, digits.test.part(0, examples), attacks, output_dir=tmp_path / "o")
    apart = [each for each in results["warnings"] if "apart" in each["message"]]
    weak, strong = (record["interval"] for record in results["attacks"])
    assert len(apart) == (weak[0] <= strong[1])


class Interrupt(NoProgress):
    """Ends the program at the end of the last attack, before the diagnosis."""

    def start(self, label, total, done=0):
        self.label = label

    def finish(self):
        if self.label == "square":
            raise KeyboardInterrupt


def test_a_diagnosis_within_an_evaluation(saturated, digits, tmp_path):
    attacks = [("pgd", NAIVE), ("square", Square(epsilon=EPSILON, num_queries=20))]
    arguments = {"batch_size": 50, "seed": 3, "diagnose": True}
    whole = evaluate(saturated, digits.test, attacks, output_dir=tmp_path / "whole", **arguments)
    figures = whole["diagnosis"]
    assert figures["answered"] == {"square": "square", "noise": "square"}
    assert figures["headline"]["label"] == "pgd"
    assert whole["verdict"]["artefact"] is True
    # The same as without a folder, but for what the other attack answers.
    alone = diagnose(saturated, digits.test, NAIVE, seed=3, batch_size=120).figures
    for key in ("output", "examples", "epsilon", "curve", "gradients"):
        assert alone[key] == figures[key], key
    assert alone["headline"]["left"] == figures["headline"]["left"]
    with pytest.raises(KeyboardInterrupt):
        evaluate(
            saturated, digits.test, attacks, output_dir=tmp_path / "o", progress=Interrupt(), **arguments
        )
    resumed = evaluate(saturated, digits.test, attacks, output_dir=tmp_path / "o", resume=True, **arguments)
    for key in ("diagnosis", "warnings", "verdict"):
        assert json.dumps(resumed[key]) == json.dumps(whole[key])
    with pytest.raises(UserError, match="diagnose: True there, None here"):
        evaluate(saturated, digits.test, attacks, output_dir=tmp_path / "o", resume=True, seed=3)


def curve(*left):
    points = [{"epsilon": 0.1 * 2**number, "left": each} for number, each in enumerate(left)]
    return {
        "examples": 100,
        "headline": {"label": "h", "left": 50, "objective": "ce", "adaptive": True, "differentiates": True},
        "probes": [],
        "gradients": [],
        "curve": {"words": "PGD-10 on ce", "points": points},
    }


@pytest.mark.parametrize(
    ("left", "fires"),
    [
        ((50, 20, 1), set()),
        ((50, 51, 0), set()),
        ((50, 52, 0), {"LARGER_RADIUS_WEAKER"}),
        ((50, 20, 2), {"RADIUS_ONE_SURVIVED"}),
    ],
)
def test_the_curve(left, fires):
    assert codes(find_in_diagnosis(curve(*left))) == fires


def test_nothing_to_probe(kit):
    split = kit.split_of_logits([1, 2], [0, 0])
    assert diagnose(kit.read_logits, split).figures["examples"] == 0
    with pytest.raises(UserError, match="examples"):
        diagnose(kit.read_logits, split, examples=0)
