"""What an attack gives back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class AttackResult:
    """The adversarial images of a batch and the library's verdict on each.

    Every field with a leading N is per example, in the order of the images given.

    Attributes:
        adversarial: (N, H, W, C) float32 in [0, 1]. For examples that were not broken, the attack's last
            attempt; for examples whose clean image is misclassified already, the clean image, bit for bit.
        success: (N,) bool. The attack's own criterion, judged in float32 by a fresh forward pass on
            `adversarial`: the prediction is wrong (untargeted) or the target (targeted), and the image is
            finite, within [0, 1] and within the radius (`mmc_tf.attacks.judging`).
        misclassified: (N,) bool. The prediction on that same image is not the true label, and the image is
            valid. Equals `success` for untargeted attacks. Robust accuracy is `1 - mean(misclassified)`, also
            for targeted attacks, as in the papers.
        found: (N,) bool. As `success` but at any distance: what an attack for the least distance found beyond
            the radius it is judged by.
        distance: (N,) float32. Norm of `adversarial - images` in the attack's norm; 0 where nothing was
            attacked.
        queries: (N,) int32. Images that the attack sent through the model for this example (with or without a
            gradient), the clean one among them. The final judging is not counted.
        zero_gradient: (N,) bool. The gradient of the objective at the clean image is zero (its l1 norm is
            below 1e-30), so that a gradient attack does not see where to go. False for attacks without
            gradients.
        nonfinite_gradient: (N,) bool. That gradient holds NaN or inf, in whose place the attack takes 0. None
            for attacks without gradients of the model they attack.
        nonfinite_output: (N,) bool. The model answers `adversarial` with NaN or infinity, which counts as
            misclassified; `prediction` is then -1.
        prediction: (N,) int32. The class predicted on `adversarial` by the judging pass.
        clean_prediction: (N,) int32. The class predicted on the clean image.
        targets: (N,) int32 of a targeted attack, None of an untargeted one.
        forward_passes: images sent forward through the model in all, judging included, of the examples that
            were to be attacked: what fills up a batch is not counted, so that totals are those of any batch size.
        backward_passes: images sent backward through the model in all.
        broken_by: (N,) int32 of an ensemble: the stage that broke the example, -1 where none did. None
            otherwise.
        source_correct: (N,) bool of a transfer attack: the source classifies the clean image correctly. None
            otherwise.
        objective: what the attack climbed; None where no name describes it.
        notes: sentences on the network that belong beside the number, under their codes
            (`mmc_tf.classifier.look`).
    """

    adversarial: np.ndarray
    success: np.ndarray
    misclassified: np.ndarray
    found: np.ndarray
    distance: np.ndarray
    queries: np.ndarray
    zero_gradient: np.ndarray
    prediction: np.ndarray
    clean_prediction: np.ndarray
    targets: np.ndarray | None
    forward_passes: int
    backward_passes: int
    broken_by: np.ndarray | None = None
    source_correct: np.ndarray | None = None
    nonfinite_gradient: np.ndarray | None = None
    nonfinite_output: np.ndarray | None = None
    objective: str | None = None
    notes: dict[str, str] = dataclasses.field(default_factory=dict)


def join(earlier: AttackResult, later: AttackResult, survived: np.ndarray) -> AttackResult:
    """The result of two attacks in order, the later one on the examples that `survived` (N,) bool.

    Counts add up. What an example is shown with is the later attack's where it survived the earlier one. The
    zero gradients are the first attack's.
    """
    per_example = ("adversarial", "success", "misclassified", "found", "distance", "prediction")
    taken = {}
    for name in per_example:
        before, after = getattr(earlier, name), getattr(later, name)
        mask = survived.reshape(-1, *(1,) * (before.ndim - 1))
        taken[name] = np.where(mask, after, before)
    taken["nonfinite_output"] = np.where(survived, later.nonfinite_output, earlier.nonfinite_output)
    return dataclasses.replace(
        earlier,
        **taken,
        queries=earlier.queries + later.queries,
        forward_passes=earlier.forward_passes + later.forward_passes,
        backward_passes=earlier.backward_passes + later.backward_passes,
    )
