"""Calling attacks: which iterate counts, restarts, counts of passes, use in training, and bad input."""

from __future__ import annotations

import dataclasses
import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import predictions, small_images, small_model

from mmc_tf import attacks
from mmc_tf.acceptance.linear import make_bed
from mmc_tf.checks import UserError
from mmc_tf.classifier.look import LOOKED_AT
from mmc_tf.classifier.notes import NetworkWarning

BED = make_bed(shape=(6, 6, 2), size=24, num_classes=4)


@dataclasses.dataclass
class Unhashable:
    """A model by its call; equality of fields takes its hash away."""

    def __call__(self, images):
        return BED(images)


def detour(x):
    """One pixel; on the way from x = .1 (class 0) towards class 2 lies a region of class 1, around x = .3."""
    pixel = tf.reshape(x, (-1, 1))
    return tf.concat([0 * pixel, 1 - 100 * (pixel - 0.3) ** 2, 50 * pixel - 100], axis=1)


def walk(iterate, **settings):
    attack = attacks.make(
        "bim", epsilon=0.4, step_size=0.05, num_steps=8, objective="ce", iterate=iterate, **settings
    )
    image, label = np.full((1, 1, 1, 1), 0.1, np.float32), np.array([0])
    return attack(detour, image, label, targets=np.array([2]) if settings.get("targeted") else None)


def test_a_targeted_attack_keeps_the_wrong_class_it_passed_through():
    any_iterate, last = walk("any", targeted=True), walk("last", targeted=True)
    assert any_iterate.adversarial.item() == pytest.approx(0.25, abs=1e-6)
    assert any_iterate.misclassified.item()
    assert not any_iterate.success.item()
    assert any_iterate.prediction.item() == 1
    assert last.adversarial.item() == pytest.approx(0.5, abs=1e-6)
    assert not last.misclassified.item()
    assert not last.success.item()
    # 8 steps from x_0 to x_7, and a look at x_8, which decides what to keep.
    assert any_iterate.queries.item() == 9
    assert (any_iterate.forward_passes, any_iterate.backward_passes) == (8 + 1 + 1, 8)
    assert (last.forward_passes, last.backward_passes) == (8 + 1, 8)


def test_an_untargeted_attack_stops_at_the_first_wrong_iterate():
    # Away from class 0 the path climbs the bump of class 1: wrong from x = .25 on, the fourth point seen.
    result = walk("any")
    assert result.adversarial.item() == pytest.approx(0.25, abs=1e-6)
    assert result.success.item()
    assert result.queries.item() == 4
    assert result.backward_passes == 4
    assert walk("last").queries.item() == 8


def test_a_hit_target_outranks_an_earlier_wrong_class():
    settings = {"epsilon": 0.9, "step_size": 0.05, "num_steps": 30, "objective": "ce", "targeted": True}

    def reachable(x):
        return detour(x) + tf.constant([[0.0, 0.0, 65.0]])

    result = attacks.make("bim", **settings)(
        reachable, np.full((1, 1, 1, 1), 0.1, np.float32), np.array([0]), targets=np.array([2])
    )
    assert result.success.item()
    # 50x - 35 > 0 first at x = .75.
    assert result.adversarial.item() == pytest.approx(0.75, abs=1e-6)


def test_any_iterate_is_never_weaker_than_the_last():
    model, images = small_model("dense"), small_images()
    labels = predictions(model, images)
    for targeted in (False, True):
        broken = {
            iterate: attacks.make("pgd", epsilon=0.08, targeted=targeted, iterate=iterate)(
                model, images, labels
            )
            for iterate in ("any", "last")
        }
        assert (broken["any"].misclassified >= broken["last"].misclassified).all()
        if targeted:
            assert (broken["any"].success >= broken["last"].success).all()


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("iterate", ["any", "last"])
def test_restarts_add_to_the_first_run(iterate, targeted):
    settings = {"epsilon": 0.12, "num_steps": 1, "step_size": 0.03, "targeted": targeted}
    model, images = small_model("mmc"), small_images(96)
    labels = predictions(model, images)
    one, two, nine = (
        attacks.make("pgd", num_restarts=n, iterate=iterate, **settings)(model, images, labels)
        for n in (1, 2, 9)
    )
    kept = one.success
    np.testing.assert_array_equal(nine.adversarial[kept], one.adversarial[kept])
    assert (nine.success >= two.success).all()
    assert (two.success >= one.success).all()
    assert (nine.misclassified >= one.misclassified).all()
    assert nine.misclassified.sum() > one.misclassified.sum()


def test_queries_end_with_success_and_passes_with_the_batch():
    attack = attacks.make("bim", epsilon=0.3, step_size=0.004, num_steps=200, objective="margin")
    result = attack(BED, BED.images, BED.labels)
    assert result.success.all()
    # Broken examples are sent no more; judging looks at each once.
    assert result.backward_passes == result.queries.sum()
    assert result.forward_passes == result.queries.sum() + 24
    assert result.queries.min() < result.queries.max() < 200


@pytest.mark.parametrize(
    ("name", "targeted"), [("fgsm", False), ("mim", False), ("pgd", False), ("pgd", True)]
)
def test_perturb_in_a_training_step_equals_the_call(name, targeted):
    model, images = small_model("mmc", scale=3.0), small_images()
    labels = predictions(model, images)
    indices = np.arange(24) + 100
    attack = attacks.make(name, epsilon=0.08, targeted=targeted, iterate="last")
    called = attack(model, images, labels, indices=indices, seed=7)

    def step(x, y, i):
        targets = attacks.random_targets(y, 4, indices=i, seed=7) if targeted else None
        return attack.perturb(model, x, y, targets, indices=i, seed=tf.constant(7))

    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    compiled = tf.function(lambda *batch: strategy.run(step, batch))
    batch = [tf.constant(value) for value in (images, labels, indices)]
    np.testing.assert_allclose(compiled(*batch), called.adversarial, atol=1e-6)


def test_perturb_takes_tensors_for_numbers():
    attack = attacks.make("bim", epsilon=0.1, iterate="last")

    @tf.function
    def perturb(epsilon):
        return attack.perturb(
            BED, BED.images, BED.labels, indices=np.arange(24), epsilon=epsilon, step_size=epsilon / 4
        )

    for epsilon in (0.05, 0.2):
        found = np.abs(perturb(tf.constant(epsilon)) - BED.images).max()
        assert found == pytest.approx(epsilon, rel=1e-4)
    assert perturb.experimental_get_tracing_count() == 1


def test_functions_do_not_outlive_their_model():
    model, images = small_model(), small_images()
    attacks.make("fgsm", epsilon=0.1)(model, images, predictions(model, images))
    reference = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert reference() is None


def test_training_a_model_further_needs_no_new_trace():
    model, images = small_model(), small_images()
    attack = attacks.make("fgsm", epsilon=0.1)
    before = attack(model, images, predictions(model, images))
    for weight in model.trainable_weights:
        weight.assign(-weight)
    after = attack(model, images, predictions(model, images))
    np.testing.assert_array_equal(after.clean_prediction, predictions(model, images))
    assert np.abs(before.adversarial - after.adversarial).max() > 0.01


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["pgd", "fab_t", "square"])
def test_an_answer_that_is_not_finite_breaks_the_image_attacked(name, value):
    def fragile(x):
        logits = BED(x)
        top = tf.math.top_k(logits, 2).values
        return tf.where(top[:, :1] - top[:, 1:] < band, value, logits)

    top = np.sort(BED(tf.constant(BED.images)), axis=1)
    band = float(np.median(top[:, -1] - top[:, -2])) / 2

    kept = np.isfinite(fragile(tf.constant(BED.images))).all(axis=1)
    settings = {"num_queries": 100} if name == "square" else {}
    result = attacks.make(name, epsilon=0.3, **settings)(fragile, BED.images[kept], BED.labels[kept])
    answers = np.isfinite(fragile(tf.constant(result.adversarial))).all(axis=1)
    assert not answers.all()
    assert result.misclassified[~answers].all()
    np.testing.assert_array_equal(result.nonfinite_output, ~answers)
    np.testing.assert_array_equal(result.prediction == -1, ~answers)
    assert np.isfinite(result.adversarial).all()


def call(attack=None, model=BED, images=BED.images, labels=BED.labels, **settings):
    return (attack or attacks.make("fgsm", epsilon=0.1))(model, images, labels, **settings)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: call(images=BED.images * 2), r"`images`.*\[0, 1\].*values from"),
        (lambda: call(images=BED.images[0]), r"`images`.*\(N, H, W, C\)"),
        (lambda: call(images=BED.images[:0], labels=BED.labels[:0]), r"`images`.*one image or more"),
        (lambda: call(images=(BED.images * 255).astype(np.uint8)), r"`images`.*dtype uint8"),
        (lambda: call(labels=BED.labels + 4), r"`labels`.*< 4"),
        (lambda: call(labels=BED.labels[:-1]), r"`labels`.*\(24,\)"),
        (lambda: call(labels=BED.labels.astype(float)), r"`labels`.*integer"),
        (lambda: call(seed=-1), r"`seed`.*>= 0"),
        (lambda: call(seed=1.5), r"`seed`.*integer"),
        (lambda: call(indices=np.arange(3)), r"`indices`.*\(24,\)"),
        (lambda: call(model=3), r"`model`.*callable"),
        (lambda: call(model=lambda x: x), r"`model`.*logits of shape \(N, L\).*for 4 images"),
        (lambda: call(seed=2**63), r"`seed`.*<= 9.22337e\+18"),
        (lambda: call(model=lambda x: BED(x) * float("nan")), r"`model`.*finite logits"),
        (lambda: call(model=lambda x: tf.stop_gradient(BED(x))), r"`model`.*differentiable"),
        (lambda: call(targets=BED.labels), r"`targets`.*untargeted"),
        (lambda: call(model=small_model()), None),
        (lambda: call(model=small_model(shape=(8, 8, 1))), r"`images`.*\(N, 8, 8, 1\).*6, 6, 2"),
        (lambda: call(attacks.make("fgsm", epsilon=0.1, objective="mmc")), r"`objective`.*centers"),
        (
            lambda: call(attacks.make("fgsm", epsilon=0.1, targeted=True), targets=BED.labels),
            r"equal to its label",
        ),
        (
            lambda: call(attacks.make("fgsm", epsilon=0.1, targeted=True), targets=BED.labels + 4),
            r"`targets`.*< 4",
        ),
        (
            lambda: call(attacks.make("fgsm", epsilon=0.1, targeted=True), model=lambda x: BED(x)[:, :1]),
            r"`targeted`.*two classes or more",
        ),
        (
            lambda: attacks.make("fgsm", epsilon=0.1).perturb(
                BED, BED.images, BED.labels, BED.labels, indices=[0]
            ),
            r"`targets`.*untargeted",
        ),
        (
            lambda: attacks.make("fgsm", epsilon=0.1, targeted=True).perturb(
                BED, BED.images, BED.labels, indices=[0]
            ),
            r"`targets`.*targeted attack",
        ),
        (
            lambda: attacks.make("fgsm", epsilon=0.1).perturb(
                BED, BED.images, BED.labels, indices=[0], eps=1.0
            ),
            r"`overrides`.*one of epsilon",
        ),
        (
            lambda: attacks.make("pgd", epsilon=0.1).perturb(
                BED, BED.images, BED.labels, indices=[0], num_restarts=5
            ),
            r"`num_restarts`.*pgd with one run.*5",
        ),
    ],
)
def test_bad_arguments(action, message):
    if message is None:
        action()  # the one that fits: the table's other rows fail for the reason they give
        return
    with pytest.raises(UserError, match=message):
        action()


def test_a_softmax_is_taken_off():
    def softmax(images):
        return tf.nn.softmax(BED(images))

    attack = attacks.make("square", epsilon=0.1, num_queries=50)
    with pytest.warns(NetworkWarning, match="PROBABILITIES: the softmax at the network's end is taken off"):
        result = attack(softmax, BED.images, BED.labels)
    np.testing.assert_array_equal(result.adversarial, attack(BED, BED.images, BED.labels).adversarial)


def test_a_model_that_cannot_be_hashed_is_attacked_like_any_other():
    attack = attacks.make("pgd", epsilon=0.1)
    expected = attack(BED, BED.images, BED.labels).adversarial
    np.testing.assert_array_equal(attack(Unhashable(), BED.images, BED.labels).adversarial, expected)


def test_every_image_sent_is_counted():
    sent = tf.Variable(0)

    def model(images):
        sent.assign_add(tf.shape(images)[0])
        return BED(images)

    attack = attacks.make("apgd_ce", epsilon=1e-5, num_steps=3, eot_iterations=20)
    attack(model, BED.images, BED.labels)  # also checks what the model returns, once
    sent.assign(0)
    result = attack(model, BED.images, BED.labels)
    assert result.forward_passes == len(BED.labels) * 20 * (1 + 4 + 1)
    assert sent.numpy() == result.forward_passes + 2 * LOOKED_AT  # one eager pass and one of the kept graph
