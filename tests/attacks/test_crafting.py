"""Attacks that craft on a copy: the classifier decides whom they attack, and when they are done."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import predictions, small_images, small_model

from mmc_tf.attacks import PGD, Attack, AutoAttack, make
from mmc_tf.attacks.arguments import check_call
from mmc_tf.attacks.crafting import rank_of
from mmc_tf.checks import UserError
from mmc_tf.classifier import Classifier
from mmc_tf.models import BackboneOptions, build_classifier

MODEL = small_model()
IMAGES = small_images()
LABELS = predictions(MODEL, IMAGES)
ATTACK = PGD(epsilon=0.05, num_steps=6, objective="margin")


def attack_with(copy, attack=ATTACK, labels=LABELS, targets=None):
    """Attacks the model with a copy that a test made; one so wrong does not pass the look before an attack."""
    plain = {"indices": None, "seed": 0, "active": None}
    batch = check_call(
        Classifier.of(MODEL), IMAGES, labels, targets=targets, targeted=attack.targeted, **plain
    )
    pair = Classifier.of(MODEL).crafting()
    pair._copies = {"float32": Classifier.of(copy)}
    return attack.attack(pair, batch)


@pytest.fixture
def second_passes(monkeypatch):
    """Which examples were attacked on the model itself, call by call."""
    seen, craft = [], Attack.craft

    def watched(self, model, batch):
        if model.network is MODEL:
            seen.append(np.flatnonzero(batch.active).tolist())
        return craft(self, model, batch)

    monkeypatch.setattr(Attack, "craft", watched)
    return seen


def biased(towards, by):
    """The model with a constant on the logit of one class."""
    offset = tf.one_hot(towards, 4, on_value=float(by))

    def copy(images):
        return MODEL(images, training=False) + offset

    return copy


def hasty(images):
    """Takes an image for misclassified once the lead of its class is below 0.5."""
    logits = MODEL(images, training=False)
    return logits - 0.5 * tf.one_hot(tf.argmax(logits, axis=1), 4)


def rolled(images):
    """Takes every image for one of the class after its own."""
    return tf.roll(MODEL(images, training=False), 1, axis=1)


def test_a_faithful_copy_changes_nothing(second_passes):
    expected = ATTACK(MODEL, IMAGES, LABELS)
    second_passes.clear()
    result = attack_with(biased(0, 0.0))
    np.testing.assert_array_equal(result.adversarial, expected.adversarial)
    np.testing.assert_array_equal(result.misclassified, expected.misclassified)
    assert 0 < result.misclassified.sum() < len(LABELS)
    assert second_passes == []
    np.testing.assert_array_equal(result.queries, expected.queries)
    assert result.forward_passes == expected.forward_passes + len(LABELS)


def test_what_the_copy_takes_for_misclassified_is_attacked(second_passes):
    expected = ATTACK(MODEL, IMAGES, LABELS)
    second_passes.clear()
    # On this copy every image is of class 0, so that it sees nothing left to do for the others.
    result = attack_with(biased(0, 1e3))
    assert second_passes == [np.flatnonzero(LABELS != 0).tolist()]
    others = LABELS != 0
    np.testing.assert_array_equal(result.adversarial[others], expected.adversarial[others])
    np.testing.assert_array_equal(result.misclassified[others], expected.misclassified[others])
    assert expected.misclassified[others].any()


def test_where_the_copy_stopped_too_soon_the_model_is_attacked(second_passes):
    expected = ATTACK(MODEL, IMAGES, LABELS)
    second_passes.clear()
    result = attack_with(hasty)
    (attacked,) = second_passes
    assert len(attacked) > 3
    np.testing.assert_array_equal(result.misclassified, predictions(MODEL, result.adversarial) != LABELS)
    # Nobody survives but who survives on the model, or was climbed on the copy to the end.
    np.testing.assert_array_equal(result.adversarial[attacked], expected.adversarial[attacked])
    others = np.setdiff1d(np.flatnonzero(~result.misclassified), attacked)
    assert (predictions(hasty, result.adversarial[others]) == LABELS[others]).all()
    assert result.misclassified.sum() >= expected.misclassified.sum()


def test_clean_mistakes_of_the_model_come_back_unchanged():
    labels = np.where(np.arange(len(LABELS)) % 3 == 0, (LABELS + 1) % 4, LABELS)
    # On this copy, they would be right.
    result = attack_with(rolled, labels=labels)
    wrong = labels != LABELS
    np.testing.assert_array_equal(result.adversarial[wrong], IMAGES[wrong])
    assert result.misclassified[wrong].all()
    np.testing.assert_array_equal(result.clean_prediction, LABELS)


def test_a_targeted_attack_is_repeated_where_the_target_was_missed(second_passes):
    attack = PGD(epsilon=0.3, num_steps=6, targeted=True, objective="margin")
    targets = (LABELS + 1) % 4
    expected = attack(MODEL, IMAGES, LABELS, targets=targets)
    second_passes.clear()
    result = attack_with(rolled, attack, targets=targets)
    # It takes every clean image for the class after its label, the target, and leaves it alone.
    assert second_passes == [list(range(len(LABELS)))]
    np.testing.assert_array_equal(result.success, expected.success)
    np.testing.assert_array_equal(result.misclassified, expected.misclassified)
    assert expected.success.any()


def test_ranks_with_slack():
    scores = tf.constant([[1.0, 0.95, 0.0], [1.0, 0.85, 0.0], [0.0, 1.0, 0.95]])
    labels = tf.zeros(3, tf.int32)
    assert rank_of(scores, labels, None, slack=0.1).numpy().tolist() == [2, 0, 2]
    assert rank_of(scores, labels, None, slack=0.0).numpy().tolist() == [0, 0, 2]
    targets = tf.constant([2, 1, 2])
    assert rank_of(scores, labels, targets, slack=0.1).numpy().tolist() == [1, 0, 2]
    assert rank_of(scores, labels, targets, slack=0.0).numpy().tolist() == [0, 0, 1]


def network(**settings):
    options = BackboneOptions(feature_dim=6, seed=3)
    model = build_classifier("resnet8", input_shape=(6, 6, 2), num_classes=4, options=options, **settings)
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.moving_mean.shape[0]
            layer.set_weights(
                [np.ones(size), *generator.normal(0, 0.3, (2, size)), generator.uniform(0.5, 2, size)]
            )
    return model


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_copies_of_a_network_give_the_verdicts_of_the_network(precision):
    model = network(head="mmc")
    labels = predictions(model, IMAGES)
    pair = Classifier.of(model).crafting(precision)
    copy, _ = pair.copy_for(ATTACK)
    assert copy is not pair
    expected, result = ATTACK(model, IMAGES, labels), ATTACK(pair, IMAGES, labels)
    fresh = predictions(model, result.adversarial)
    np.testing.assert_array_equal(result.prediction, fresh)
    np.testing.assert_array_equal(result.misclassified, fresh != labels)
    assert abs(int(expected.misclassified.sum()) - int(result.misclassified.sum())) <= 1
    if precision == "float32":
        np.testing.assert_array_equal(result.misclassified, expected.misclassified)


def test_least_distances_are_sought_in_float32():
    pair = Classifier.of(network()).crafting("bfloat16")
    precise, slack = pair.copy_for(make("ddn"))
    assert {layer.compute_dtype for layer in precise.network.layers} == {"float32"}
    assert precise is not pair
    rough, more = pair.copy_for(ATTACK)
    assert "bfloat16" in {layer.compute_dtype for layer in rough.network.layers}
    assert slack < more
    (fab,) = (stage for name, stage in AutoAttack(epsilon=0.1).stages(10) if name == "fab_t")
    assert pair.copy_for(fab)[0] is precise


class Noise(keras.layers.Layer):
    """Draws at random in every pass."""

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs))


def test_a_model_that_draws_at_random_is_attacked_itself():
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(Noise()(inputs)))
    model = keras.Model(inputs, keras.layers.Flatten()(x))
    for precision in ("float32", "bfloat16"):
        classifier = Classifier.of(model).crafting(precision)
        assert classifier.copy_for(ATTACK)[0] is classifier


def test_what_has_no_batch_norm_is_attacked_itself():
    classifier = Classifier.of(MODEL).crafting()
    assert classifier.copy_for(ATTACK)[0] is classifier
    np.testing.assert_array_equal(
        ATTACK(Classifier.of(MODEL).crafting(), IMAGES, LABELS).adversarial,
        ATTACK(MODEL, IMAGES, LABELS).adversarial,
    )


def test_a_copy_is_made_anew_when_the_weights_have_changed():
    model = network()
    pair = Classifier.of(model).crafting()
    ATTACK(pair, IMAGES, predictions(model, IMAGES))
    (*_, dense) = (layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    dense.kernel.assign(-dense.kernel)
    labels = predictions(model, IMAGES)
    result = ATTACK(pair, IMAGES, labels)
    np.testing.assert_array_equal(result.misclassified, ATTACK(model, IMAGES, labels).misclassified)
    copy, _ = pair.copy_for(ATTACK)
    np.testing.assert_allclose(copy.logits(IMAGES), model(IMAGES, training=False), atol=1e-4)


def test_bad_arguments():
    with pytest.raises(UserError, match=r"`precision`. Expected .*Received: precision=half"):
        Classifier.of(MODEL).crafting("half")
    with pytest.raises(UserError, match=r"images of shape \(N, 6, 6, 2\)"):
        ATTACK(Classifier.of(network()).crafting(), np.zeros((2, 5, 5, 2), np.float32), [0, 0])
