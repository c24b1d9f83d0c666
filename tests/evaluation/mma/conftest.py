"""Linear classifiers of digits, one of them masked, their vote, and a protocol small enough for tests."""

import keras
import pytest

from mmc_tf.evaluation.mma.networks import Subject
from mmc_tf.evaluation.mma.settings import make_protocol
from mmc_tf.models.heads import DenseLogits
from mmc_tf.models.voting import build_ensemble


@keras.saving.register_keras_serializable("tests")
class SummedByRow(DenseLogits):
    """Wz + b by sums over each row alone: the same to the bit in any batch, which a matrix product is not."""

    def logits(self, features):
        return keras.ops.sum(features[:, :, None] * self.kernel, axis=1) + self.bias


@keras.saving.register_keras_serializable("tests")
class Masked(SummedByRow):
    """The same logits with reversed gradients: attacks on it lead away from where it is wrong."""

    def logits(self, features):
        logits = super().logits(features)
        return 2 * keras.ops.stop_gradient(logits) - logits


def rowwise_classifier(source, kind):
    inputs = keras.Input(source.input_shape[1:])
    head = kind(10)
    model = keras.Model(inputs, head(keras.layers.Flatten()(inputs)))
    head.set_weights(source.get_weights())
    return model


@pytest.fixture(scope="session")
def linear_models(digits, kit):
    """Fitted to different images. The last one withstands its own attacks and not those on the others."""
    images, labels = digits.train.as_float(), digits.train.labels
    return [
        rowwise_classifier(kit.ridge_classifier(images[part], labels[part], gain=5.0), kind)
        for part, kind in (
            (slice(0, 200), SummedByRow),
            (slice(200, 400), SummedByRow),
            (slice(400, 1000), Masked),
        )
    ]


@pytest.fixture(scope="session")
def subjects(linear_models):
    names = ("a", "b", "masked")
    named = [Subject(name, model, {"name": name}) for name, model in zip(names, linear_models, strict=True)]
    vote = build_ensemble(linear_models[:2])
    return [*named, Subject("vote", vote, {"name": "vote", "members": ["a", "b"]})]


@pytest.fixture(scope="session")
def protocol():
    return make_protocol("digits", epsilons=(0.03, 0.08), runs_per_model=2, num_steps=5)
