"""A model whose output is not what attacks take it for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmc_tf.evaluation.diagnostics.finding import Finding
from mmc_tf.evaluation.wording import percent

# Shares of the widest range of logits: rounding stays below, also where a GPU's differs from pass to pass.
RANDOM = 1e-3
BATCH = 1e-2


def find_in_output(output: Mapping[str, Any]) -> list[Finding]:
    """RANDOM_OUTPUT, BATCH_DEPENDENT and PROBABILITIES, from the figures of `OutputProbe`.

    Where the output is random, passes over different batches cannot be compared.
    """
    findings = []
    if output["random_difference"] > RANDOM:
        findings.append(
            Finding(
                "RANDOM_OUTPUT",
                "Two passes over the same images give other logits, by "
                f"{percent(output['random_difference'])} % of their range: attacks climb noise, and verdicts "
                "are those of one draw.",
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
        looks = {
            "shares": "All outputs lie between 0 and 1, as probabilities do",
            "log_probabilities": "Every row's exponentials sum to 1, as those of logarithms of probabilities do",
        }
        findings.append(
            Finding(
                "PROBABILITIES",
                f"{looks[output['kind']]}: what was rounded away in making them is hidden from every attack.",
            )
        )
    return findings
