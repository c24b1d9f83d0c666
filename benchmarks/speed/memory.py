"""AutoAttack's memory by the number of images."""

from __future__ import annotations

import argparse

from speed.contest import Store, key_of
from speed.peak import autoattack_peak

ALL_OF_MNIST = 10_000
LIMIT = 4.0  # GiB


def memory_table(arguments: argparse.Namespace, store: Store) -> str:
    """Peak memory of whole processes, as Markdown: the checkpoint at two sizes, and all of MNIST's test set."""
    runs = [
        (arguments.checkpoint, int(size), arguments.memory_epsilon, arguments.data_dir)
        for size in arguments.memory_examples.split(",")
    ]
    if arguments.mnist_checkpoint:
        sizes = (ALL_OF_MNIST // 10, ALL_OF_MNIST)
        runs += [(arguments.mnist_checkpoint, size, arguments.mnist_epsilon, None) for size in sizes]
    lines = [
        f"| AutoAttack, batches of {arguments.batch_size} | images | peak, target < {LIMIT:g} GiB | robust | s |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for checkpoint, size, epsilon, data_dir in runs:
        numbers = {"size": size, "epsilon": epsilon, "batch": arguments.batch_size, "run": checkpoint}
        key = key_of("memory", checkpoint, numbers)
        found = store.get(key)
        if found is None:
            found = autoattack_peak(
                checkpoint, size, batch_size=arguments.batch_size, epsilon=epsilon, data_dir=data_dir
            )
            store.put(key, found)
        lines.append(
            f"| {checkpoint} | {found['examples']:.0f} | {found['peak']:.2f} GiB | {found['robust']:.1%} "
            f"| {found['seconds']:.0f} |"
        )
    return "\n".join(lines)
