"""The walk back from an output to the logits and the head behind it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.classifier.scores import read_scores
from mmc_tf.classifier.structure import logits_behind, origin_of
from mmc_tf.models.heads import MMCLogits

FEATURES = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
HEAD = MMCLogits(4, scale=3.0)
LOGITS = HEAD(FEATURES).numpy()


def traced(function, read, features=FEATURES):
    """What `read` says of `function`'s output within one trace."""
    graph = tf.function(lambda z: read(function(HEAD(z))), autograph=False)
    return graph.get_concrete_function(tf.TensorSpec([None, 3]))(tf.constant(features))


SEEN_THROUGH = {
    "identity": (lambda h: tf.identity(h), 1.0),
    "sum with zero": (lambda h: h + 0.0, 1.0),
    "sum with a number": (lambda h: 3.0 + h, 1.0),
    "difference": (lambda h: h - tf.constant([[2.0] * 4]), 1.0),
    "less its own maximum": (lambda h: h - tf.reduce_max(h, axis=1, keepdims=True), 1.0),
    "casts": (lambda h: tf.cast(tf.cast(h, tf.float64), tf.float32), 1.0),
    "reshape": (lambda h: tf.reshape(h, [-1, 4]), 1.0),
    "log_softmax": (tf.nn.log_softmax, 1.0),
    "log of softmax": (lambda h: tf.math.log(tf.nn.softmax(h)), 1.0),
    "temperature": (lambda h: h / 4.0, 0.25),
    "product": (lambda h: 2.0 * (h * 3.0), 6.0),
}
CHANGED = {
    "a bias a class": lambda h: h + tf.constant([0.0, 1.0, 0.0, 0.0]),
    "negated": lambda h: -1.0 * h,
    "from a number": lambda h: 3.0 - h,
    "a weight a class": lambda h: h * [1.0, 2.0, 1.0, 1.0],
    "a sum of two": lambda h: h + tf.reverse(h, axis=[1]),
    "clipped": lambda h: tf.clip_by_value(h, -5.0, 0.0),
    "other classes": lambda h: tf.roll(h, 1, axis=1),
    "part of the classes": lambda h: h[:, :3],
}


@pytest.mark.parametrize("name", SEEN_THROUGH)
def test_what_keeps_the_differences_is_seen_through(name):
    function, factor = SEEN_THROUGH[name]

    def read(output):
        scores = read_scores(output)
        assert scores.head is HEAD
        assert origin_of(output).factor == pytest.approx(factor)
        return scores.logits

    shifted = traced(function, read).numpy()
    differences = shifted - shifted[:, :1]
    np.testing.assert_allclose(differences, factor * (LOGITS - LOGITS[:, :1]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CHANGED)
def test_what_changes_the_classes_is_not(name):
    def read(output):
        assert read_scores(output).head is None
        return output

    traced(CHANGED[name], read)


def softmax_then(function):
    return lambda h: function(tf.nn.softmax(h))


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (softmax_then(lambda p: p), "softmax"),
        (softmax_then(lambda p: tf.cast(tf.cast(p, tf.float64), tf.float32)), "softmax"),
        (softmax_then(tf.math.log), "softmax"),
        (softmax_then(lambda p: 2.0 * p), "vote"),
        (softmax_then(lambda p: 0.5 * p + 0.5 * p), "vote"),
        (softmax_then(lambda p: tf.reduce_mean(tf.stack([p, p, p]), axis=0)), "vote"),
        (softmax_then(lambda p: tf.add_n([p, p]) / 2.0), "vote"),
        (lambda h: keras.layers.Average()([tf.nn.softmax(h), tf.nn.softmax(h)]), "vote"),
        (softmax_then(lambda p: p + 1e-7), "logits"),
        (tf.nn.sigmoid, "sigmoid"),
        (tf.tanh, "sigmoid"),
        (tf.nn.relu, "logits"),
    ],
)
def test_softmaxes_are_taken_off(function, kind):
    def read(output):
        logits, found = logits_behind(output)
        assert found == kind
        return logits if kind != "logits" else output

    result = traced(function, read).numpy()
    if kind != "logits":
        differences = result - result[:, :1]
        np.testing.assert_allclose(differences, LOGITS - LOGITS[:, :1], rtol=1e-4, atol=1e-4)


def test_a_vote_of_members_that_all_underflow_keeps_its_differences():
    """Exact: log of the mean of two softmaxes with leads of 1,000 and 900 is -899.3 for the other class."""
    members = [tf.constant([[0.0, -1000.0]]), tf.constant([[0.0, -900.0]])]

    @tf.function(autograph=False)
    def vote():
        logits, kind = logits_behind((tf.nn.softmax(members[0]) + tf.nn.softmax(members[1])) / 2.0)
        assert kind == "vote"
        return logits

    np.testing.assert_allclose(vote(), [[0.0, -900.0 - np.log(2)]], rtol=1e-12)
