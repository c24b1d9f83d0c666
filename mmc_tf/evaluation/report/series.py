"""Lines of robust accuracy, read off the records of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmc_tf.report.colours import SERIES

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """Robust accuracy in percent against one quantity.

    Attributes:
        name: of the attack, with its objective.
        epsilon: the radius of all its points, where it is one.
        x: the quantity, ascending.
        y: robust accuracy, in percent.
        low, high: the bounds of its 95 % interval.
    """

    name: str
    epsilon: float | None
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def name_of(record: Record) -> str:
    """The attack with what tells it apart beside radius and number of steps: `pgd mmc targeted`."""
    words = (
        record["attack"],
        f"x{record['num_restarts']}" if record["num_restarts"] > 1 else "",
        *record.get("details", ()),
        record["objective"] or "",
        "" if record["adaptive"] else "(non-adaptive)",
        "targeted" if record["targeted"] else "",
        "last" if record.get("parameters", {}).get("iterate") == "last" else "",
    )
    return " ".join(word for word in words if word)


def norms_of(records: Sequence[Record]) -> list[str]:
    """The norms of the attacks that have a distance, in order of appearance."""
    return list(dict.fromkeys(record["norm"] for record in records if record["radius"] != "none"))


def most_steps(records: Sequence[Record]) -> list[Record]:
    """Of records that differ in the number of steps alone, the one with most."""
    best: dict[tuple, Record] = {}
    for record in records:
        key = (name_of(record), record["norm"], record["epsilon"])
        if key not in best or record["num_steps"] > best[key]["num_steps"]:
            best[key] = record
    return list(best.values())


def lines_by_epsilon(records: Sequence[Record], norm: str) -> list[Line]:
    """Against ε, each attack with its largest number of steps; only of attacks with two radii or more."""
    fitting = [record for record in most_steps(records) if _has_radius(record, norm)]
    return _lines(fitting, name_of, x="epsilon", epsilon=False)


def lines_by_steps(records: Sequence[Record], norm: str) -> list[Line]:
    """Against the number of steps, each attack at each radius; only where there are two numbers or more."""
    fitting = [record for record in records if _has_radius(record, norm)]
    return _lines(fitting, lambda record: (name_of(record), record["epsilon"]), x="num_steps", epsilon=True)


def worst_line(worst_cases: Sequence[Record], norm: str) -> Line | None:
    """What survives all attacks of each radius, where more than one attack has it."""
    fitting = [worst for worst in worst_cases if worst["norm"] == norm and len(worst["attacks"]) > 1]
    return _line("all of them", fitting, "epsilon", None) if len(fitting) > 1 else None


def strongest_lines(lines: Sequence[Line], count: int = len(SERIES)) -> list[Line]:
    """At most `count` lines, those that end lowest, in their own order."""
    kept = sorted(lines, key=lambda line: line.y[-1])[:count]
    return [line for line in lines if line in kept]


def _has_radius(record: Record, norm: str) -> bool:
    return record["norm"] == norm and record["epsilon"] is not None and record["radius"] != "none"


def _lines(records: Sequence[Record], key: Callable[[Record], Any], *, x: str, epsilon: bool) -> list[Line]:
    groups: dict[Any, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return [
        _line(name_of(group[0]), group, x, group[0]["epsilon"] if epsilon else None)
        for group in groups.values()
        if len({record[x] for record in group}) > 1
    ]


def _line(name: str, records: Sequence[Record], x: str, epsilon: float | None) -> Line:
    ordered = sorted(records, key=lambda record: record[x])
    return Line(
        name,
        epsilon,
        x=tuple(record[x] for record in ordered),
        y=tuple(100 * record["robust_accuracy"] for record in ordered),
        low=tuple(100 * record["interval"][0] for record in ordered),
        high=tuple(100 * record["interval"][1] for record in ordered),
    )
