"""The examples of one evaluation: all of a split's, some of them in any order, or one machine's share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from mmc_tf.checks import argument_error, check_number
from mmc_tf.data import Split
from mmc_tf.data.mapping import release


@dataclasses.dataclass(frozen=True)
class Shard:
    """One of several equal shares of a data set.

    It has every `count`-th example from the `index`-th on: data sets that are sorted, by class or by difficulty,
    are shared out as evenly as shuffled ones.

    Args:
        index: which one, from 0.
        count: how many there are.

    Raises:
        UserError: unless 0 <= index < count.

    Example:
        >>> Shard(1, 3).of(8)
        array([1, 4, 7])
    """

    index: int
    count: int

    def __post_init__(self):
        check_number("num_shards", self.count, minimum=1, integer=True)
        check_number("shard_index", self.index, minimum=0, maximum=self.count - 1, integer=True)

    def of(self, size: int) -> np.ndarray:
        """The indices (N,) int64 of its share of `size` examples.

        Raises:
            UserError: if there are more shards than examples.
        """
        check_number("num_shards", self.count, maximum=size, integer=True)
        return np.arange(self.index, size, self.count, dtype=np.int64)

    def as_dict(self) -> dict[str, int]:
        """The shard as plans and results have it."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Examples by their position, 0 to N - 1, among those of one evaluation.

    Attributes:
        split: the whole data set's split; read batch by batch, so it may be larger than memory.
        indices: (N,) int64, each example's index in `split`, which decides its random draws.
        labels: (N,) int32.
    """

    split: Split
    indices: np.ndarray
    labels: np.ndarray = dataclasses.field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "labels", np.asarray(self.split.labels[self.indices], np.int32))

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images float32 (B, H, W, C) in [0, 1] and labels int32 (B,) at `positions` (B,)."""
        images = self.split.images[self.indices[positions]]
        release(self.split.images)
        return Split(images, self.labels[positions]).as_float(), self.labels[positions]

    def first_image(self) -> np.ndarray:
        """One image (H, W, C) float32 in [0, 1]."""
        return self.take(np.arange(1))[0][0]


def choose_examples(split: Split, *, indices: Any = None, shard: Shard | None = None) -> Examples:
    """The examples of an evaluation.

    Args:
        split: the whole split.
        indices: (N,) indices of examples, each once, in any order; None: all.
        shard: one share of all examples, instead of `indices`.

    Raises:
        UserError: for indices out of range or repeated, for no example at all, for both `indices` and `shard`,
            or more shards than examples.
    """
    size = len(split)
    check_number("examples", size, minimum=1, integer=True)
    if shard is not None:
        if indices is not None:
            raise argument_error("shard", "None beside `indices`", shard)
        return Examples(split, shard.of(size))
    if indices is None:
        return Examples(split, np.arange(size, dtype=np.int64))
    return Examples(split, _checked_indices(np.asarray(indices), size))


def _checked_indices(indices: np.ndarray, size: int) -> np.ndarray:
    expected = f"integers from 0 to {size - 1}, one or more, each once"
    if indices.ndim != 1 or not len(indices) or not np.issubdtype(indices.dtype, np.integer):
        raise argument_error("indices", expected, f"{indices.dtype} of shape {indices.shape}")
    if indices.min() < 0 or indices.max() >= size:
        raise argument_error("indices", expected, f"values from {indices.min()} to {indices.max()}")
    if len(np.unique(indices)) < len(indices):
        raise argument_error(
            "indices", expected, f"{len(indices)}, {len(np.unique(indices))} of them different"
        )
    return indices.astype(np.int64)


def full_batches(positions: np.ndarray, batch_size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Positions in batches of one size, the last filled up by repetition, each with the number that counts."""
    for start in range(0, len(positions), batch_size):
        batch = positions[start : start + batch_size]
        yield np.resize(batch, batch_size), len(batch)
