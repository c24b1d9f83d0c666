"""A model whose output is not what attacks take it for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmc_tf.evaluation.diagnostics.finding import Finding
from mmc_tf.evaluation.wording import percent

# Shares of the widest range of logits: rounding stays below, also where a GPU's differs from pass to pass.
RANDOM = 1e-3
BATCH = 1e-2
_HIDDEN = "what was rounded away in making them is hidden from every attack."
KINDS = {
    "shares": f"All outputs lie between 0 and 1, as probabilities do: {_HIDDEN}",
    "log_probabilities": "Every row's exponentials sum to 1, as those of logarithms of probabilities do: "
    + _HIDDEN,
    "sigmoid": "The network ends in a sigmoid, which was taken off: attacks and verdicts use what it was taken of.",
    "softmax": "The network ends in a softmax, which was taken off: attacks and verdicts use its logits.",
    "vote": "The network returns a mean of softmaxes: its logarithm, computed in float64 from the members' logits, "
    "stands for logits.",
    "probabilities": "The network returns probabilities: their logarithm, in float64, stands for logits. "
    "Probabilities that underflowed to 0 have no gradient.",
}


def find_in_output(output: Mapping[str, Any]) -> list[Finding]:
    """RANDOM_OUTPUT, BATCH_DEPENDENT, GRAPH_DIFFERS, PROBABILITIES and HEAD_UNKNOWN, from the figures of `OutputProbe`.

    Where the output is random, passes over different batches cannot be compared.
    """
    findings = []
    if output["random_difference"] > RANDOM:
        findings.append(
            Finding(
                "RANDOM_OUTPUT",
                "Two passes over the same images give other logits, by "
                f"{percent(output['random_difference'])} % of their range: attacks climb means of noisy gradients, an "
                "image counts as broken where most of several passes say so, and another run gives other figures.",
            )
        )
    elif output["batch_difference"] > BATCH:
        findings.append(
            Finding(
                "BATCH_DEPENDENT",
                "An image among copies of itself gets other logits than among other images, by "
                f"{percent(output['batch_difference'])} % of their range: layers in training mode, such as batch "
                "norms, make every verdict one about the batch.",
            )
        )
    if output["kind"] != "logits":
        findings.append(Finding("PROBABILITIES", KINDS[output["kind"]]))
    if output.get("graph_differs"):
        findings.append(
            Finding(
                "GRAPH_DIFFERS",
                "TensorFlow's compiled graph of the network gives other logits than the network called directly: "
                "all verdicts are those of the graph.",
            )
        )
    if output.get("blind"):
        findings.append(
            Finding(
                "HEAD_UNKNOWN",
                "No head of ours was found behind the logits, and the gradient of cross-entropy is zero or less than "
                "a ten-millionth of the margin's on some images: attacks whose objective was not chosen climb the "
                "margin.",
            )
        )
    return findings
