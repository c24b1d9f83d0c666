"""Two logical devices reach the verdicts of one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.attacks import DDN, FGSM, PGD, AutoAttack, Source, Square, Transfer, Worst
from mmc_tf.classifier import Classifier
from mmc_tf.classifier.replicas import spread
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.store import EvaluationFolder
from mmc_tf.models.heads import DenseLogits

BALL = {"epsilon": 0.1}


@pytest.fixture(scope="module")
def twins(digits, kit, mirrored):
    """One network on one device, and the same one on two."""

    def make():
        return kit.ridge_classifier(digits.train.as_float(), digits.train.labels, gain=5.0)

    with mirrored.scope():
        two = make()
    return make(), two


def some_attacks(source):
    members = (FGSM(**BALL), PGD(**BALL, num_steps=5))
    return [
        ("targeted", PGD(epsilon=0.2, num_steps=5, targeted=True)),
        ("worst", Worst(**BALL, members=members)),
    ]


def other_attacks(source):
    return [
        ("nearest", DDN(epsilon=None, num_steps=10)),
        ("square", Square(**BALL, num_queries=20)),
        ("transfer", Transfer(**BALL, num_steps=3, source=Source("itself", source))),
    ]


@pytest.mark.parametrize(
    ("attacks_of", "batch_size"),
    [(some_attacks, 17), pytest.param(other_attacks, 32, marks=pytest.mark.slow)],
    ids=["some", "others"],
)
def test_two_devices_reach_the_verdicts_of_one(twins, mirrored, digits, tmp_path, attacks_of, batch_size):
    one, two = twins
    split = digits.test.part(0, 75)
    arguments = {"seed": 5, "batch_size": batch_size}
    expected = evaluate(one, split, attacks_of(one), output_dir=tmp_path / "one", **arguments)
    with mirrored.scope():
        results = evaluate(two, split, attacks_of(two), output_dir=tmp_path / "two", **arguments)
    alone, together = (EvaluationFolder(tmp_path / name).examples() for name in ("one", "two"))
    for name, values in alone.items():
        if name.endswith("distance"):  # other rows beside a row round it otherwise
            np.testing.assert_allclose(together[name], values, atol=1e-6)
        else:
            np.testing.assert_array_equal(together[name], values, err_msg=name)
    for record, other in zip(expected["attacks"], results["attacks"], strict=True):
        for key in ("robust", "found", "queries", "forward_passes", "backward_passes"):
            assert record[key] == other[key]
        assert record["found"] > 0
        assert record["robust"] < 75


@pytest.mark.slow
def test_autoattack_too(twins, mirrored, digits):
    one, two = twins
    attack = AutoAttack(epsilon=0.06, num_iterations=4, num_queries=30)
    images, labels = digits.test.as_float(), digits.test.labels
    expected = attack(one, images, labels, seed=3)
    with mirrored.scope():
        result = attack(two, images, labels, seed=3)
    np.testing.assert_array_equal(result.broken_by, expected.broken_by)
    np.testing.assert_array_equal(result.queries, expected.queries)


def test_each_device_does_its_half_with_its_own_copy_of_the_weights(twins, mirrored, digits):
    _, two = twins
    images = tf.constant(digits.test.as_float()[:8])
    with mirrored.scope():
        graph = Classifier.of(two).compiled("forward", lambda model, x: model(x), (images,))
    devices = {
        operation.device[-5:] for operation in graph.graph.get_operations() if "MatMul" in operation.type
    }
    assert devices == {"CPU:0", "CPU:1"}
    shapes = {
        tuple(operation.outputs[0].shape)
        for operation in graph.graph.get_operations()
        if operation.type == "MatMul"
    }
    assert shapes == {(None, 10)}
    kernels = two.layers[-1].kernel.value.values
    assert [kernel.device[-5:] for kernel in kernels] == ["CPU:0", "CPU:1"]


def test_a_batch_that_cannot_be_shared_is_one_replica_s(twins, mirrored, digits):
    one, two = twins
    images = digits.test.as_float()[:7]
    with mirrored.scope():
        logits = Classifier.of(two).logits(images)
    np.testing.assert_array_equal(logits, Classifier.of(one).logits(images))


def test_parts_come_back_in_order(mirrored):
    rows = tf.range(6)

    @tf.function(autograph=False)
    def whole(rows, factor):
        def count(rows, factor):
            assert rows.shape == (3,)
            return {"times": rows * factor}

        return spread(count, (rows, factor), strategy=mirrored)

    assert whole(rows, tf.constant(10))["times"].numpy().tolist() == [0, 10, 20, 30, 40, 50]


IMAGES = np.random.default_rng(0).uniform(size=(12, 8, 8, 1)).astype(np.float32)


def normalized_network():
    """A convolution and a batch norm with statistics of their own, which a copy folds into one."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    features = keras.layers.Conv2D(4, 3, use_bias=False)(inputs)
    norm = keras.layers.BatchNormalization()
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(norm(features)))
    head = DenseLogits(3)
    model = keras.Model(inputs, head(features))
    norm.moving_mean.assign([0.1, -0.1, 0.0, 0.2])
    norm.moving_variance.assign([0.5, 1.0, 2.0, 0.25])
    head.bias.assign(-keras.ops.mean(model(IMAGES), axis=0))
    return model


def test_folded_copies_attack_on_every_device(mirrored):
    one, attack = normalized_network(), PGD(epsilon=0.05, num_steps=5)
    labels = np.argmax(one(IMAGES), axis=1)
    expected = attack(Classifier.of(one).crafting(), IMAGES, labels)
    with mirrored.scope():
        two = Classifier.of(normalized_network()).crafting()
        result = attack(two, IMAGES, labels)
    assert two.copy_for(attack)[0] is not two.network
    np.testing.assert_array_equal(result.misclassified, expected.misclassified)
    np.testing.assert_allclose(result.adversarial, expected.adversarial, atol=1e-5)
    assert 0 < expected.misclassified.sum() < 12
