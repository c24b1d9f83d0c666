"""The machines that train together, as the environment variable `TF_CONFIG` names them."""

from __future__ import annotations

import json
import os

from mmc_tf.checks import UserError, argument_error

VARIABLE = "TF_CONFIG"


_EXPECTED = (
    'JSON such as {"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'
)
_TRAINING = ("chief", "worker")


def num_workers() -> int:
    """How many machines `TF_CONFIG` names; 0 without it.

    Raises:
        UserError: if it is not JSON with lists of addresses and, where there are any, this machine's place among them.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return 0
    try:
        config = json.loads(text)
    except json.JSONDecodeError:
        raise argument_error(VARIABLE, _EXPECTED, text) from None
    cluster = config.get("cluster", {}) if isinstance(config, dict) else None
    if not isinstance(cluster, dict) or not all(map(_is_job, cluster.values())):
        raise argument_error(VARIABLE, _EXPECTED, text)
    count = sum(len(cluster.get(kind, ())) for kind in _TRAINING)
    if count > 1:
        _check_task(config.get("task"), cluster, text)
    return count


def _is_job(addresses: object) -> bool:
    return isinstance(addresses, list) and all(
        isinstance(address, str) and address.rpartition(":")[0] and address.rpartition(":")[2].isdigit()
        for address in addresses
    )


def _check_task(task: object, cluster: dict[str, list[str]], text: str) -> None:
    kind = task.get("type") if isinstance(task, dict) else None
    index = task.get("index") if isinstance(task, dict) else None
    if not isinstance(kind, str) or kind not in cluster or type(index) is not int:
        expected = f"a task with the type and the index of this machine in the cluster, as in {_EXPECTED[5:]}"
        raise argument_error(VARIABLE, expected, text)
    if not 0 <= index < len(cluster[kind]):
        expected = f"a task with an index >= 0 and < {len(cluster[kind])}, the number of {kind}s"
        raise argument_error(VARIABLE, expected, text)


def check_cluster() -> None:
    """Makes sure that there is a cluster to train in.

    Raises:
        UserError: otherwise.
    """
    if num_workers() < 1:
        raise UserError(
            f"Invalid value for argument `strategy`. Expected the environment variable {VARIABLE} with "
            '{"cluster": {"worker": [...]}, "task": {...}} for multi_worker. '
            f"Received: {VARIABLE}={os.environ.get(VARIABLE)}"
        )
