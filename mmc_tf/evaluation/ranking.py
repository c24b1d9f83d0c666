"""Which of several attacks leaves least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmc_tf.evaluation.records import is_bounded


def find_strongest(records: Sequence[Mapping[str, Any]]) -> int:
    """The number of the attack that leaves least; of those whose robust accuracy says anything, if there are."""
    bounded = [number for number, record in enumerate(records) if is_bounded(record)]
    return min(bounded or range(len(records)), key=lambda number: records[number]["robust"])
