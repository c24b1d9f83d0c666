"""Trainings that may fail, and what finished ones say of themselves: accuracy and time."""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass

from mmc_tf import files
from mmc_tf.checks import UserError
from mmc_tf.evaluation.statistics import wilson_interval
from mmc_tf.experiments.lab import Lab, Network
from mmc_tf.experiments.outcome import Cell
from mmc_tf.training import log, runs

# What a run's folder holds of a training that failed; older versions wrote plain text.
FAILURE, OLD_FAILURE = "failure.json", "failure.txt"
# What the training loop says of the two ways in which it gives up (`mmc_tf.training.failures`).
_DIVERGED = re.compile(r"became \S+ at step (\d+)")
_COLLAPSED = re.compile(r"features collapsed to the origin by step (\d+)")


@dataclass(frozen=True)
class Attempt:
    """A training that ended well, or how it failed.

    Args:
        run: the network's run; None if training failed.
        failure: such as `diverged at step 181`; empty if it did not.
    """

    run: pathlib.Path | None
    failure: str = ""


def attempt(lab: Lab, network: Network) -> Attempt:
    """Trains a network; that its loss becomes infinite or its features collapse is a result, not an error.

    A failure is noted in the run's folder and not tried again: a run resumed after it would fail at another step.

    Raises:
        UserError: if training fails for another reason.
    """
    folder = lab.run_folder(network)
    note, old_note = folder / FAILURE, folder / OLD_FAILURE
    if note.exists():
        return Attempt(None, files.read_record(note, needed=("failure",))["failure"])
    if old_note.exists():
        return Attempt(None, old_note.read_text(encoding="utf-8", errors="replace").strip())
    try:
        return Attempt(lab.train(network))
    except UserError as error:
        failure = describe_failure(str(error))
        if not failure:
            raise
        files.write_record(note, {"failure": failure})
        return Attempt(None, failure)


def describe_failure(message: str) -> str:
    """How a training failed, in three words and a number; empty if the message does not speak of that.

    Example:
        >>> describe_failure("failed: the loss became nan at step 181 with learning rate 0.01; ...")
        'diverged at step 181'
    """
    for pattern, words in ((_DIVERGED, "diverged at"), (_COLLAPSED, "collapsed by")):
        found = pattern.search(message)
        if found:
            return f"{words} step {found[1]}"
    return ""


def final_accuracy(run: pathlib.Path) -> float:
    """A run's accuracy on the images that it was monitored on, after its last epoch."""
    return float(log.last(runs.RunFolder(run).log_file)["monitored_accuracy"])


def training_seconds(run: pathlib.Path) -> tuple[float, int]:
    """How long a run trained, its look at the test images after every epoch included, and its epochs."""
    row = log.last(runs.RunFolder(run).log_file)
    return float(row["seconds"]), int(row["epoch"])


def trained_cell(
    tried: Attempt, *, test_images: int, published: float | str | None = None, digits: int = 2
) -> Cell | str:
    """The test accuracy of an attempt in percent, with its interval; how it failed, in words, otherwise.

    Args:
        tried: the attempt.
        test_images: that the run was monitored on.
        published: in percent.
        digits: after the decimal point.
    """
    if tried.run is None:
        shown = (
            Cell(published=published, digits=digits).text.removeprefix("- ") if published is not None else ""
        )
        return f"{tried.failure} {shown}".strip()
    accuracy = final_accuracy(tried.run)
    low, high = wilson_interval(round(accuracy * test_images), test_images)
    return Cell(measured=100 * accuracy, published=published, interval=(100 * low, 100 * high), digits=digits)
