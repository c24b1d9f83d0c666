"""The look at a network before an attack: kept graphs are its own, random ones are told, and errors are one line."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.checks import UserError
from mmc_tf.classifier import Classifier, look_at

IMAGES = np.random.default_rng(0).uniform(0, 1, (8, 4, 4, 1)).astype(np.float32)


def weights(seed, classes=5):
    return np.random.default_rng(seed).normal(size=(16, classes)).astype(np.float32)


def linear(kernel):
    return lambda images: tf.reshape(images, [-1, 16]) @ kernel


def network(seed=1, classes=5):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(classes)])


def looked_at(model):
    classifier = Classifier.of(model)
    return look_at(classifier, IMAGES), classifier


def test_a_function_over_a_global_is_attacked_as_it_is_now():
    holder = [weights(0)]
    model = lambda images: tf.reshape(images, [-1, 16]) @ holder[0]  # noqa: E731
    for seed in range(3):
        holder[0] = weights(seed)
        _, classifier = looked_at(model)
        np.testing.assert_allclose(classifier.logits(IMAGES), linear(holder[0])(IMAGES), rtol=1e-5)


def test_other_layers_and_other_numbers_of_classes_are_noticed():
    model = network()
    assert looked_at(model)[0] == 5
    model.pop()
    model.add(keras.layers.Dense(3))
    classes, classifier = looked_at(model)
    assert classes == 3
    np.testing.assert_allclose(classifier.logits(IMAGES), model(IMAGES), rtol=1e-5)


def test_a_function_traced_long_ago_is_attacked_as_it_was_traced():
    holder = [weights(0)]

    @tf.function(input_signature=[tf.TensorSpec([None, 4, 4, 1])])
    def network(images):
        return tf.reshape(images, [-1, 16]) @ holder[0]

    network(IMAGES)
    holder[0] = weights(1)
    _, classifier = looked_at(network)
    np.testing.assert_allclose(classifier.logits(IMAGES), network(IMAGES), rtol=1e-5)
    assert classifier.found.notes == {}


def test_new_weights_need_no_new_graph():
    model = network()
    _, classifier = looked_at(model)
    graph = classifier.compiled("forward", None, (tf.constant(IMAGES),))
    model.layers[-1].kernel.assign(weights(7))
    _, classifier = looked_at(model)
    assert classifier.compiled("forward", None, (tf.constant(IMAGES),)) is graph
    np.testing.assert_allclose(classifier.logits(IMAGES), model(IMAGES), rtol=1e-5)


def test_one_graph_serves_every_number_of_images():
    traces = []

    def model(images):
        traces.append(images.shape)
        return linear(weights(0))(images)

    _, classifier = looked_at(model)
    traces.clear()
    for size in range(1, 9):
        assert classifier.logits(IMAGES[:size]).shape == (size, 5)
    assert traces == []


def test_networks_that_draw_at_random_are_told_and_their_graphs_kept():
    generator, holder, traces = tf.random.Generator.from_seed(0), [weights(0)], []

    def model(images):
        traces.append(1)
        noise = generator.normal([tf.shape(images)[0], 5])
        return tf.reshape(images, [-1, 16]) @ holder[0] + noise

    _, classifier = looked_at(model)
    assert classifier.found.is_random
    assert "eot_iterations" in classifier.found.notes["RANDOM_OUTPUT"]
    graph = classifier.compiled("forward", None, (tf.constant(IMAGES),))
    looked_at(model)
    assert classifier.compiled("forward", None, (tf.constant(IMAGES),)) is graph
    holder[0] = weights(3)
    looked_at(model)
    mean = np.mean([classifier.logits(IMAGES) for _ in range(400)], axis=0)
    np.testing.assert_allclose(mean, linear(holder[0])(IMAGES), atol=0.3)


def test_what_was_compiled_goes_with_the_network():
    model = network()
    _, classifier = looked_at(model)
    gone = weakref.ref(model)
    del model, classifier
    gc.collect()
    assert gone() is None


def test_probabilities_without_a_softmax_in_sight_are_read_by_their_logarithm():
    logits = linear(20 * weights(0))

    @tf.function
    def hidden(images):
        return tf.nn.softmax(logits(images))

    loaded = hidden.get_concrete_function(tf.TensorSpec([None, 4, 4, 1]))
    _, classifier = looked_at(lambda images: loaded(images))
    assert classifier.found.output == "probabilities"
    found, right = classifier.logits(IMAGES).numpy(), logits(IMAGES).numpy()
    leads = np.abs(right - right.max(axis=1, keepdims=True)) < 80
    difference = (found - found.max(axis=1, keepdims=True)) - (right - right.max(axis=1, keepdims=True))
    np.testing.assert_allclose(difference[leads], 0, atol=1e-3)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_probabilities_in_half_precision_are_recognised_whatever_they_are_cast_to(dtype):
    @tf.function
    def hidden(images):
        return tf.cast(tf.nn.softmax(tf.cast(linear(weights(0))(images), dtype)), tf.float32)

    loaded = hidden.get_concrete_function(tf.TensorSpec([None, 4, 4, 1]))
    _, classifier = looked_at(lambda images: loaded(images))
    assert classifier.found.output == "probabilities"


def of_two_inputs():
    first = keras.Input((4, 4, 1))
    return keras.Model([first, keras.Input((3,))], keras.layers.Dense(4)(keras.layers.Flatten()(first)))


def of_two_outputs():
    first = keras.Input((4, 4, 1))
    hidden = keras.layers.Flatten()(first)
    return keras.Model(first, [keras.layers.Dense(4)(hidden), keras.layers.Dense(2)(hidden)])


def raising(images):
    raise KeyError("no such thing")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda x: np.asarray(x).reshape(-1, 16) @ weights(0), r"tf\.numpy_function.*an array of NumPy"),
        (lambda x: x.numpy().reshape(-1, 16) @ weights(0), r"tf\.numpy_function.*an array of NumPy"),
        (lambda x: tf.constant(x.numpy().reshape(-1, 16) @ weights(0)), r"tf\.numpy_function.*raised"),
        (lambda x: (linear(weights(0))(x), x), r"one tensor.*model\(x\)\[0\].*a tuple of 2"),
        (lambda x: {"a": linear(weights(0))(x)}, r"one tensor.*model\(x\)\[key\].*the keys a"),
        (lambda x: None, r"one tensor.*NoneType"),
        (of_two_inputs(), r"one input.*2 inputs"),
        (of_two_outputs(), r"one tensor.*a list of 2"),
        (raising, r"raised KeyError: 'no such thing'"),
        (lambda x: tf.reshape(x, [-1, 16]) @ weights(0)[:, :1], r"L >= 2.*\(4, 1\) for 4 images"),
        (lambda x: tf.reduce_mean(x), r"shape \(N, L\).*\(\)"),
        ("a string", r"a callable.*str"),
    ],
)
def test_one_line_for_whatever_is_no_classifier(model, message):
    with pytest.raises(UserError, match=message) as error:
        looked_at(model)
    assert "\n" not in str(error.value)


def test_numpy_functions_wrapped_as_the_recipe_says_are_asked():
    function = lambda x: x.reshape(-1, 16) @ weights(0)  # noqa: E731
    classes, classifier = looked_at(lambda x: tf.numpy_function(function, [x], tf.float32))
    assert classes == 5
    np.testing.assert_allclose(classifier.logits(IMAGES), function(IMAGES), rtol=1e-5)


def test_draws_outside_of_tensorflow_are_frozen_in_the_graph_and_said():
    rng = np.random.default_rng(0)
    _, classifier = looked_at(lambda x: linear(weights(0))(x) + rng.normal(size=(1, 5)).astype(np.float32))
    assert "holds one draw" in classifier.found.notes["GRAPH_DIFFERS"]


def test_a_sigmoid_is_taken_off_and_shares_of_unknown_origin_are_said():
    _, seen = looked_at(lambda x: tf.nn.sigmoid(40 * linear(weights(0))(x)))
    np.testing.assert_allclose(seen.logits(IMAGES), 40 * linear(weights(0))(IMAGES), rtol=1e-5)
    assert "sigmoid at the network's end" in seen.found.notes["PROBABILITIES"]
    _, unseen = looked_at(lambda x: 1.0 / (1.0 + tf.exp(-linear(weights(0))(x))))
    assert "between 0 and 1" in unseen.found.notes["PROBABILITIES"]


def test_draws_that_the_first_images_do_not_show_are_found_in_the_graph():
    generator = tf.random.Generator.from_seed(0)

    def model(x):
        noise = (
            generator.normal([tf.shape(x)[0], 5]) * tf.nn.relu(tf.reduce_mean(x, [1, 2, 3]) - 0.99)[:, None]
        )
        return linear(weights(0))(x) + noise

    _, classifier = looked_at(model)
    assert classifier.found.is_random
