"""The arrays behind the pictures of a whole evaluation, from those of its shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmc_tf.evaluation import samples, store
from mmc_tf.evaluation.folders import Finished

MAX_IMAGES = 1000  # whose features are kept


def merge_pictures(
    shards: Sequence[Finished], indices: np.ndarray, labels: np.ndarray, clean: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
    """`samples.npz` and `features.npz` of the whole, where all shards have them.

    Args:
        shards: of one evaluation.
        indices: (N,) of all examples, ascending.
        labels: theirs, (N,).
        clean: predictions on their clean images, (N,).

    Returns:
        Arrays by the name of their file.
    """
    parts = [shard.arrays(store.SAMPLES) for shard in shards]
    num_classes = shards[0].results["model"].get("num_classes")
    if None in parts or num_classes is None:
        return {}
    chosen = samples.choose(indices, labels, clean == labels, num_classes=num_classes)
    if not len(chosen):
        return {}
    found = samples.trace(parts, indices[chosen])
    pictures = {store.SAMPLES: samples.merge_samples(parts, found)}
    features = [shard.arrays(store.FEATURES) for shard in shards]
    if None not in features:
        pictures[store.FEATURES] = merge_features(features, found)
    return pictures


def merge_features(
    parts: Sequence[Mapping[str, np.ndarray]], samples: Sequence[tuple[int, int]]
) -> dict[str, np.ndarray]:
    """One `features.npz` of those of disjoint parts of a data set, evaluated with the same model and attacks.

    Args:
        parts: what `gather_features` gave for each part.
        samples: for each sample of the whole, (part, place in the part's samples), as `samples.trace` gives them.

    Returns:
        As `gather_features` of the whole.
    """
    indices = np.concatenate([part["indices"] for part in parts])
    order = np.argsort(indices, kind="stable")[:MAX_IMAGES]
    whole = {
        name: np.concatenate([part[name] for part in parts])[order]
        for name in ("indices", "labels", "features")
    }
    if len(samples):
        rows = [parts[part]["adversarial_features"][:, place] for part, place in samples]
        whole["adversarial_features"] = np.stack(rows, axis=1)
    return whole | ({"centers": parts[0]["centers"]} if "centers" in parts[0] else {})
