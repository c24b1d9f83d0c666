"""Which precision is the faster on this machine: seconds that were measured, and the choice by them.

bfloat16 wins where the processor has units for it (`amx_bf16`, `avx512_bf16`) or on a GPU, and loses many times over
elsewhere; the gradients of a convolution's weights are a hundred times slower there. So nothing is believed of a
machine that was not measured on the network at hand.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

AUTO, PLAIN = "auto", "float32"
# Another precision than float32 costs digits: it must be faster by this share at least.
GAIN = 0.1
# One image decides where a precision takes so many times as long: what is that slow is not asked for a batch.
HOPELESS = 3.0
BATCH_SIZE, ROUNDS, SECONDS = 8, 5, 3.0


@dataclasses.dataclass(frozen=True)
class PrecisionChoice:
    """A precision, and why it was taken.

    Args:
        precision: what is computed in.
        seconds: of one step in each precision that was measured; empty where none was.
        reason: one line that begins with the precision.
        asked: what the user asked for: `auto`, or the precision itself.
    """

    precision: str
    seconds: Mapping[str, float]
    reason: str
    asked: str = AUTO

    def as_dict(self) -> dict[str, Any]:
        """The choice as files have it."""
        return {
            "asked": self.asked,
            "used": self.precision,
            "reason": self.reason,
            "seconds": {name: float(f"{value:.3g}") for name, value in self.seconds.items()},
        }


def as_asked(precision: str) -> PrecisionChoice:
    """The choice that a user made."""
    return PrecisionChoice(precision, {}, f"{precision}: as asked for", asked=precision)


def choose_precision(seconds: Mapping[str, float]) -> PrecisionChoice:
    """Choose the fastest precision; float32 unless another is faster by a tenth.

    Args:
        seconds: > 0, of the same step, `float32` among them.

    Example:
        >>> choose_precision({"float32": 0.021, "bfloat16": 0.010}).reason
        'bfloat16: 2.1 times faster than float32 here'
        >>> choose_precision({"float32": 0.010, "bfloat16": 0.063}).reason
        'float32: bfloat16 takes 6.3 times as long here'
    """
    other = min((name for name in seconds if name != PLAIN), key=seconds.__getitem__)
    gain, loss = seconds[PLAIN] / seconds[other], seconds[other] / seconds[PLAIN]
    if seconds[other] <= (1 - GAIN) * seconds[PLAIN]:
        return PrecisionChoice(other, dict(seconds), f"{other}: {gain:.1f} times faster than {PLAIN} here")
    if loss >= 1.05:
        return PrecisionChoice(PLAIN, dict(seconds), f"{PLAIN}: {other} takes {loss:.1f} times as long here")
    return PrecisionChoice(PLAIN, dict(seconds), f"{PLAIN}: {other} is not clearly faster here")


def unmeasured(why: str) -> PrecisionChoice:
    """float32, since there was nothing to measure."""
    return PrecisionChoice(PLAIN, {}, f"{PLAIN}: {why}")


def measure_steps(
    steps: Mapping[str, Callable[[int], Any]], *, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Measure the seconds of one step in each precision: the best of a few, in turn, after a warm-up.

    Args:
        steps: by precision, what works on so many images and returns when it is done.
        clock: seconds.

    Returns:
        Seconds of a step on 8 images; on one image where one precision is hopeless already there.
    """
    for step in steps.values():
        step(1)  # traces and compiles
    single = _best(steps, 1, clock)
    if max(single.values()) >= HOPELESS * min(single.values()):
        return single
    for step in steps.values():
        step(BATCH_SIZE)
    return _best(steps, BATCH_SIZE, clock)


def _best(
    steps: Mapping[str, Callable[[int], Any]], images: int, clock: Callable[[], float]
) -> dict[str, float]:
    """The least seconds of each step, taken in turn so that other work on the machine hits all alike."""
    best = dict.fromkeys(steps, float("inf"))
    began = clock()
    for _ in range(ROUNDS):
        for name, step in steps.items():
            start = clock()
            step(images)
            best[name] = min(best[name], clock() - start)
        if clock() - began > SECONDS:
            break
    return best
