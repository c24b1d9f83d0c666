"""Data sets and batches of them.

The names are imported when they are first used: looking for a data set needs no TensorFlow, whose import
takes most of the 5 seconds within which a mistake should be reported.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmc_tf.data.augmentation import Augmentation
    from mmc_tf.data.dataset import Dataset, Split
    from mmc_tf.data.datasets import canonical_name, load, names
    from mmc_tf.data.pipeline import evaluation_batches, steps_per_epoch, training_batches

_MODULES = {
    "Augmentation": "augmentation",
    "Dataset": "dataset",
    "Split": "dataset",
    "canonical_name": "datasets",
    "evaluation_batches": "pipeline",
    "load": "datasets",
    "names": "datasets",
    "steps_per_epoch": "pipeline",
    "training_batches": "pipeline",
}

__all__ = [
    "Augmentation",
    "Dataset",
    "Split",
    "canonical_name",
    "evaluation_batches",
    "load",
    "names",
    "steps_per_epoch",
    "training_batches",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
