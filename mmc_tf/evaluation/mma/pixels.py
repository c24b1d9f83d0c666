"""Whether the networks of a protocol are given the pixels that they expect."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from mmc_tf.checks import UserError
from mmc_tf.data import Split
from mmc_tf.evaluation.diagnostics import Finding, find_in_pixels
from mmc_tf.evaluation.examples import choose_examples
from mmc_tf.evaluation.mma.networks import Subject
from mmc_tf.evaluation.pixels import look_at_pixels, refuse_other_range


def find_other_ranges(subjects: Sequence[Subject], split: Split) -> list[Finding]:
    """INPUT_RANGE of each network that seems to expect other pixels than those in [0, 1].

    Raises:
        UserError: for one whose first layers and a few images say so, as an evaluation does.
    """
    findings, examples = [], choose_examples(split)
    for subject in subjects:
        figures = look_at_pixels(subject.model, examples)
        try:
            refuse_other_range(figures)
        except UserError as error:
            raise UserError(f"{subject.name}: {error}") from None
        findings += [
            dataclasses.replace(
                finding, message=f"{subject.name}: {finding.message}", attacks=(subject.name,)
            )
            for finding in find_in_pixels(figures)
        ]
    return findings
