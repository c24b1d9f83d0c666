"""From verdicts per example to the record of an attack, and to the worst case over attacks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmc_tf.checks import NOT_FINITE
from mmc_tf.evaluation.statistics import summarize_distances, wilson_interval

PER_EXAMPLE = (
    "attacked",
    "success",
    "misclassified",
    "found",
    "distance",
    "queries",
    "zero_gradient",
    "nonfinite_gradient",
    "prediction",
    "rounded_misclassified",
    "target",
    "source_correct",
    "broken_by",
)
SCHEMA_VERSION = 1
# Of a record, what is known before anything is attacked.
DESCRIBED = (
    "label",
    "attack",
    "details",
    "norm",
    "epsilon",
    "radius",
    "step_size",
    "num_steps",
    "num_restarts",
    "reach",
    "targeted",
    "objective",
    "adaptive",
    "differentiates",
    "parameters",
)
TOTALS = ("forward_passes", "backward_passes", "seconds")
_NONE = -1


@dataclasses.dataclass
class Verdicts:
    """What one attack did to every example of an evaluation; each array is (N,).

    Examples that are misclassified without an attack are not attacked: `misclassified`, distance 0.

    Attributes:
        attacked: bool; correctly classified, so the attack was run.
        misclassified: bool; the prediction is wrong, with or without the attack.
        success: bool; the attack reached its own goal (the target, for a targeted attack).
        found: bool; as `success`, at any distance.
        distance: float32; of the adversarial example, in the attack's norm.
        queries: int32; images that the attack sent through the model for the example.
        zero_gradient: bool; the objective's input gradient is exactly zero at the clean image.
        nonfinite_gradient: bool; that gradient holds NaN or inf.
        prediction: int32; the class of the adversarial image where it fools the model, else that of the clean
            one: it differs from the label if and only if `misclassified`.
        rounded_misclassified: bool; `misclassified`, and still so with the adversarial image rounded to 8 bits.
        target: int32; the target class, −1 where there is none.
        source_correct: bool; the source of a transfer attack classifies the clean image correctly.
        broken_by: int32; the stage of an ensemble that broke the example, −1 where none did.
        scores: float64 (N, 3); how suspicious the adversarial image looks (`detection`), NaN where nothing was
            attacked. None where nobody asked.
    """

    attacked: np.ndarray
    misclassified: np.ndarray
    success: np.ndarray
    found: np.ndarray
    distance: np.ndarray
    queries: np.ndarray
    zero_gradient: np.ndarray
    nonfinite_gradient: np.ndarray
    prediction: np.ndarray
    rounded_misclassified: np.ndarray
    target: np.ndarray
    source_correct: np.ndarray
    broken_by: np.ndarray
    forward_passes: int = 0
    backward_passes: int = 0
    seconds: float = 0.0
    scores: np.ndarray | None = None

    @classmethod
    def before_attack(
        cls, correct: np.ndarray, clean: np.ndarray, *, num_scores: int | None = None
    ) -> Verdicts:
        """The verdicts when nothing has been attacked yet.

        Args:
            correct: (N,) bool, who is still classified correctly.
            clean: (N,) int32 predictions on the clean images.
            num_scores: how many scores an image gets; None: they are not kept.
        """
        size = len(correct)
        return cls(
            attacked=np.zeros(size, bool),
            misclassified=~correct,
            success=np.zeros(size, bool),
            found=np.zeros(size, bool),
            distance=np.zeros(size, np.float32),
            queries=np.zeros(size, np.int32),
            zero_gradient=np.zeros(size, bool),
            nonfinite_gradient=np.zeros(size, bool),
            prediction=np.array(clean, np.int32),
            rounded_misclassified=~correct,
            target=np.full(size, _NONE, np.int32),
            source_correct=np.zeros(size, bool),
            broken_by=np.full(size, _NONE, np.int32),
            scores=None if num_scores is None else np.full((size, num_scores), np.nan),
        )

    def enter(self, batch: Mapping[str, np.ndarray]) -> None:
        """Enters one batch as the store keeps it: `positions` (B,), the arrays (B,), and the scalar totals."""
        positions = batch["positions"]
        self.attacked[positions] = True
        for name in PER_EXAMPLE[1:-1]:
            getattr(self, name)[positions] = batch[name]
        if self.scores is not None:
            self.scores[positions] = batch["scores"]
        self.forward_passes += int(batch["forward_passes"])
        self.backward_passes += int(batch["backward_passes"])
        self.seconds += float(batch["seconds"])

    def then(self, later: Verdicts, *, stage: int) -> Verdicts:
        """The verdicts of an ensemble after its stage number `stage`, which attacked the survivors.

        Its passes and seconds are added; zero and non-finite gradients are those of the first stage.
        """
        taken = {
            name: np.where(later.attacked, getattr(later, name), getattr(self, name)) for name in PER_EXAMPLE
        }
        taken["attacked"] = self.attacked | later.attacked
        taken["queries"] = self.queries + later.queries
        for name in ("zero_gradient", "nonfinite_gradient"):
            taken[name] = np.where(self.attacked, getattr(self, name), getattr(later, name))
        taken["broken_by"] = np.where(later.attacked & later.misclassified, np.int32(stage), self.broken_by)
        if self.scores is not None:
            taken["scores"] = np.where(later.attacked[:, None], later.scores, self.scores)
        totals = {name: getattr(self, name) + getattr(later, name) for name in TOTALS}
        return Verdicts(**taken, **totals)

    def left_by(self, stage: Verdicts) -> Verdicts:
        """The verdicts of an ensemble's stage, given those of the ensemble after it.

        Examples that earlier stages broke are misclassified for this one; their images are those stages'.
        """
        shown = {name: getattr(self, name) for name in ("prediction", "rounded_misclassified")}
        return dataclasses.replace(stage, **shown)


def plain(value: Any) -> Any:
    """`value` as JSON has it: NumPy becomes numbers and lists, what is not data its `str`."""
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def attack_parameters(attack: Any) -> dict[str, Any]:
    """Every parameter of an attack, its defaults resolved, as plain data."""
    return plain({name: value for name, value in attack.settings().items() if name != "attack"})


def is_adaptive(objective: str | None, head: Any) -> bool:
    """Whether an objective sees what the model's head does: softmax cross-entropy is blind on MMC heads."""
    return objective != "ce" or getattr(head, "adaptive_objective", "ce") == "ce"


def share(count: int, total: int) -> dict[str, Any]:
    """A count among `total` with its share and 95 % Wilson interval."""
    return {"count": count, "share": count / total, "interval": list(wilson_interval(count, total))}


def describe(label: str, attack: Any, *, head: Any = None, is_ensemble: bool = False) -> dict[str, Any]:
    """What a record says of an attack's settings, as plain data.

    Args:
        label: what tells the attack apart.
        attack: the attack.
        head: of the model that the attack's gradients come from, or None.
        is_ensemble: whether its stages have records of their own, with an objective each.
    """
    parameters = attack_parameters(attack)
    objective = None if attack.radius == "none" or is_ensemble else attack.choose_objective(head)
    return {
        "label": label,
        "attack": attack.name,
        "details": list(attack.details()),
        "norm": attack.norm,
        "epsilon": None if attack.epsilon is None else float(attack.epsilon),
        "radius": attack.radius,
        "step_size": parameters.get("step_size"),
        "num_steps": parameters.get("num_steps", 1),
        "num_restarts": parameters.get("num_restarts", 1),
        "reach": attack.reach() if math.isfinite(attack.reach()) else None,
        "targeted": attack.targeted,
        "objective": objective,
        "adaptive": is_adaptive(objective, head),
        "differentiates": attack.differentiates,
        "parameters": parameters,
    }


def make_record(
    description: Mapping[str, Any], verdicts: Verdicts, *, waterfall: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """One attack's record of `results.json`.

    Robust accuracy is over all examples; for a targeted attack too an example is robust while it is
    classified as its label (the papers' "targeted accuracy"), and the share of attacked ones that reached
    the target is reported beside it. Distances are of the examples for which an adversarial image was found,
    at any distance; `mean_over_all` counts the others with 0, as Table 2 of the MMC paper does.

    `rounded_robust` counts an example as robust, too, if its adversarial image no longer fools the model when
    rounded to 8 bits (`rounding.judge_rounded`): it is at least `robust`. That is so also of an attack for the
    least distance without a radius, which stops just past the boundary and loses most by rounding.

    Args:
        description: as `describe` gives it.
        verdicts: what the attack did.
        waterfall: of an ensemble, the records of its stages in order; each one's robust accuracy is what was
            left after it.
    """
    size = len(verdicts.misclassified)
    attacked = int(verdicts.attacked.sum())
    robust = int((~verdicts.misclassified).sum())
    rounded_robust = int((~verdicts.rounded_misclassified).sum())
    found = verdicts.attacked & verdicts.found
    reached = share(int(verdicts.success.sum()), attacked) if description["targeted"] and attacked else None
    distances = summarize_distances(verdicts.distance[found])
    if distances is not None:
        distances["mean_over_all"] = float(verdicts.distance[found].sum(dtype=np.float64) / size)
    record = {
        **description,
        "examples": size,
        "attacked": attacked,
        "broken": int((verdicts.attacked & verdicts.misclassified).sum()),
        "found": int(found.sum()),
        "robust": robust,
        "robust_accuracy": robust / size,
        "interval": list(wilson_interval(robust, size)),
        "rounded_robust": rounded_robust,
        "rounded_robust_accuracy": rounded_robust / size,
        "targeted_success": reached,
        "distance": distances,
        "forward_passes": verdicts.forward_passes,
        "backward_passes": verdicts.backward_passes,
        "queries": int(verdicts.queries.sum(dtype=np.int64)),
        "seconds": verdicts.seconds,
        "zero_gradient_rate": _rate(verdicts.zero_gradient, verdicts.attacked),
        "nonfinite_gradient_rate": _rate(verdicts.nonfinite_gradient, verdicts.attacked),
        "nonfinite_outputs": int((verdicts.attacked & (verdicts.prediction == NOT_FINITE)).sum()),
    }
    if waterfall:
        record["waterfall"] = list(waterfall)
    both = verdicts.attacked & verdicts.source_correct
    if both.any():
        record["both_correct"] = share(int((both & ~verdicts.misclassified).sum()), int(both.sum()))
    return record


def _rate(flags: np.ndarray, attacked: np.ndarray) -> float:
    """The share of attacked examples with a flag; 0 where none was attacked."""
    return float(flags[attacked].mean()) if attacked.any() else 0.0


def worst_case(records: Sequence[Mapping[str, Any]], misclassified: np.ndarray) -> dict[str, Any]:
    """Accuracy that survives every attack, and the attack that comes closest to it alone.

    Args:
        records: of the attacks, at least one.
        misclassified: bool (A, N), one row per attack.
    """
    size = misclassified.shape[1]
    robust = int((~misclassified.any(axis=0)).sum())
    strongest = min(records, key=lambda record: record["robust"])
    return {
        "attacks": [record["label"] for record in records],
        "strongest": strongest["label"],
        "robust": robust,
        "robust_accuracy": robust / size,
        "interval": list(wilson_interval(robust, size)),
    }


def is_bounded(record: Mapping[str, Any]) -> bool:
    """Whether a record's robust accuracy says anything: at any distance, every network can be fooled."""
    return record["epsilon"] is not None or record["radius"] != "least"


def worst_cases(records: Sequence[Mapping[str, Any]], verdicts: Sequence[Verdicts]) -> dict[str, Any]:
    """The worst case over all attacks (`overall`) and over those of each ball (`by_epsilon`).

    Attacks for the least distance that no radius judges have no part in it; `overall` is None if there are no
    others. Corruptions belong to no ball.
    """
    misclassified = np.stack([verdict.misclassified for verdict in verdicts])
    bounded = [number for number, record in enumerate(records) if is_bounded(record)]
    balls: dict[tuple[str, float], list[int]] = {}
    for number in bounded:
        norm, epsilon = records[number]["norm"], records[number]["epsilon"]
        if epsilon is not None:
            balls.setdefault((norm, epsilon), []).append(number)

    rounded = np.stack([verdict.rounded_misclassified for verdict in verdicts])

    def over(numbers: list[int]) -> dict[str, Any]:
        left = float((~rounded[numbers].any(axis=0)).mean())
        whole = worst_case([records[number] for number in numbers], misclassified[numbers])
        return whole | {"rounded_robust_accuracy": left}

    return {
        "overall": over(bounded) if bounded else None,
        "by_epsilon": [
            {"norm": norm, "epsilon": epsilon} | over(numbers) for (norm, epsilon), numbers in balls.items()
        ],
    }
