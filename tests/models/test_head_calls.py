"""The tag by which losses and attacks find the head behind logits."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from head_zoo import FEATURES, IMAGES, NAMES, make_head, make_model

from mmc_tf.models.heads import Head, head_call


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_head_behind_logits_is_found(name, training):
    model = make_model(name)
    expected = model.get_layer("features")(IMAGES)
    outer_inputs = keras.Input((5,))
    callers = {
        "model": model,
        "wrapper": lambda x, training: model(x, training=training),
        "nested": keras.Model(outer_inputs, model(keras.layers.Identity()(outer_inputs))),
        "sequential": keras.Sequential([keras.layers.Identity(), model]),
    }
    found = {}
    for caller, function in callers.items():
        call = head_call(function(IMAGES, training=training))
        assert (call.head, call.training) == (model.layers[-1], training), caller
        np.testing.assert_allclose(call.features, expected, rtol=1e-6)

        @tf.function
        def in_graph(images, function=function, caller=caller):
            logits = function(images, training=training)
            found[caller] = head_call(logits)
            return found[caller].features, found[caller].head.shifted_logits(found[caller].features)

        features, shifted = in_graph(IMAGES)
        np.testing.assert_allclose(features, expected, rtol=1e-6)
        np.testing.assert_allclose(shifted, model.layers[-1].shifted_logits(features), rtol=1e-5, atol=1e-6)
        assert (found[caller].head, found[caller].training) == (model.layers[-1], training)


def test_every_call_has_its_own_features():
    model = make_model("mmc")
    first, second = model(IMAGES), model(-IMAGES)
    assert not np.allclose(head_call(first).features, head_call(second).features)
    np.testing.assert_array_equal(model.layers[-1](head_call(first).features), first)


def test_other_logits_have_no_head():
    model = make_model("mmc")
    compiled = tf.function(lambda x: model(x))
    others = [
        np.zeros((2, 3), np.float32),
        tf.zeros((2, 3)),
        keras.layers.Dense(3)(IMAGES),
        2.0 * model(IMAGES),
        tf.identity(model(IMAGES)),
        keras.layers.Softmax()(model(IMAGES)),
        compiled(IMAGES),  # a result of another trace
        model.predict(IMAGES, verbose=0),
        make_head("mmc")(keras.Input((FEATURES,))),  # symbolic
    ]
    assert [head_call(other) for other in others] == [None] * len(others)


def test_a_head_of_ones_own_is_found_too():
    class Reversed(Head):
        def logits(self, features):
            return features[:, : self.num_classes][:, ::-1]

    logits = Reversed(2)(np.float32([[1, 2, 3]]))
    np.testing.assert_array_equal(logits, [[2, 1]])
    assert head_call(logits).head.adaptive_objective == "ce"
    with pytest.raises(NotImplementedError):
        Head(2)(np.float32([[1, 2, 3]]))
