"""What identifies a model and a set of examples: a resumed evaluation must meet the same ones."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import mmc_tf
from mmc_tf.attacks.base import Attack
from mmc_tf.attacks.oracle import Model
from mmc_tf.attacks.transfer import Transfer
from mmc_tf.classifier import Classifier
from mmc_tf.data import Split
from mmc_tf.data.fingerprints import fingerprint_split, hash_arrays
from mmc_tf.evaluation.examples import Shard
from mmc_tf.evaluation.records import SCHEMA_VERSION, attack_parameters

Attacks = Sequence[tuple[str, Attack]]


def fingerprint_model(model: Any) -> str | None:
    """SHA-256 of a Keras model's weights in order; None for a callable of unknown weights."""
    model = Classifier.of(model).network
    if not isinstance(model, keras.Model):
        return None
    return hash_arrays(model.get_weights())


def fingerprint_sources(attack: Attack) -> list[str | None]:
    """SHA-256 of the weights that an attack, or the members of `worst`, craft on beside the model."""
    if isinstance(attack, Transfer):
        return [fingerprint_model(attack.source.model)]
    return [each for member in getattr(attack, "members", ()) for each in fingerprint_sources(member)]


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {
        "mmc_tf": mmc_tf.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def describe_plan(
    model: Model,
    split: Split,
    attacks: Attacks,
    *,
    seed: int,
    indices: Any = None,
    shard: Shard | None = None,
    diagnose: bool = False,
    attack_precision: str = "float32",
    detection: bool = False,
    input_range: Sequence[float] | None = None,
) -> dict[str, Any]:
    """What is evaluated, as plain data: two evaluations of equal plans have equal verdicts.

    The batch size is not part of it: verdicts do not depend on it, and a run that ended for want of memory may go on
    with a smaller one. `shard` and `indices_sha256` are there only where not all examples are meant, `input_range`
    only where one was given, `diagnose` only where probes are run beside the attacks, `detection` only where images
    are scored, `attack_precision` only where it is not float32; `auto`, as long as nothing is chosen, fits any.
    """
    part = {} if shard is None else {"shard": shard.as_dict()}
    if indices is not None:
        part["indices_sha256"] = hash_arrays([np.asarray(indices, np.int64)])
    if diagnose:
        part["diagnose"] = True
    if detection:
        part["detection"] = True
    if attack_precision != "float32":
        part["attack_precision"] = attack_precision
    if input_range is not None:
        part["input_range"] = [float(value) for value in input_range]
    return part | {
        "schema_version": SCHEMA_VERSION,
        "seed": seed,
        "model": {"weights_sha256": fingerprint_model(model)},
        "examples": {"count": len(split), "sha256": fingerprint_split(split)},
        "attacks": [
            {
                "label": label,
                "attack": attack.name,
                "parameters": attack_parameters(attack),
                "sources_sha256": fingerprint_sources(attack),
            }
            for label, attack in attacks
        ],
    }


def precision_of(plan: Mapping[str, Any]) -> str:
    """What the attacks of a plan compute in."""
    return plan.get("attack_precision", "float32")
