"""The machines that train together, as the environment variable `TF_CONFIG` names them."""

from __future__ import annotations

import json
import os

from mmc_tf.checks import UserError, argument_error

VARIABLE = "TF_CONFIG"


def num_workers() -> int:
    """How many machines `TF_CONFIG` names; 0 without it.

    Raises:
        UserError: if it is not JSON of the form {"cluster": {"worker": [...]}, ...}.
    """
    text = os.environ.get(VARIABLE) or "{}"
    try:
        cluster = json.loads(text).get("cluster", {})
        return len(cluster.get("worker", [])) + len(cluster.get("chief", []))
    except (json.JSONDecodeError, AttributeError, TypeError):
        raise argument_error(VARIABLE, 'JSON such as {"cluster": {"worker": [...]}, ...}', text) from None


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
