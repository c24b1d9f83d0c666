"""Contenders that do the same work, timed in interleaved rounds, each result on disk before the next begins."""

from __future__ import annotations

import hashlib
import json
import pathlib
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from speed.clock import now

SLACK = 1e-6  # of a radius
Attacked = tuple[np.ndarray, float]


@dataclass(frozen=True)
class Task:
    """What every contender of a row is given.

    Attributes:
        images: (N, H, W, C) float32.
        labels: (N,) int32.
        logits_of: the judge, (N, H, W, C) -> (N, L).
        epsilon: radius; None: any distance.
        norm: `linf` or `l2`.
    """

    images: np.ndarray
    labels: np.ndarray
    logits_of: Callable[[np.ndarray], np.ndarray]
    epsilon: float | None
    norm: str = "linf"

    def judge(self, adversarial: np.ndarray) -> dict[str, float | None]:
        """Robust accuracy of all images, and the median distance of those that are classified wrongly."""
        delta = (adversarial.astype(np.float64) - self.images).reshape(len(self.images), -1)
        distance = np.linalg.norm(delta, ord=np.inf if self.norm == "linf" else 2, axis=1)
        clean_wrong = self.logits_of(self.images).argmax(axis=1) != self.labels
        wrong = self.logits_of(adversarial).argmax(axis=1) != self.labels
        if self.epsilon is not None:
            wrong &= distance <= self.epsilon * (1 + SLACK) + SLACK
        moved = distance[wrong & ~clean_wrong]
        return {
            "robust": float(1 - np.mean(wrong | clean_wrong)),
            "distance": float(np.median(moved)) if len(moved) else None,
        }


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: unique within the row.
        run: does it, and returns the adversarial images and the seconds it took.
        prepare: what is done once before, such as compiling.
        ours: whether it is this library.
    """

    name: str
    run: Callable[[], Attacked]
    prepare: Callable[[], Any] = lambda: None
    ours: bool = False


class Store:
    """Results by name in one JSON file, written whole after each.

    Args:
        path: the file; made if it is not there.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def get(self, name: str) -> Any:
        """What is kept under a name, or None."""
        return self._kept.get(name)

    def put(self, name: str, value: Any) -> None:
        """Keeps a value that JSON can hold."""
        self._kept[name] = value
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f".{self._path.name}")
        temporary.write_text(json.dumps(self._kept, indent=1), encoding="utf-8")
        temporary.replace(self._path)


def key_of(row: str, contender: str, parameters: Mapping[str, Any]) -> str:
    """The name of a contender's results: another one for other parameters."""
    digest = hashlib.sha256(json.dumps(dict(parameters), sort_keys=True, default=str).encode()).hexdigest()
    return f"{row}/{contender}/{digest[:10]}"


def timed(work: Callable[[], np.ndarray]) -> Attacked:
    """What `work` returns and the seconds it took."""
    started = now()
    result = work()
    return result, now() - started


def hold(
    row: str,
    contenders: list[Contender],
    task: Task,
    *,
    rounds: int,
    store: Store,
    parameters: Mapping[str, Any],
    say: Callable[[str], Any] = print,
) -> dict[str, dict[str, Any]]:
    """Runs every contender once a round, as often as the store does not hold it yet.

    Returns:
        By contender: `seconds` (the median), `all_seconds`, and what `Task.judge` says of its first images.
    """
    keys = {each.name: key_of(row, each.name, parameters) for each in contenders}
    prepared = set()
    for number in range(rounds):
        for each in contenders:
            kept = store.get(keys[each.name]) or {"all_seconds": []}
            if len(kept["all_seconds"]) > number:
                continue
            if each.name not in prepared:
                each.prepare()
                prepared.add(each.name)
            adversarial, seconds = each.run()
            if "robust" not in kept:
                kept |= task.judge(adversarial)
            kept["all_seconds"] = [*kept["all_seconds"], seconds]
            store.put(keys[each.name], kept)
            say(f"{row}, round {number + 1}, {each.name}: {seconds:.1f} s")
    found = {name: store.get(key) for name, key in keys.items()}
    return {
        name: kept | {"seconds": statistics.median(kept["all_seconds"][:rounds])}
        for name, kept in found.items()
    }
