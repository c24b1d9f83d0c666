"""The protocol's results in the layout of the paper's Appendix F: for the terminal, in Markdown and in LaTeX."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from mmc_tf.evaluation.latex import format_float
from mmc_tf.evaluation.presets import mma_kind
from mmc_tf.evaluation.text_tables import markdown_lines, terminal_lines
from mmc_tf.evaluation.wording import radius, warning_lines

# Of the paper's tables under combined attacks; white box follows four later, the gaps eight later.
_NUMBERS = {("mnist", "linf"): 4, ("cifar", "linf"): 5, ("mnist", "l2"): 6, ("cifar", "l2"): 7}
_CW_NUMBERS = {"mnist": 2, "cifar": 3}
_PUBLISHED_ON = ("mnist", "cifar10")
_KINDS = (
    ("combined", 0, "combined (white-box and transfer) attacks"),
    ("white_box", 4, "white-box attacks only"),
)
NOTHING = "-"


@dataclasses.dataclass(frozen=True)
class Table:
    """One table as text.

    Attributes:
        caption: what it shows, and the paper's table that has its layout.
        header: the columns' names, the first that of the networks.
        rows: cells.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def make_tables(results: Mapping[str, Any]) -> list[Table]:
    """Accuracies under combined and under white-box attacks, the gap between them, and C&W's distances."""
    return [*_accuracies(results), _gaps(results), *_margins(results)]


def _accuracies(results: Mapping[str, Any]) -> Iterator[Table]:
    for kind, later, words in _KINDS:
        rows = tuple(
            (
                model["name"],
                _percent(model["clean_accuracy"]),
                _percent(model[kind]["average_accuracy"]),
                _percent(model[kind]["average_robust_accuracy"]),
                *map(_percent, model[kind]["robust_accuracy"]),
            )
            for model in results["models"]
        )
        caption = f"Robust accuracy (%) under {words}{_layout(results, later)}"
        yield Table(caption, _header(results), rows)


def _gaps(results: Mapping[str, Any]) -> Table:
    rows = tuple(
        (
            model["name"],
            NOTHING,
            _percent(model["transfer_gap"]["average_accuracy"]),
            _percent(model["transfer_gap"]["average_robust_accuracy"]),
            *map(_percent, model["transfer_gap"]["robust_accuracy"]),
        )
        for model in results["models"]
    )
    caption = f"TransferGap: robust accuracy lost (points) to transfer attacks{_layout(results, 8)}"
    return Table(caption, _header(results), rows)


def _margins(results: Mapping[str, Any]) -> Iterator[Table]:
    if results["cw"] is None:
        return
    names = ("mean", "lower_quartile", "median", "upper_quartile")
    missed = sum(model["cw"]["not_found"] for model in results["models"] if model["cw"])
    rows = []
    for model in results["models"]:
        found = model["cw"]
        if found is None:
            cells = [_percent(model["clean_accuracy"]), *[NOTHING] * len(names)]
        else:
            cells = [_percent(found["clean_accuracy"])]
            cells += [NOTHING if found[name] is None else f"{found[name]:.2f}" for name in names]
        last = [str(found["not_found"]) if found else NOTHING] if missed else []
        rows.append((model["name"], *cells, *last))
    number = _CW_NUMBERS[mma_kind(_dataset(results))] if _dataset(results) in _PUBLISHED_ON else None
    size = min(results["cw"]["examples"], results["examples"])
    caption = f"C&W-l2: least distances of the first {size} images" + (
        f" (as Table {number})" if number else ""
    )
    header = (_models(results), "Cln Acc", "Avg Norm", "25% Norm", "Median Norm", "75% Norm")
    if missed:
        header += ("Not Found",)
        caption += ", without those for which nothing was found"
    yield Table(caption, header, tuple(rows))


def _dataset(results: Mapping[str, Any]) -> str:
    return results["dataset"].get("name", "")


def _models(results: Mapping[str, Any]) -> str:
    return f"{_dataset(results).upper()} Model".strip()


def _header(results: Mapping[str, Any]) -> tuple[str, ...]:
    radii = map(radius, results["protocol"]["epsilons"])
    return (_models(results), "Cln Acc", "AvgAcc", "AvgRobAcc", *radii)


def _layout(results: Mapping[str, Any], later: int) -> str:
    """The norm, and the paper's table of the same columns."""
    norm, dataset = results["protocol"]["norm"], _dataset(results)
    if dataset not in _PUBLISHED_ON:
        return f", {norm}"
    return f", {norm} (as Table {_NUMBERS[mma_kind(dataset), norm] + later})"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def describe_protocol(results: Mapping[str, Any]) -> str:
    """What was run, in sentences: the tables mean nothing without it."""
    protocol = results["protocol"]
    count, runs = len(results["models"]), protocol["runs_per_model"]
    adapted = any(
        not set(model["runs"]) <= {"ce", "cw"} for model in results["models"] if not model.get("members")
    )
    halves = "on CE and CW in turn" if runs > 1 else "on CE"
    if adapted:
        halves += ", CE replaced by the head's own objective where that is another"
    if any(model.get("members") for model in results["models"]):
        halves += "; on ensembles also as many on the vote, with each sign"
    steps = {f"{size / e:g}" for size, e in zip(results["step_sizes"], protocol["epsilons"], strict=True)}
    left = (
        " An image that a network's own runs broke was not attacked on it again." * protocol["only_survivors"]
    )
    if protocol["attack_precision"] != "float32":
        left += f" Crafted in {protocol['attack_precision']}, judged in float32."
    return (
        f"{runs} run{'s' * (runs > 1)} of {protocol['num_steps']} steps of {' '.join(sorted(steps))} epsilon per "
        f"network and radius, {halves}, judged at the last iterate; {results['attacks_per_model']} attacks on each "
        f"of {count} networks in all; {results['examples']} test images of {_dataset(results) or 'the data set'}; "
        f"radii {', '.join(map(radius, protocol['epsilons']))} ({protocol['norm']}); seed {results['seed']}.{left}"
    )


def format_terminal(results: Mapping[str, Any]) -> str:
    """All tables as a terminal shows them, warnings below."""
    blocks = [describe_protocol(results)]
    for table in make_tables(results):
        blocks.append("\n".join([table.caption, *terminal_lines(table.header, table.rows)]))
    return "\n\n".join([*blocks, *_warnings(results)])


def format_markdown(results: Mapping[str, Any]) -> str:
    """All tables in Markdown, what was run above them, warnings below."""
    blocks = [describe_protocol(results)]
    for table in make_tables(results):
        blocks.append("\n".join([f"{table.caption}.", "", *markdown_lines(table.header, table.rows)]))
    return "\n\n".join([*blocks, *_warnings(results)]) + "\n"


def _warnings(results: Mapping[str, Any]) -> list[str]:
    """One block of all warnings, or none."""
    lines = warning_lines(results["warnings"])
    return ["\n".join(lines)] if lines else []


def format_latex(results: Mapping[str, Any]) -> str:
    """All tables in LaTeX, each a `table` with its caption; needs `\\\\usepackage{booktabs}`."""
    blocks = [f"% {describe_protocol(results)}"]
    for table in make_tables(results):
        blocks.append(format_float(f"{table.caption}.", table.header, table.rows))
    return "\n\n".join(blocks) + "\n"
