"""Anything callable from images to logits, as one object that attacks, probes and scripts take."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from mmc_tf.checks import argument_error, check_choice, check_range
from mmc_tf.classifier.calling import Network, as_logits, computes_in_half, raw_output
from mmc_tf.classifier.copies import ROUNDING, copies_of
from mmc_tf.classifier.graphs import Findings, Graphs, InputRange, graphs_of
from mmc_tf.classifier.outputs import logarithm
from mmc_tf.classifier.scores import UNKNOWN_HEAD, Scores, members_behind, read_scores
from mmc_tf.classifier.structure import hides_a_function, logits_behind

UNIT_RANGE: InputRange = (0.0, 1.0)


class Reading(NamedTuple):
    """One forward pass within a trace.

    Attributes:
        logits: (N, L) float32.
        scores: what objectives see of it.
        in_half: whether the network computes in float16, where small gradients underflow.
    """

    logits: tf.Tensor
    scores: Scores
    in_half: bool


class Classifier:
    """A network with all that is known of it: its head, its output, its compiled functions, its cheaper copies.

    Make it by `Classifier.of`, which takes a `keras.Model`, or any callable in TensorFlow from images to logits. A
    plain network given to an attack is wrapped there; what was found and compiled is kept as long as the network
    lives, so both ways cost the same.

    Nothing is believed for long: at every attack the kept graph is checked against one eager pass over a few images
    (`look.look_at`), and made anew where the network computes something else now.

    Attributes:
        network: what was wrapped.
        input_range: the lowest and the highest value the network gets, for pixels 0 and 1.
        precision: what attacks craft in on a folded copy (`crafting`), or None where they use the network itself.

    Example:
        >>> from mmc_tf.classifier import Classifier
        >>> classifier = Classifier.of(model)
        >>> len(classifier.logits(split.images[:2]))
        2
    """

    def __init__(
        self,
        network: Network,
        graphs: Graphs,
        *,
        input_range: InputRange = UNIT_RANGE,
        precision: str | None = None,
    ):
        self.network = network
        self.graphs = graphs
        self.input_range = input_range
        self.precision = precision
        self._copies: dict[str, Classifier] | None = None

    @classmethod
    def of(cls, network: Network | Classifier, *, input_range: InputRange | None = None) -> Classifier:
        """The classifier of a network.

        Args:
            network: a `keras.Model`, a function in TensorFlow, or a classifier, which is returned as it is.
            input_range: what the network expects for pixels 0 and 1, such as (0, 255); None: (0, 1), or what the
                classifier has. Attacks, images and radii stay in units of [0, 1].

        Raises:
            UserError: for a range whose bounds are no increasing numbers, or another one than the classifier has.
        """
        known = network.input_range if isinstance(network, Classifier) else None
        low, high = check_range("input_range", known or UNIT_RANGE if input_range is None else input_range)
        if known is None:
            return cls(network, graphs_of(network, (low, high)), input_range=(low, high))
        if (low, high) != known:
            raise argument_error("input_range", f"{known}, which the classifier was made with", (low, high))
        return network

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """The network's logits (N, L) float32: within a trace the operations, outside it `logits`."""
        return self.logits(images) if tf.executing_eagerly() else self.read(images).logits

    def logits(self, images: np.ndarray | tf.Tensor) -> tf.Tensor:
        """The verdict's own forward pass, compiled: (N, H, W, C) float32 in [0, 1] to (N, L) float32.

        By the graph that is kept: after a change of the network's Python, `look_at` makes it anew, as attacks do.
        """
        return self.forward(images)["logits"]

    def forward(self, images: np.ndarray | tf.Tensor) -> dict[str, tf.Tensor]:
        """`logits` (N, L), and `output`, what the network itself returned, by one compiled pass."""
        images = tf.convert_to_tensor(images, tf.float32)
        return self.compiled("forward", _forward, (images,))(images)

    def raw(self, images: tf.Tensor) -> tf.Tensor:
        """What the network returns for images in [0, 1], as one tensor, by an eager pass outside a trace."""
        low, high = self.input_range
        output = raw_output(
            self.network, images if (low, high) == UNIT_RANGE else low + images * (high - low)
        )
        if output.shape.rank is None and self.found.num_classes is not None:
            # `tf.numpy_function` does not know what it returns; the eager pass did.
            output.set_shape([None, self.found.num_classes])
        return output

    def read(self, images: tf.Tensor) -> Reading:
        """One forward pass, to be asked within a trace; eager passes see heads only where nothing wraps them."""
        if tf.executing_eagerly():
            logits = as_logits(self.raw(images), images.dtype)
            return Reading(logits, read_scores(logits), computes_in_half(self.network))
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        logits = self._logits_of(self.raw(images), images.dtype)
        made = (tensor for operation in graph.get_operations()[before:] for tensor in operation.outputs)
        # What a hidden graph computes in cannot be seen; a power of two changes nothing in float32.
        in_half = self.found.hides or any(tensor.dtype == tf.float16 for tensor in made)
        return Reading(logits, read_scores(logits), in_half)

    def _logits_of(self, output: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        if self.found.output == "probabilities":
            return tf.cast(logarithm(output), dtype)
        return as_logits(output, dtype)

    def compiled(self, key: Hashable, function: Callable[..., Any], arguments: tuple) -> Any:
        """The graph of `function(classifier, *arguments)`, kept as long as the network (`Graphs.compiled`)."""
        graphs, input_range = self.graphs, self.input_range

        def within(*values: Any) -> Any:
            # The graph outlives this call and must not keep the network alive.
            return function(Classifier(graphs.network(), graphs, input_range=input_range), *values)

        return graphs.compiled(key, within, arguments)

    @property
    def found(self) -> Findings:
        """What was found out about the network."""
        return self.graphs.found

    @property
    def head(self) -> Any:
        """The head of ours behind the logits, whatever wraps it; None where there is none.

        Raises:
            UserError: if the shape of the images is not known: from the network, or from an earlier call.
        """
        if not self.found.knows_head:
            shape = self.found.image_shape or _shape_of(self.network)
            if shape is None:
                raise argument_error(
                    "model", "one that was called with images before its head is asked for", "no call"
                )
            self.forward(tf.zeros((1, *shape)))
        return self.found.head

    @property
    def climbed_head(self) -> Any:
        """What decides over attacks' objectives: the head, or `UNKNOWN_HEAD` where cross-entropy was found blind."""
        return UNKNOWN_HEAD if self.head is None and self.found.is_blind else self.head

    def objective_for(self, attack: Any) -> str:
        """The name of what an attack climbs on this network.

        Args:
            attack: an `Attack`. Where no head is known, whether cross-entropy is blind is measured when it is called.
        """
        return attack.choose_objective(self.climbed_head)

    def crafting(self, precision: str = "float32") -> Classifier:
        """This classifier for attacks that craft on a copy, whose batch norms are folded into its convolutions.

        An attack that is called with it does all its steps on the copy. What counts is decided by the network
        itself, in its own precision: which clean images are attacked, and whether they are broken. Where the copy
        believed more to be reached than the network confirms, the example is attacked again on the network. So a
        copy can make an attack weaker only where it leads the steps astray, never by stopping them.

        In bfloat16, attacks that look for the least distance use a float32 copy: their results lie on the
        boundary, which bfloat16 blurs.

        The copy is made anew where a check finds that the network's weights have changed. Keep the object as long
        as it is attacked, since attacks are compiled for its copy.

        Args:
            precision: of the copy, `float32` or `bfloat16`. What cannot be copied (`folded_copy`) is attacked itself.

        Raises:
            UserError: for another precision.
        """
        check_choice("precision", precision, ROUNDING)
        return Classifier(self.network, self.graphs, input_range=self.input_range, precision=precision)

    def drop_copies(self) -> None:
        """Forgets the copies, which hold the weights of the moment when they were first attacked."""
        self._copies = None

    def copy_for(self, attack: Any) -> tuple[Classifier, float]:
        """What an attack crafts on, this classifier itself if there is no gain; and how far to trust its verdicts.

        Args:
            attack: an `Attack`.

        Returns:
            The copy, and the part of the spread of its logits by which a lead may be off between two batches.
        """
        precision = "float32" if attack.radius == "least" or self.precision is None else self.precision
        return self._all_copies().get(precision, self), ROUNDING[precision]

    def _all_copies(self) -> dict[str, Classifier]:
        if self._copies is None:
            precision, made = self.precision, {}
            if precision is not None:
                made = copies_of(self.network, precision, input_range=self.input_range)
            self._copies = {
                name: self._of_copy(copy) for name, copy in made.items() if copy is not self.network
            }
        return self._copies

    def _of_copy(self, copy: Any) -> Classifier:
        classifier = Classifier.of(copy, input_range=self.input_range)
        classifier.graphs.found = self.found  # what is true of the network is true of its copy
        return classifier


def _forward(classifier: Classifier, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Also takes note of what this trace shows of the network."""
    output, found = classifier.raw(images), classifier.found
    logits = classifier._logits_of(output, images.dtype)
    if found.output != "probabilities":
        found.output = logits_behind(output)[1]
    found.hides, found.head, found.knows_head = hides_a_function(output), read_scores(logits).head, True
    found.is_vote = members_behind(logits) is not None
    return {"logits": logits, "output": output}


def _shape_of(network: Any) -> tuple[int, ...] | None:
    """(H, W, C) of the images that a Keras model was built for, if it says so."""
    shape = getattr(network, "input_shape", None)
    known = isinstance(shape, tuple) and len(shape) == 4 and all(isinstance(side, int) for side in shape[1:])
    return tuple(shape[1:]) if known else None
