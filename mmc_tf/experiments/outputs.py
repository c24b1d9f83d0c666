"""Features and logits of a trained network, for experiments that look at more than verdicts."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, replace

import numpy as np

from mmc_tf.experiments.lab import Lab


@dataclass(frozen=True)
class Outputs:
    """What a network says of images.

    Attributes:
        features: z (N, d) float32.
        logits: (N, L) float32, up to one constant per image (`Head.shifted_logits`).
        labels: int32 (N,).
        head: the head's weights by name: `centers`, `means`, `log_variances`, `kernel`, …
    """

    features: np.ndarray
    logits: np.ndarray
    labels: np.ndarray
    head: dict[str, np.ndarray]

    @property
    def centers(self) -> np.ndarray | None:
        """The classes' centers (L, d), fixed, trained or followed, of a head that has some."""
        names = (name for name in ("centers", "class_centers", "means") if name in self.head)
        return next((self.head[name] for name in names), None)

    def first(self, count: int) -> Outputs:
        """Those of the first images."""
        return replace(
            self, features=self.features[:count], logits=self.logits[:count], labels=self.labels[:count]
        )


def network_outputs(
    lab: Lab, run: pathlib.Path, *, dataset: str, split: str = "test", size: int | None = None
) -> Outputs:
    """The outputs of a network for a data set's first images, computed once.

    Args:
        lab: where the network is.
        run: its folder.
        dataset: as the experiment calls it.
        split: `train` or `test`.
        size: images; None: all.
    """

    def make() -> dict[str, np.ndarray]:
        # TensorFlow is loaded only where something is to be computed.
        from mmc_tf.evaluation.features import compute_features
        from mmc_tf.models import head_call

        images = getattr(lab.dataset(dataset), split)
        images = images.part(0, len(images) if size is None else size)
        model = lab.load(run)
        head = head_call(model(images.as_float()[:1])).head
        features = compute_features(model, images.as_float(), batch_size=100)
        weights = {f"head_{weight.name}": np.asarray(weight) for weight in head.weights}
        return {
            "features": features,
            "logits": np.asarray(head.shifted_logits(features)),
            "labels": images.labels,
            **weights,
        }

    key = {"run": run.name, "dataset": dataset, "split": split, "size": size}
    arrays = lab.compute(f"outputs-{run.name}", key, make)
    head = {name.removeprefix("head_"): array for name, array in arrays.items() if name.startswith("head_")}
    return Outputs(arrays["features"], arrays["logits"], arrays["labels"], head)
