"""A look at a network before it is attacked: can it be, and are the kept graphs still its own."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
import tensorflow as tf

from mmc_tf.checks import UserError, argument_error
from mmc_tf.classifier.classifier import Classifier
from mmc_tf.classifier.copies import differ
from mmc_tf.classifier.outputs import are_probabilities, check_shape

LOOKED_AT = 4  # images of the eager pass at every attack
# Operations whose answer changes from pass to pass.
_DRAW = re.compile(
    r"Random(Uniform|UniformInt|StandardNormal|Gamma|Poisson|Shuffle)|TruncatedNormal|Multinomial|Rng"
)
BATCH = 1e-2  # how far an image's logits may change with the images around it, in units of their spread
_DIFFERENCES = {
    "RANDOM_OUTPUT": "the network draws at random, and two passes over the same images may differ. Gradients are means "
    "of ten passes, and most of ten decide what is broken; eot_iterations takes more (autoattack with version=rand)",
    "GRAPH_DIFFERS": "TensorFlow's compiled graph of the network gives other logits than the network called directly; "
    "verdicts are those of the graph",
    "BATCH_DEPENDENT": "an image gets other logits among other images, as by a batch norm in training mode: verdicts "
    "are about the batch, and attacks, which leave out what is broken, see other batches than they are judged on",
    "frozen": "the network draws at random outside of TensorFlow, so that its compiled graph holds one draw for ever; "
    "verdicts are those of that draw",
}
_OUTPUTS = {
    "softmax": "the softmax at the network's end is taken off: attacks and verdicts use its logits",
    "sigmoid": "the sigmoid at the network's end is taken off: attacks and verdicts use what it was taken of",
    "vote": "the logarithm of the network's mean of softmaxes, in float64, stands for logits",
    "probabilities": "the network returns probabilities: their logarithm, in float64, stands for logits; probabilities "
    "that underflowed to 0 have no gradient",
    "shares": "all outputs lie between 0 and 1, as those of a sigmoid do: what was rounded away in making them is "
    "hidden from every attack",
}


def look_at(classifier: Classifier, images: np.ndarray, *, targeted: bool = False) -> int:
    """Asks a network for a few images, and makes its graphs anew where it computes something else now.

    Args:
        classifier: the network.
        images: (N, H, W, C) float32 in [0, 1]; the first four are used.
        targeted: whether it is to be attacked towards a class.

    Returns:
        The number of classes L.

    Raises:
        UserError: for what cannot be called in TensorFlow, returns no (N, L), or NaN for these images, or takes only
            so many.
    """
    few = tf.constant(images[:LOOKED_AT])
    output = classifier.raw(few).numpy()
    num_classes = check_shape(output.shape, size=len(few), targeted=targeted)
    found = classifier.found
    if found.num_classes is not None and not _is_stale(classifier, few, output):
        return num_classes
    classifier.graphs.forget()
    found = classifier.found
    found.num_classes, found.image_shape = num_classes, tuple(images.shape[1:])
    found.is_random = differ(classifier.raw(few).numpy(), output)
    found.is_of_the_batch = not found.is_random and _depends_on_others(classifier, few, output)
    _look_at_the_graph(classifier, few, output)
    found.is_random |= _draws(classifier, few)
    if found.output == "logits" and are_probabilities(output):
        found.output = "probabilities"
        classifier.graphs.clear()
    _take_note(classifier, few, output)
    classifier.drop_copies()
    return num_classes


def check_finite(logits: np.ndarray) -> None:
    """Raises a UserError unless logits on clean images (N, L) are finite."""
    if not np.isfinite(logits).all():
        raise argument_error("model", "finite logits on the clean images", "a model that returned NaN or inf")


def _is_stale(classifier: Classifier, few: tf.Tensor, output: np.ndarray) -> bool:
    """Whether the network is another than when its graphs were made."""
    found = classifier.found
    if found.num_classes != output.shape[1]:
        return True
    if found.fingerprint is not None:
        return found.fingerprint != _fingerprint(classifier, few)
    compiled = classifier.forward(few)
    if differ(compiled["output"].numpy(), output):
        return True
    copy, _ = classifier.copy_for(_AnyAttack)
    if copy is not classifier and differ(copy.logits(few).numpy(), compiled["logits"].numpy()):
        classifier.drop_copies()
    return False


def _draws(classifier: Classifier, few: tf.Tensor) -> bool:
    """Whether the graph holds operations that draw at random, also where these images do not show it."""
    graph = classifier.compiled("forward", None, (few,)).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return any(_DRAW.match(node.op) for node in nodes)


def _depends_on_others(classifier: Classifier, few: tf.Tensor, output: np.ndarray) -> bool:
    """Whether the first image gets other logits among darker ones, in a batch of another size.

    Raises:
        UserError: for a network that takes only so many images.
    """
    darker = tf.repeat(few[:1] / 2, len(few), axis=0)
    among = classifier.raw(tf.concat([few[:1], darker], axis=0)).numpy()
    return differ(among[:1], output[:1], tolerance=BATCH)


class _AnyAttack:
    """Stands for the attacks that craft on the float32 copy."""

    radius = "least"


def _look_at_the_graph(classifier: Classifier, few: tf.Tensor, output: np.ndarray) -> None:
    """Traces the network, and once more with the functions that it calls where one of them hides its end."""
    classifier.forward(few)
    found = classifier.found
    if not found.hides:
        return
    classifier.graphs.clear()
    found.inlines = True
    try:
        # A function that was traced long ago may not do what its Python does now.
        found.inlines = found.is_random or not differ(classifier.forward(few)["output"].numpy(), output)
    except UserError:  # Python that only AutoGraph makes a graph of
        found.inlines = False
    if not found.inlines:
        classifier.graphs.clear()
        classifier.forward(few)


def _take_note(classifier: Classifier, few: tf.Tensor, output: np.ndarray) -> None:
    """What results must say of the network."""
    found = classifier.found
    compiled, again = (classifier.forward(few)["output"].numpy() for _ in range(2))
    if found.is_random or differ(compiled, output):
        found.fingerprint = _fingerprint(classifier, few)
        frozen = found.is_random and not differ(again, compiled)
        code = "RANDOM_OUTPUT" if found.is_random and not frozen else "GRAPH_DIFFERS"
        found.notes[code] = _DIFFERENCES["frozen" if frozen else code]
    if found.is_of_the_batch:
        found.notes["BATCH_DEPENDENT"] = _DIFFERENCES["BATCH_DEPENDENT"]
    if found.output != "logits":
        found.notes["PROBABILITIES"] = _OUTPUTS[found.output]
    elif output.min() >= 0 and output.max() <= 1:
        found.notes["PROBABILITIES"] = _OUTPUTS["shares"]


def _fingerprint(classifier: Classifier, few: tf.Tensor) -> str:
    """What a new trace of the forward pass is made of: operations, constants, and the variables it reads."""
    traced = tf.function(lambda images: classifier.raw(images), autograph=False)
    graph = traced.get_concrete_function(tf.TensorSpec([None, *few.shape[1:]], few.dtype)).graph
    # Names of inner functions count up from trace to trace.
    text = re.sub(r"(__inference_\w+?)_\d+", r"\1", str(graph.as_graph_def()))
    captured: list[Any] = [id(outer) for outer, _ in graph.captures]
    return hashlib.sha256(f"{text}{captured}".encode()).hexdigest()
