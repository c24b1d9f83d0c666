"""Names of runs that the user has not named."""

from __future__ import annotations

from typing import Any

from mmc_tf.training.runs import newest_unfinished, unused_name
from mmc_tf.training.settings import LoopSettings


def choose_name(flags: Any, adversarial: bool) -> str:
    """An unused name; that of the newest unfinished run to go on with; the stem itself to overwrite.

    Args:
        flags: the resolved flags as attributes.
        adversarial: whether the method is part of the name.
    """
    stem = stem_of(flags, adversarial)
    if flags.resume:
        stems = (stem, _kind(flags, adversarial))  # runs of older versions have no more in their names
        return next(filter(None, (newest_unfinished(flags.runs_dir, each) for each in stems)), stem)
    return stem if flags.overwrite else unused_name(flags.runs_dir, stem)


def stem_of(flags: Any, adversarial: bool) -> str:
    """What a run is named after: networks of other learning rates and seeds have other names.

    Args:
        flags: the resolved flags as attributes.
        adversarial: whether the method is part of the name.
    """
    own = {"lr": (flags.lr, LoopSettings.learning_rate), "seed": (flags.seed, LoopSettings.seed)}
    words = [f"{name}{value:.10g}" for name, (value, usual) in own.items() if value != usual]
    return "-".join([_kind(flags, adversarial), *words])


def _kind(flags: Any, adversarial: bool) -> str:
    method = f"{flags.method}-" if adversarial else ""
    return f"{method}{flags.loss}-{flags.model}-{flags.dataset}".lower()
