"""One device, several GPUs, several machines: strategies, and batches cut for their replicas."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from mmc_tf.checks import argument_error, check_choice
from mmc_tf.training.cluster import VARIABLE, check_cluster, num_workers

STRATEGIES = ("auto", "none", "mirrored", "multi_worker")


def make_strategy(name: str, *, several_machines: bool = True) -> tf.distribute.Strategy:
    """The strategy of a name.

    Args:
        name: `"none"`: one device. `"mirrored"`: every GPU of this machine, or every logical CPU device where
            there is no GPU. `"multi_worker"`: the machines of `TF_CONFIG`. `"auto"`: `multi_worker` where
            `TF_CONFIG` names more than one worker, `mirrored` where there are several GPUs, else `none`.
        several_machines: whether `auto` may be `multi_worker`.

    Raises:
        UserError: for another name, and for `multi_worker` without a cluster in `TF_CONFIG`.
    """
    check_choice("strategy", name, STRATEGIES)
    if name == "auto":
        name = _automatic(several_machines)
    if name == "multi_worker":
        check_cluster()
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (tf.errors.OpError, ValueError) as error:  # an address that is taken, or not this machine's
            reason = " ".join(str(error).split()) or type(error).__name__
            raise argument_error(VARIABLE, "addresses at which the machines can meet", reason) from None
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def _automatic(several_machines: bool) -> str:
    if several_machines and num_workers() > 1:
        return "multi_worker"
    return "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "none"


def is_alone(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process trains without others, on however many devices."""
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.task_type


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the run's files: the first worker, or the only process there is."""
    if is_alone(strategy):
        return True
    resolver = strategy.cluster_resolver
    return resolver.task_type == "chief" or (
        resolver.task_type == "worker"
        and resolver.task_id == 0
        and "chief" not in resolver.cluster_spec().jobs
    )


def check_batch_size(strategy: tf.distribute.Strategy, batch_size: int) -> None:
    """Refuses a global batch that the replicas cannot share evenly.

    Raises:
        UserError: if `batch_size` is not a multiple of the number of replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise argument_error("batch_size", f"a multiple of the {replicas} replicas", batch_size)


def distributed_batches(
    strategy: tf.distribute.Strategy,
    make_batches: Callable[[int, int], tf.data.Dataset],
    *,
    batch_size: int,
) -> tf.distribute.DistributedDataset | tf.data.Dataset:
    """Cuts global batches into contiguous equal parts, one a replica, in the order of the replicas.

    Args:
        strategy: any strategy.
        make_batches: from (number of processes, index of this one) to a data set of this process's slices of
            the global batches.
        batch_size: of the global batch.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return make_batches(1, 0)

    def of_this_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
        slices = make_batches(context.num_input_pipelines, context.input_pipeline_id)
        return slices.rebatch(batch_size // replicas, drop_remainder=True).prefetch(2)

    return strategy.distribute_datasets_from_function(of_this_process)


def slices(batches: tf.data.Dataset, count: int, index: int) -> tf.data.Dataset:
    """The contiguous part of every batch that is the `index`-th of `count` processes' own."""
    if count == 1:
        return batches

    def own_part(batch):
        size = tf.shape(batch["labels"])[0] // count
        return {name: value[index * size : (index + 1) * size] for name, value in batch.items()}

    return batches.map(own_part)
