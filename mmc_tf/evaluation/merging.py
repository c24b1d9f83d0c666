"""Joins the shards of one evaluation, made by several machines, into what one machine would have written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mmc_tf.checks import ECHOED, argument_error
from mmc_tf.evaluation import store
from mmc_tf.evaluation.examples import Shard
from mmc_tf.evaluation.folders import Finished, read_finished
from mmc_tf.evaluation.merged_pictures import merge_pictures
from mmc_tf.evaluation.outcomes import Outcome, tally, to_arrays
from mmc_tf.evaluation.records import PER_EXAMPLE, TOTALS, Verdicts

_SHOWN = 3  # differences in one message


@store.one_at_a_time
def merge(
    folders: Sequence[str | Path], *, output_dir: str | Path, overwrite: bool = False, command: str = ""
) -> dict[str, Any]:
    """Writes one folder of results from those of all shards of an evaluation.

    Every figure is counted anew from the verdicts on the examples, by the code that counts them in a run. Seconds
    are added up; what is said of the model, the data and the versions is what the first shard says.

    Args:
        folders: of the shards, each finished, in any order.
        output_dir: folder for the whole; new or empty unless `overwrite`.
        overwrite: replace the evaluation in `output_dir`.
        command: the command line, for the record.

    Returns:
        The content of `results.json`. `merged` says of each shard where it lay, when, how and for how long it was
        made.

    Raises:
        UserError: for folders that are no finished shards; for shards of different models, examples, attacks,
            parameters, seeds or numbers of shards; for two of one share, or a share that is missing; for an
            `output_dir` in use or among `folders`.
    """
    shards = read_shards(folders)
    path = store.check_folder(output_dir, resume=False, overwrite=overwrite)
    if path.resolve() in {shard.path.resolve() for shard in shards}:
        raise argument_error("output_dir", "another folder than those that are merged", path.as_posix())
    indices = np.concatenate([shard.examples["index"] for shard in shards])
    order = np.argsort(indices, kind="stable")
    about = {
        name: np.concatenate([shard.examples[key] for shard in shards])[order]
        for name, key in (("labels", "label"), ("clean", "clean_prediction"))
    }
    if "clean_scores" in shards[0].examples:
        about["clean_scores"] = np.concatenate([shard.examples["clean_scores"] for shard in shards])[order]
    parts = [shard.outcomes() for shard in shards]
    outcomes = [_join(each, order) for each in zip(*parts, strict=True)]
    first = shards[0].results
    results = {key: value for key, value in first.items() if key != "shard"} | {
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **tally(
            outcomes,
            **about,
            recorded_accuracy=first["model"].get("clean_accuracy"),
            diagnosis=first.get("diagnosis"),
        ),
        "merged": [_provenance(shard) for shard in shards],
    }
    plan = {key: value for key, value in shards[0].plan.items() if key != "shard"}
    folder = store.EvaluationFolder.open(path, plan, resume=False, overwrite=overwrite)
    pictures = merge_pictures(shards, indices[order], about["labels"], about["clean"])
    folder.finish(results, to_arrays(outcomes, **about, indices=indices[order]), pictures)
    return results


def read_shards(folders: Sequence[str | Path]) -> list[Finished]:
    """The shards of one evaluation in order, checked against each other.

    Raises:
        UserError: as `merge`, for what it says of `folders`.
    """
    shards = [read_finished(folder) for folder in folders]
    if not shards:
        raise argument_error("results", "the folders of all shards", "none")
    for shard in shards:
        if "shard" not in shard.plan:
            expected = "folders of shards (made with --num_shards and --shard_index)"
            raise argument_error("results", expected, f"{shard.path}, an evaluation on its own")
    first, known = shards[0], {}
    for shard in shards:
        lines = store.differences(_common(first.plan), _common(shard.plan))
        if lines:
            expected = f"shards of one evaluation, such as {first.path}"
            raise argument_error(
                "results", expected, f"{shard.path}: " + "; ".join(lines[:_SHOWN]), longest=_SHOWN * ECHOED
            )
        index = shard.plan["shard"]["index"]
        if index in known:
            received = f"shard {index} twice, in {known[index].path} and {shard.path}"
            raise argument_error("results", "each shard once", received)
        known[index] = shard
    count, size = first.plan["shard"]["count"], first.plan["examples"]["count"]
    missing = [str(index) for index in range(count) if index not in known]
    if missing:
        received = f"{len(known)} of {count}, without shard {', '.join(missing)}"
        raise argument_error("results", f"all {count} shards", received)
    for index, shard in known.items():
        if not np.array_equal(np.sort(shard.examples["index"]), Shard(index, count).of(size)):
            expected = f"{store.EXAMPLES} with the examples of shard {index} of {count}"
            raise argument_error("results", expected, f"{shard.path}, with others")
    return [known[index] for index in range(count)]


def default_output_dir(folder: str | Path) -> Path:
    """Beside a shard, under its name without the shard: `…_shard-0-of-3` -> `…_merged`."""
    folder = Path(folder).absolute()
    return folder.with_name(folder.name.partition("_shard-")[0] + "_merged")


def other_versions(results: Mapping[str, Any]) -> list[str]:
    """What the shards of merged results were made with and the first one was not, one line each."""
    return [
        f"{shard['path']}: {line}"
        for shard in results["merged"]
        for line in store.differences(results["versions"], shard["versions"])
    ]


def _common(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The plan without which shard it is: what all shards must share."""
    return {**plan, "shard": {"count": plan["shard"]["count"]}}


def _provenance(shard: Finished) -> dict[str, Any]:
    kept = ("command", "created", "versions", "batch_size", "seconds")
    return {"path": shard.path.as_posix()} | {key: shard.results[key] for key in kept}


def _join(parts: Sequence[Outcome], order: np.ndarray) -> Outcome:
    """One attack's outcome on all examples, from its outcomes on the shards.

    Args:
        parts: of the shards.
        order: (N,) that puts the shards' examples, one shard after the other, in order.
    """
    verdicts = [part.verdicts for part in parts]
    names = PER_EXAMPLE if verdicts[0].scores is None else (*PER_EXAMPLE, "scores")
    arrays = {name: np.concatenate([getattr(each, name) for each in verdicts])[order] for name in names}
    totals = {name: sum(getattr(each, name) for each in verdicts) for name in TOTALS}
    stages = zip(*(part.stages for part in parts), strict=True)
    return dataclasses.replace(
        parts[0], verdicts=Verdicts(**arrays, **totals), stages=tuple(_join(stage, order) for stage in stages)
    )
