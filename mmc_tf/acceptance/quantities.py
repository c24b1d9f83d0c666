"""What is measured of an attack: each quantity is one number with a unit."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mmc_tf.acceptance.lab import Lab, Run


class Quantity(abc.ABC):
    """A number that a lab can measure.

    Attributes:
        digits: how many behind the point are worth printing.
        in_points: whether it is a share of the examples in %: then no bound is tighter than one example.
    """

    digits: ClassVar[int] = 2
    in_points: ClassVar[bool] = False

    @abc.abstractmethod
    def value(self, lab: Lab, *, factor: float = 1.0) -> float:
        """The number, on a bed with its logits times `factor`."""

    def example(self, lab: Lab) -> float:
        """What one example counts, in points."""
        return 0.0


@dataclass(frozen=True)
class _OfRun(Quantity):
    run: Run

    def _broken_and_correct(self, lab: Lab, factor: float):
        result = lab.result(self.run, factor=factor)
        labels = lab.place(self.run.where).labels[: self.run.size]
        return result.found, result.clean_prediction == labels

    def example(self, lab: Lab) -> float:
        """By the number of images."""
        return 100.0 / len(lab.place(self.run.where).labels[: self.run.size])


@dataclass(frozen=True)
class RobustAccuracy(_OfRun):
    """The share of all examples that the attack leaves classified correctly, in %."""

    in_points: ClassVar[bool] = True

    def value(self, lab: Lab, *, factor: float = 1.0) -> float:
        """1 - mean(misclassified)."""
        return 100.0 * float(1 - lab.result(self.run, factor=factor).misclassified.mean())


@dataclass(frozen=True)
class ZeroGradients(_OfRun):
    """The share of examples on which the attack's gradient at the clean image is zero, in %."""

    in_points: ClassVar[bool] = True

    def value(self, lab: Lab, *, factor: float = 1.0) -> float:
        """mean(zero_gradient)."""
        return 100.0 * float(lab.result(self.run, factor=factor).zero_gradient.mean())


@dataclass(frozen=True)
class Exact(Quantity):
    """The exact robust accuracy of a bed's first `size` images in %, within its radius."""

    where: str
    norm: str
    size: int | None = None
    in_points: ClassVar[bool] = True

    def value(self, lab: Lab, *, factor: float = 1.0) -> float:
        """The share of examples whose exact distance is larger."""
        return 100.0 * float(
            (lab.margins(self.where, self.norm)[: self.size] > lab.radius(self.where, self.norm)).mean()
        )


@dataclass(frozen=True)
class DistanceOverExact(_OfRun):
    """Distance found over the exact one, by a statistic of the examples; inf if one was not broken."""

    statistic: str = "mean"
    digits: ClassVar[int] = 4

    def value(self, lab: Lab, *, factor: float = 1.0) -> float:
        """The statistic, a function of NumPy."""
        found, correct = self._broken_and_correct(lab, factor)
        if not found[correct].all():
            return float("inf")
        ratios = self._distances(lab, factor) / lab.margins(self.run.where, self.run.norm)[: self.run.size]
        return float(getattr(np, self.statistic)(ratios[correct]))

    def _distances(self, lab: Lab, factor: float) -> np.ndarray:
        # Not the result's float32, whose rounding is 1e-7 of a distance that is 1e-4 itself.
        return lab.result(self.run, factor=factor).distance.astype(np.float64)


@dataclass(frozen=True)
class AccuracyAtRadius(_OfRun):
    """The share of examples, in %, that are left within the bed's radius by an attack for the least distance."""

    in_points: ClassVar[bool] = True

    def value(self, lab: Lab, *, factor: float = 1.0) -> float:
        """1 - mean(found within the radius)."""
        result = lab.result(self.run, factor=factor)
        broken = result.found & (result.distance <= lab.radius(self.run.where, self.run.norm))
        return 100.0 * float(1 - broken.mean())


@dataclass(frozen=True)
class DistanceBeyondExact(_OfRun):
    """The largest |distance found - exact distance| in units of M/1024, M = `TWICE_FARTHEST`; inf if one failed."""

    def value(self, lab: Lab, *, factor: float = 1.0) -> float:
        """Largest difference over M/1024."""
        found, correct = self._broken_and_correct(lab, factor)
        if not found[correct].all():
            return float("inf")
        exact = lab.margins(self.run.where, self.run.norm)[: self.run.size]
        beyond = np.abs(lab.result(self.run, factor=factor).distance - exact)[correct].max()
        return float(beyond) * 1024 / (2 * lab.farthest(self.run.where, self.run.norm))


@dataclass(frozen=True)
class MeanDistance(_OfRun):
    """The mean distance over the examples that this run and another one both broke; inf if there are none."""

    other: Run
    digits: ClassVar[int] = 4

    def value(self, lab: Lab, *, factor: float = 1.0) -> float:
        """In units of the pixels, of this run."""
        found, correct = self._broken_and_correct(lab, factor)
        both = found & correct & lab.result(self.other, factor=factor).found
        return (
            float(lab.result(self.run, factor=factor).distance[both].mean()) if both.any() else float("inf")
        )


@dataclass(frozen=True)
class ShareNotFarther(_OfRun):
    """The share of correctly classified examples, in %, on which this run stays within another one's distance."""

    other: Run
    in_points: ClassVar[bool] = True

    def value(self, lab: Lab, *, factor: float = 1.0) -> float:
        """Distances are compared in this run's norm, failures count as inf."""
        found, correct = self._broken_and_correct(lab, factor)
        images = lab.place(self.run.where).images[: self.run.size]
        own, others = (
            np.where(result.found, _lengths(result.adversarial - images, self.run.norm), np.inf)
            for result in (lab.result(self.run, factor=factor), lab.result(self.other, factor=factor))
        )
        return 100.0 * float((own <= others * (1 + 1e-6))[correct & found].sum() / correct.sum())


@dataclass(frozen=True)
class Different(_OfRun):
    """The share of examples, in %, on which this run and another one disagree about the verdict."""

    other: Run
    in_points: ClassVar[bool] = True

    def value(self, lab: Lab, *, factor: float = 1.0) -> float:
        """mean(verdicts differ)."""
        one, two = (lab.result(run, factor=factor).misclassified for run in (self.run, self.other))
        return 100.0 * float((one != two).mean())


@dataclass(frozen=True)
class Formula(Quantity):
    """What a function computes of a lab."""

    function: Callable[[Lab], float]
    digits: ClassVar[int] = 4

    def value(self, lab: Lab, *, factor: float = 1.0) -> float:
        """The function's value."""
        with lab.at(factor):
            return float(self.function(lab))


def _lengths(delta: np.ndarray, norm: str) -> np.ndarray:
    order = {"linf": np.inf, "l2": 2, "l1": 1}[norm]
    return np.linalg.norm(delta.reshape(len(delta), -1).astype(np.float64), ord=order, axis=1)
