"""One contract for every registered loss, in models of the user's own and under Keras' own `fit`."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import huber

from mmc_tf.checks import UserError
from mmc_tf.losses import EMC, HMMC, LGM, LOSSES, MMC, MMLDA, SCE, CenterLoss, functions
from mmc_tf.models.heads import HEADS, head_call

# Keras' own conversion of variables, on the way to the file.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CLASSES, FEATURES = 3, 4
SETTINGS = {
    "Center": {"weight": 0.01, "alpha": 0.25},
    "LGM": {"margin": 0.7, "weight": 0.2},
    "EMC": {"alpha": 0.3},
    "MMC": {"form": "squared", "delta": 0.5},
    "HMMC": {"form": "huber", "delta": 1.5},
}
IMAGES = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
LABELS = IMAGES[:, :CLASSES].argmax(axis=1).astype(np.int32)


def make_model(head, **settings):
    inputs = keras.Input((5,))
    features = keras.layers.Dense(FEATURES, kernel_initializer=keras.initializers.HeNormal(seed=1))(inputs)
    if HEADS.get(head).has_centers:
        settings.setdefault("scale", 2.0)
    return keras.Model(inputs, HEADS.get(head)(CLASSES, **settings)(features))


def compiled(name, **options):
    loss = LOSSES.get(name)(**SETTINGS.get(name, {}))
    model = make_model(loss.head)
    model.compile(keras.optimizers.SGD(0.02), loss=loss, metrics=["sparse_categorical_accuracy"], **options)
    return model


def closed_form(name, model, *, training):
    """The loss (N,) by the functions, from the head's weights."""
    loss, logits = model.loss, model(IMAGES, training=training)
    head, features = model.layers[-1], head_call(logits).features
    if name in ("MMC", "HMMC"):
        distance = np.linalg.norm(features - head.centers.numpy()[LABELS], axis=1)
        return distance**2 if loss.form == "squared" else 2 * huber(loss.delta, distance)
    if name == "MMLDA":
        return functions.softmax_cross_entropy(LABELS, logits)
    if name == "EMC":
        return 2 * functions.emc_loss(LABELS, features, head.centers, head.prior_centers, alpha=loss.alpha)
    if name == "LGM":
        margin = loss.margin if training else 0.0
        half = head.half_log_determinants()
        return functions.lgm_loss(LABELS, logits, half, margin=margin, weight=loss.weight)
    cross_entropy = functions.softmax_cross_entropy(LABELS, logits)
    if name == "Center":
        return cross_entropy + loss.weight * functions.center_loss(LABELS, features, head.class_centers)
    return cross_entropy


@pytest.mark.parametrize("name", LOSSES.names())
def test_fit_learns_and_the_model_comes_back_from_its_file(name, tmp_path):
    model = compiled(name)
    history = model.fit(IMAGES, LABELS[:, None], batch_size=10, epochs=12, verbose=0, shuffle=False).history
    assert np.mean(history["loss"][-3:]) < 0.9 * history["loss"][0]
    assert history["sparse_categorical_accuracy"][-1] > 0.5

    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(restored(IMAGES), model(IMAGES))
    assert type(restored.loss) is type(model.loss)
    assert restored.loss.get_config() == model.loss.get_config()
    # Compiled as it was: evaluation goes on with the same loss.
    np.testing.assert_allclose(
        restored.evaluate(IMAGES, LABELS, verbose=0), model.evaluate(IMAGES, LABELS, verbose=0), rtol=1e-6
    )


@pytest.mark.parametrize("name", LOSSES.names())
def test_config_holds_every_argument(name):
    settings = {**SETTINGS.get(name, {}), "name": "mine", "reduction": "sum", "dtype": "float32"}
    loss = LOSSES.get(name)(**settings)
    assert loss.get_config() == settings
    assert LOSSES.get(name).from_config(loss.get_config()).get_config() == settings
    assert (
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss)).get_config()
        == settings
    )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", LOSSES.names())
def test_every_example_gets_the_closed_form_and_keras_reduces_it(name, training):
    model = compiled(name)
    if name == "EMC":
        model.layers[-1].centers.assign_add(np.full((CLASSES, FEATURES), 0.1))
    expected = np.asarray(closed_form(name, model, training=training))
    config = model.loss.get_config()

    def loss(reduction, labels):
        if name == "Center":  # the loss itself moves them
            model.layers[-1].class_centers.assign(np.zeros((CLASSES, FEATURES)))
        logits = model(IMAGES, training=training)
        return LOSSES.get(name).from_config({**config, "reduction": reduction})(labels, logits)

    np.testing.assert_allclose(loss(None, LABELS), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(loss("sum_over_batch_size", LABELS[:, None]), expected.mean(), rtol=1e-5)
    np.testing.assert_allclose(loss("sum", LABELS.astype(np.int64)), expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(loss("sum", LABELS.tolist()), expected.sum(), rtol=1e-5)


WRONG_HEADS = [
    (MMC, "dense", "DenseLogits", "MMCLogits"),
    (HMMC, "lgm", "LGMLogits", "MMCLogits"),
    (MMLDA, "dense", "DenseLogits", "MMCLogits"),
    (CenterLoss, "dense", "DenseLogits", "CenterLossLogits"),
    (LGM, "mmc", "MMCLogits", "LGMLogits"),
    (EMC, "mmc", "MMCLogits", "EMCLogits"),
]


@pytest.mark.parametrize(("loss", "head", "received", "expected"), WRONG_HEADS)
def test_a_head_that_does_not_fit_is_named(loss, head, received, expected):
    message = rf"loss {loss.__name__} .*Expected .*mmc_tf\.layers\.{expected}\. Received: "
    with pytest.raises(UserError, match=message + received):
        loss()(LABELS, make_model(head)(IMAGES))
    with pytest.raises(UserError, match=message + "another layer"):
        loss()(LABELS, keras.layers.Dense(CLASSES)(IMAGES))


def test_fit_says_that_a_head_does_not_fit():
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(CLASSES)])
    model.compile("sgd", loss=MMC())
    with pytest.raises(UserError, match=r"Expected .*MMCLogits. Received: another layer"):
        model.fit(IMAGES, LABELS, verbose=0)


def test_only_softmax_cross_entropy_takes_any_logits():
    logits = np.random.default_rng(1).normal(size=(30, 3)).astype(np.float32)
    expected = np.mean(functions.softmax_cross_entropy(LABELS, logits))
    np.testing.assert_allclose(SCE()(LABELS, logits), expected, rtol=1e-6)
    assert {loss for loss, *_ in WRONG_HEADS} | {SCE} == {LOSSES.get(name) for name in LOSSES}


@pytest.mark.parametrize("name", LOSSES.names())
def test_one_hot_labels_are_the_classes_they_name(name):
    model = compiled(name)
    expected = model.loss.call(LABELS, model(IMAGES))
    for dtype in (np.float32, np.int32, bool):
        one_hot = np.eye(CLASSES)[LABELS].astype(dtype)
        np.testing.assert_array_equal(model.loss.call(one_hot, model(IMAGES)), expected)
    several = np.eye(CLASSES, dtype=np.float32)[LABELS]
    several[3] = [0.5, 0.5, 0.0]
    several[5] = [1.0, 1.0, 0.0]
    found = np.isnan(model.loss.call(several, model(IMAGES)))
    assert np.flatnonzero(found).tolist() == [3, 5]
    with pytest.raises(UserError, match=r"`y_true`.*\(N,\) or \(N, 1\).*one-hot \(N, 3\).*\(30, 4\)"):
        model.loss(np.eye(4)[LABELS], model(IMAGES))


@pytest.mark.parametrize("name", LOSSES.names())
def test_fit_on_two_replicas_takes_the_step_of_one(name, mirrored):
    alone = compiled(name)
    start = alone.get_weights()
    with mirrored.scope():
        model = compiled(name)
    model.set_weights(start)
    for each in (alone, model):
        each.fit(IMAGES, LABELS, batch_size=30, epochs=1, shuffle=False, verbose=0)
    moved = [
        not np.array_equal(before, after) for before, after in zip(start, alone.get_weights(), strict=True)
    ]
    assert any(moved)
    if name != "Center":  # each replica's part moves the centers, then they are averaged
        for ours, theirs in zip(model.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("loss", "settings", "message"),
    [
        (CenterLoss, {"weight": -1}, "`weight`.*>= 0.*-1"),
        (CenterLoss, {"alpha": 1.5}, "`alpha`.*<= 1.*1.5"),
        (LGM, {"margin": -0.1}, "`margin`.*>= 0"),
        (LGM, {"weight": "much"}, "`weight`.*much"),
        (EMC, {"alpha": 0}, "`alpha`.*> 0.*0"),
        (MMC, {"form": "cubic"}, "`form`.*absolute, huber, squared.*cubic"),
        (MMC, {"form": "huber", "delta": 0}, "`delta`.*> 0.*0"),
    ],
)
def test_settings_out_of_range_are_refused(loss, settings, message):
    with pytest.raises(UserError, match=message):
        loss(**settings)


def test_each_form_of_mmc_is_its_closed_form():
    model = make_model("mmc")
    logits = model(IMAGES)
    distance = np.sqrt(-logits.numpy()[np.arange(30), LABELS])
    for form, expected in (
        ("squared", distance**2),
        ("absolute", distance),
        ("huber", 2 * huber(1.0, distance)),
    ):
        np.testing.assert_allclose(MMC(form=form, reduction=None)(LABELS, logits), expected, rtol=1e-5)


def test_class_centers_move_once_per_training_batch_and_never_in_evaluation():
    model = compiled("Center")
    head = model.layers[-1]
    model.optimizer.learning_rate = 0.0  # the features of every batch stay what they are
    model.evaluate(IMAGES, LABELS, verbose=0)
    model.loss(LABELS, model(IMAGES, training=False))
    np.testing.assert_array_equal(head.class_centers, np.zeros((CLASSES, FEATURES)))

    features = head_call(model(IMAGES)).features
    expected = tf.zeros((CLASSES, FEATURES))
    for start in (0, 10, 20):
        expected = functions.updated_class_centers(
            LABELS[start : start + 10], features[start : start + 10], expected, alpha=0.25
        )
    model.fit(IMAGES, LABELS, batch_size=10, shuffle=False, verbose=0, validation_data=(IMAGES, LABELS))
    np.testing.assert_allclose(head.class_centers, expected, atol=1e-6)
    assert head.class_centers.path not in [weight.path for weight in model.trainable_weights]


def test_the_margin_of_lgm_counts_in_training_only():
    losses = {}
    for margin in (0.0, 0.7):
        model = make_model("lgm")
        model.compile(keras.optimizers.SGD(0.0), loss=LGM(margin=margin, weight=0.0))
        history = model.fit(
            IMAGES, LABELS, batch_size=30, verbose=0, validation_data=(IMAGES, LABELS), shuffle=False
        ).history
        losses[margin] = history["loss"][0], history["val_loss"][0]
    assert losses[0.0][0] == pytest.approx(losses[0.0][1], rel=1e-6)
    assert losses[0.7][1] == pytest.approx(losses[0.0][1], rel=1e-6)
    assert losses[0.7][0] > losses[0.0][0] + 0.1


@pytest.mark.parametrize("training", [False, True])
def test_emc_at_its_prior_is_mmc_for_every_alpha(training):
    elastic, fixed = make_model("emc"), make_model("mmc")
    expected = MMC(reduction=None)(LABELS, fixed(IMAGES, training=training))
    for alpha in (1e-6, 1.0, 1e6):
        loss = EMC(alpha=alpha, reduction=None)(LABELS, elastic(IMAGES, training=training))
        np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_emc_with_a_hard_prior_keeps_the_best_centers_at_the_prior():
    """Gradient steps on the centers alone end at (α z̄ + μ*)/(1 + α), the mean of 22.1 over the class."""
    model = make_model("emc")
    head = model.layers[-1]
    features = head_call(model(IMAGES)).features.numpy()
    means = np.stack([features[j == LABELS].mean(axis=0) for j in range(CLASSES)])
    for alpha in (1.0, 1e-3):
        head.centers.assign(head.prior_centers)
        loss = EMC(alpha=alpha, reduction=None)
        for _ in range(60):
            with tf.GradientTape() as tape:
                values = loss(LABELS, model(IMAGES))
                # The mean over each class, whose curvature is 2 + 2/α whatever the class's size.
                total = tf.reduce_sum(values / np.bincount(LABELS)[LABELS].astype(np.float32))
            step = tape.gradient(total, head.centers.value) * 0.8 / (2 + 2 / alpha)
            head.centers.assign_sub(step)
        np.testing.assert_allclose(
            head.centers, (alpha * means + head.prior_centers) / (1 + alpha), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", LOSSES.names())
def test_mixed_precision_leaves_head_and_loss_in_float32(name, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = compiled(name)
        logits = model(IMAGES)
        assert head_call(logits).features.dtype == logits.dtype == tf.float32
        assert model.layers[-2].compute_dtype == policy.removeprefix("mixed_")
        assert {weight.dtype for weight in model.weights} == {"float32"}
        loss = model.loss(LABELS, model(IMAGES))
        assert loss.dtype == tf.float32
        # Exactly the closed form on what the half-precision layers made: nothing of the loss is rounded again.
        np.testing.assert_allclose(loss, np.mean(closed_form(name, model, training=False)), rtol=1e-5)
    finally:
        keras.config.set_dtype_policy("float32")
