"""Small classifiers whose answers are known, and attacks that do what a test tells them."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mmc_tf.attacks import PGD, AttackResult
from mmc_tf.data import Split, load
from mmc_tf.models.heads import DenseLogits


def read_logits(images):
    """A model whose logits are written in the image: (N, 1, 1, L) -> (N, L)."""
    return images[:, 0, 0, :]


class ScriptedAttack:
    """Gives every example, by its index, the class that it is told, and counts whom it was given."""

    name, norm, iterate, adaptive, objective = "pgd", "linf", "any", True, None
    takes_objective, own_objective, differentiates = True, None, True

    def __init__(self, outcome, *, targets=None, distance=0.25, epsilon=0.5, radius="fixed"):
        self.outcome, self.distance = np.asarray(outcome), distance
        self.epsilon, self.radius = epsilon, radius
        self.targets = None if targets is None else np.asarray(targets)
        self.targeted = targets is not None
        self.attacked, self.batch_sizes = [], []

    def settings(self):
        return {"attack": self.name, "epsilon": self.epsilon, "num_steps": 10, "targeted": self.targeted}

    def details(self):
        return ()

    def reach(self):
        return float("inf")

    def choose_objective(self, head):
        return "ce"

    def check_model(self, model, batch):
        pass

    def __call__(self, model, images, labels, *, indices, seed, targets=None, active):
        self.attacked.extend(indices[active].tolist())
        self.batch_sizes.append(len(indices))
        prediction = self.outcome[indices]
        aims = None if self.targets is None else self.targets[indices]
        reached = prediction != labels if aims is None else prediction == aims
        return AttackResult(
            adversarial=images,
            success=reached,
            misclassified=prediction != labels,
            found=reached,
            distance=(self.distance * (1 + indices)).astype(np.float32),
            queries=np.full(len(indices), 11, np.int32),
            zero_gradient=np.zeros(len(indices), bool),
            prediction=prediction,
            clean_prediction=labels,
            targets=aims,
            forward_passes=12 * len(indices),
            backward_passes=11 * len(indices),
        )


def split_of_logits(predictions, labels, num_classes=3):
    """Images for `read_logits` that are classified as `predictions`."""
    images = np.eye(num_classes, dtype=np.float32)[np.asarray(predictions)][:, None, None, :] / 2
    return Split(images, np.asarray(labels, np.int32))


def ridge_classifier(images, labels, *, num_classes=10, ridge=1.0, gain=1.0):
    """A linear classifier fitted in closed form: W = (XᵀX + λI)⁻¹ Xᵀ (one-hot − 1/L), times `gain`."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    flat = np.hstack([flat, np.ones((len(flat), 1))])
    goal = np.eye(num_classes)[labels] - 1 / num_classes
    weights = gain * np.linalg.solve(flat.T @ flat + ridge * np.eye(flat.shape[1]), flat.T @ goal)
    inputs = keras.Input(images.shape[1:])
    head = DenseLogits(num_classes)
    model = keras.Model(inputs, head(keras.layers.Flatten()(inputs)))
    head.set_weights([weights[:-1], weights[-1]])
    return model


@pytest.fixture(scope="session")
def digits():
    return load("digits", test_size=120)


@pytest.fixture(scope="session")
def linear(digits):
    """A linear classifier of the digits, with a gain that lets cross-entropy climb."""
    return ridge_classifier(digits.train.as_float(), digits.train.labels, gain=5.0)


@keras.saving.register_keras_serializable("tests")
class RowByRow(DenseLogits):
    """Wz + b by sums over each row alone.

    In TensorFlow's CPU kernels, how a row of a matrix product is rounded depends on how many rows there are, and
    how exp and log are depends on whether a number is among the last few of its array.
    """

    def logits(self, features):
        return keras.ops.sum(features[:, :, None] * self.kernel, axis=1) + self.bias


@pytest.fixture(scope="session")
def rowwise(linear):
    """`linear`, with results that are the same to the bit in any batch."""
    inputs = keras.Input(linear.input_shape[1:])
    head = RowByRow(10)
    model = keras.Model(inputs, head(keras.layers.Flatten()(inputs)))
    head.set_weights(linear.get_weights())
    return model


@pytest.fixture(scope="session")
def kit():
    return SimpleNamespace(
        read_logits=read_logits,
        ScriptedAttack=ScriptedAttack,
        split_of_logits=split_of_logits,
        ridge_classifier=ridge_classifier,
        pgd=PGD(epsilon=0.1, num_steps=5),
    )
