"""Batches for training and evaluation, as functions of (seed, step) alone.

Nothing is carried from step to step, so a run that goes on at step s gets the batches it would have got.
"""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.checks import argument_error, check_number
from mmc_tf.data.augmentation import Augmentation
from mmc_tf.data.dataset import Split

# Tells the draws of the augmentation from those of the shuffle.
AUGMENTATION_STREAM = 1


def steps_per_epoch(split_size: int, batch_size: int) -> int:
    """How many whole batches an epoch has; the remainder of the shuffled examples is left out.

    Raises:
        UserError: if there are fewer examples than a batch has.
    """
    check_number("batch_size", batch_size, minimum=1, integer=True)
    if batch_size > split_size:
        raise argument_error("batch_size", f"at most {split_size}, the number of training images", batch_size)
    return split_size // batch_size


def training_batches(
    split: Split,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    num_steps: int,
    augmentation: Augmentation | None = None,
    replica_slice: tuple[int, int] | None = None,
    num_replays: int = 1,
) -> tf.data.Dataset:
    """The batches of the steps from `start_step` on.

    Step s belongs to epoch e = s // steps_per_epoch. The order of an epoch is a shuffle of (seed, e), and an
    example is augmented by (seed, e, its index), so any step's batch is the same whatever the step one starts
    from.

    Args:
        split: what to train on.
        batch_size: B, the global batch size.
        seed: an integer >= 0.
        start_step: the first step, >= 0.
        num_steps: how many steps, >= 0.
        augmentation: how images are changed; None: not at all.
        replica_slice: (count, index): only the index-th of `count` equal slices of each batch, so that
            workers that each take theirs have the global batch between them; None: all of it.

    Returns:
        One element for each step: `images` float32 (B, H, W, C) in [0, 1], `labels` int32 (B,) and `indices`
        int64 (B,), the examples' places in `split`.

    Raises:
        UserError: for sizes out of range, or a batch that does not divide by `count`.

    Example:
        >>> split = Split(np.zeros((10, 8, 8, 1), np.uint8), np.zeros(10, int))
        >>> batches = training_batches(split, batch_size=4, seed=0, num_steps=3)
        >>> [batch["images"].shape[0] for batch in batches]
        [4, 4, 4]
    """
    size = len(split)
    per_epoch = steps_per_epoch(size, batch_size)
    check_number("seed", seed, minimum=0, maximum=2**63 - 1, integer=True)
    check_number("start_step", start_step, minimum=0, integer=True)
    check_number("num_steps", num_steps, minimum=0, integer=True)
    check_number("num_replays", num_replays, minimum=1, integer=True)
    first, last = _slice_bounds(batch_size, replica_slice)
    augmentation = augmentation or None
    first_epoch, skipped = divmod(start_step // num_replays, per_epoch)
    end_epoch = -(-(start_step + num_steps) // (per_epoch * num_replays))

    def steps_of(epoch: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(
            tf.range(size, dtype=tf.int64), epoch_seed, alg="philox"
        )
        indices = tf.reshape(order[: per_epoch * batch_size], (per_epoch, batch_size))[:, first:last]
        indices = indices[tf.where(epoch == first_epoch, tf.constant(skipped, tf.int64), 0) :]
        steps = {"indices": indices}
        if augmentation:
            stream = tf.random.experimental.stateless_fold_in(epoch_seed, AUGMENTATION_STREAM, alg="philox")
            steps["draws"] = tf.gather(augmentation.draws(size, seed=stream), indices)
        return tf.data.Dataset.from_tensor_slices(steps)

    take = _gather(split)

    def batch_of(step: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        batch = take(step["indices"])
        if augmentation:
            batch["images"] = augmentation(batch["images"], step["draws"])
        return batch

    steps = tf.data.Dataset.range(first_epoch, end_epoch).flat_map(steps_of)
    if num_replays > 1:
        steps = steps.flat_map(lambda step: tf.data.Dataset.from_tensors(step).repeat(num_replays))
        steps = steps.skip(start_step % num_replays)
    steps = steps.take(num_steps)
    return _finish(steps.map(batch_of, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True))


def evaluation_batches(split: Split, *, batch_size: int) -> tf.data.Dataset:
    """All examples in order, in batches of one size.

    Args:
        split: what to evaluate on.
        batch_size: B.

    Returns:
        Elements as those of `training_batches`, with `valid` bool (B,) besides: the last batch is filled up
        with example 0, which is not valid there, so that shapes are constant and totals exact.

    Raises:
        UserError: if `batch_size` is not an integer >= 1.

    Example:
        >>> split = Split(np.zeros((5, 8, 8, 1), np.uint8), np.zeros(5, int))
        >>> [int(np.sum(batch["valid"])) for batch in evaluation_batches(split, batch_size=3)]
        [3, 2]
    """
    check_number("batch_size", batch_size, minimum=1, integer=True)
    size = len(split)
    take = _gather(split)

    def batch_of(number: tf.Tensor) -> dict[str, tf.Tensor]:
        positions = number * batch_size + tf.range(batch_size, dtype=tf.int64)
        valid = positions < size
        return take(tf.where(valid, positions, tf.zeros_like(positions))) | {"valid": valid}

    numbers = tf.data.Dataset.range(-(-size // batch_size))
    return _finish(numbers.map(batch_of, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True))


def _gather(split: Split):
    """A function from indices to a batch."""
    # Eager tensors, lifted out of any graph being built, are captured by reference; anything else would be
    # copied into the graph as a constant.
    with tf.init_scope(), tf.device("CPU:0"):
        images, labels = tf.convert_to_tensor(split.images), tf.convert_to_tensor(split.labels)

    def take(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        batch = tf.gather(images, indices)
        if images.dtype == tf.uint8:
            batch = tf.cast(batch, tf.float32) / 255
        return {"images": batch, "labels": tf.gather(labels, indices), "indices": indices}

    return take


def _finish(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    # There are no files to share out among workers.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)


def _slice_bounds(batch_size: int, replica_slice: tuple[int, int] | None) -> tuple[int, int]:
    count, index = (1, 0) if replica_slice is None else replica_slice
    check_number("replica_slice", count, minimum=1, integer=True)
    if not 0 <= index < count:
        raise argument_error("replica_slice", f"(count, index) with 0 <= index < {count}", replica_slice)
    if batch_size % count:
        raise argument_error("batch_size", f"a multiple of the {count} workers", batch_size)
    length = batch_size // count
    return index * length, (index + 1) * length
