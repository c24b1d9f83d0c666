"""The rows as text, and what missed its target."""

from __future__ import annotations

from speed.rows import EQUAL, Outcome, Target


def ratio_to_peers(outcome: Outcome, name: str) -> float:
    """How many times faster a contender is than the fastest that is not ours."""
    fastest = min(outcome.results[peer]["seconds"] for peer in outcome.peers)
    return fastest / outcome.results[name]["seconds"]


def missed(outcome: Outcome) -> list[str]:
    """Targets that are not reached, in words; also a robust accuracy above every peer's."""
    found = [
        f"{outcome.name} {target.ours} {ratio_to_peers(outcome, target.ours):.2f} < {target.ratio:.2f}"
        for target in outcome.targets
        if ratio_to_peers(outcome, target.ours) < target.ratio
    ]
    lowest = min(outcome.results[peer]["robust"] for peer in outcome.peers)
    for target in outcome.targets:
        robust = outcome.results[target.ours]["robust"]
        if robust > lowest + EQUAL + 1e-9:
            found.append(f"{outcome.name} {target.ours} leaves {robust:.1%}, a peer {lowest:.1%}")
    return found


def format_row(outcome: Outcome) -> str:
    """A row of the issue's table as a table of its contenders, the fastest first, in Markdown."""
    targets: dict[str, Target] = {target.ours: target for target in outcome.targets}
    lines = [
        f"| {outcome.name} | s | rounds | robust | distance | times the fastest peer | target |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, result in sorted(outcome.results.items(), key=lambda item: item[1]["seconds"]):
        rounds = " ".join(f"{value:.1f}" for value in result["all_seconds"])
        distance = "" if result["distance"] is None else f"{result['distance']:.4f}"
        target = f">= {targets[name].ratio:.2f}" if name in targets else ""
        ratio = f"{ratio_to_peers(outcome, name):.2f}"
        peer = " (peer)" if name in outcome.peers else ""
        lines.append(
            f"| {name}{peer} | {result['seconds']:.1f} | {rounds} | {result['robust']:.1%} | {distance} | {ratio} "
            f"| {target} |"
        )
    return "\n".join(lines)
