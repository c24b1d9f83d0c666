"""APGD once more, for one example at a time, in NumPy and from whole histories instead of running counts."""

from __future__ import annotations

import math

import numpy as np


def project_l1(u: np.ndarray, x: np.ndarray, epsilon: float) -> np.ndarray:
    """The projection on ball and box, by trying the thresholds at which its slope changes."""
    size = np.abs(u)
    room = np.where(u > 0, 1 - x, x)

    def total(threshold):
        return np.minimum(np.maximum(size - threshold, 0), room).sum()

    if total(0.0) <= epsilon:
        threshold = 0.0
    else:
        kinks = np.unique(np.concatenate([[0.0], size.ravel(), np.maximum(size - room, 0).ravel()]))
        i = np.flatnonzero([total(kink) <= epsilon for kink in kinks])[0]
        low, high = kinks[i - 1], kinks[i]
        threshold = low + (total(low) - epsilon) / (total(low) - total(high)) * (high - low)
    return np.sign(u) * np.minimum(np.maximum(size - threshold, 0), room)


def into(point: np.ndarray, x: np.ndarray, epsilon: float, norm: str) -> np.ndarray:
    delta = point - x
    if norm == "linf":
        delta = np.clip(delta, -epsilon, epsilon)
    elif norm == "l2":
        delta = delta * min(1, epsilon / max(np.linalg.norm(delta), 1e-12))
    else:
        delta = project_l1(delta, x, (1 - 1e-6) * epsilon)
    # As float32 holds it: what is too small to be stored does not count as a changed pixel.
    return np.clip(x + delta, 0, 1).astype(np.float32).astype(float)


def checkpoints(num_steps: int) -> list[int]:
    found, period = [], max(int(0.22 * num_steps), 1)
    while sum(found[-1:]) + period <= num_steps:
        found.append(sum(found[-1:]) + period)
        period = max(period - max(int(0.03 * num_steps), 1), max(int(0.06 * num_steps), 1))
    return found


def climb(ask, x, start, *, norm: str, epsilon: float, num_steps: int) -> np.ndarray:
    """x_best of linf or l2; `ask` maps a point to objective and gradient."""
    value, gradient = ask(start)
    points, values, best = [start], [value], (value, start, gradient)
    point, before, step = start, start, 2 * epsilon
    halved, best_then, last = True, value, 0
    stops = checkpoints(num_steps)
    for k in range(1, num_steps + 1):
        share = 1.0 if k == 1 else 0.75
        direction = np.sign(gradient) if norm == "linf" else gradient / np.linalg.norm(gradient)
        u = into(point + step * direction, x, epsilon, norm)
        after = into(point + share * (u - point) + (1 - share) * (point - before), x, epsilon, norm)
        before, point = point, after
        value, gradient = ask(point)
        points.append(point)
        values.append(value)
        if value > best[0]:
            best = (value, point, gradient)
        if k in stops:
            window = np.diff(values[last : k + 1])
            halve = (window > 0).sum() <= 0.75 * (k - last) or (not halved and best[0] <= best_then)
            if halve:
                step, point, gradient = step / 2, best[1], best[2]
            halved, best_then, last = halve, best[0], k
    return best[1]


def climb_l1(ask, x, start, *, epsilon: float, num_steps: int, given: bool) -> np.ndarray:
    """x_best in l1."""
    value, gradient = ask(start)
    best, point, step, size = (value, start, gradient), start, epsilon, x.size
    changed = np.count_nonzero(start - x)
    kept, before = (math.ceil(changed / 1.5), changed) if given else (math.ceil(size / 5), size)
    period = max(int(0.04 * num_steps), 1)
    for k in range(1, num_steps + 1):
        order = np.argsort(-np.abs(gradient).ravel(), kind="stable")[: max(kept, 1)]
        direction = np.zeros(size)
        direction[order] = np.sign(gradient.ravel()[order])
        direction = direction.reshape(x.shape) / max(np.count_nonzero(direction), 1)
        point = into(point + step * direction, x, epsilon, "l1")
        value, gradient = ask(point)
        if value > best[0]:
            best = (value, point, gradient)
        if k % period == 0:
            changed = np.count_nonzero(best[1] - x)
            kept = math.ceil(changed / 1.5)
            if changed < 0.95 * before:
                step, point, gradient = epsilon, best[1], best[2]
            else:
                step = max(step / 1.5, epsilon / 10)
            before = changed
    return best[1]


def climb_with_schedule(ask, x, start, *, epsilon: float, num_steps: int) -> np.ndarray:
    point = start
    for factor, tenths in ((3, 3), (2, 3), (1, 4)):
        point = into(point, x, factor * epsilon, "l1")
        steps = tenths * num_steps // 10
        point = climb_l1(ask, x, point, epsilon=factor * epsilon, num_steps=steps, given=True)
    return point
