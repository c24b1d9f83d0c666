"""What the attacks of an evaluation compute in: as asked, as the run that is resumed, or as measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmc_tf.classifier.crafting_precision import faster_precision
from mmc_tf.evaluation import store
from mmc_tf.evaluation.examples import Shard
from mmc_tf.files import read_record
from mmc_tf.models.precision import AUTO, PrecisionChoice, as_asked, unmeasured

RECORD = "attack_precision_choice"


def settle_precision(
    asked: str | PrecisionChoice,
    measure: Callable[[], PrecisionChoice],
    output_dir: str | Path,
    *,
    resume: bool,
    read: Callable[[Mapping[str, Any]], str],
) -> PrecisionChoice:
    """Return what attacks compute in; `auto` is settled here, once for an evaluation.

    A resumed evaluation keeps what its first run chose, on whatever machine it goes on: it ends with the same
    figures.

    Args:
        asked: a precision, `auto`, or a choice that was made before.
        measure: makes the choice.
        output_dir: the evaluation's folder.
        resume: whether it is gone on with, if it is there.
        read: from the plan on disk to the precision in it.
    """
    if isinstance(asked, PrecisionChoice):
        return asked
    if asked != AUTO:
        return as_asked(asked)
    plan_file = Path(output_dir) / store.PLAN
    if resume and plan_file.exists():
        kept = read(read_record(plan_file))
        return PrecisionChoice(kept, {}, f"{kept}: as the evaluation that is resumed")
    return measure()


def measure_precision(model: Any, image_shape: Sequence[int], shard: Shard | None) -> PrecisionChoice:
    """Return the faster precision on this machine; float32 where others take a share and must compute alike."""
    if shard is not None:
        return unmeasured(
            "the machines that share the images compute alike (--attack_precision says in what)"
        )
    return faster_precision(model, image_shape)


def describe_precision(choice: PrecisionChoice) -> list[str]:
    """The line of a plan that says what is crafted in, and why; none for float32 that was asked for."""
    if choice.asked == AUTO:
        return [f"{choice.reason}; judged in float32"]
    return [] if choice.precision == "float32" else [f"in {choice.precision}, judged in float32"]
