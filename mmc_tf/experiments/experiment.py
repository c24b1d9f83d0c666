"""What an experiment is, and the table of all of them.

Example:
    @experiment("mmc-table-1", source="MMC paper, Table 1", datasets=("cifar10",))
    def run(lab: Lab) -> Outcome: ...
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmc_tf.registry import Registry

if TYPE_CHECKING:
    from mmc_tf.experiments.lab import Lab
    from mmc_tf.experiments.outcome import Outcome

# What the docstring of an experiment's file states, one `field  text` paragraph each.
HEADER = ("paper", "command", "cost", "published", "measured")
# The folders of experiments, one per source.
SOURCES = ("mmc", "reproducibility", "mma", "pytorch")

EXPERIMENTS: Registry[Experiment] = Registry("experiment")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One table or figure.

    Args:
        name: what the command line calls it.
        source: paper, table or figure.
        title: what it shows, in a line.
        header: what the file states: `paper`, `command`, `cost`, `published`, `measured`.
        datasets: without which it cannot run, except on the smoke budget.
        run: makes it.
    """

    name: str
    source: str
    title: str
    header: dict[str, str]
    datasets: tuple[str, ...]
    run: Callable[[Lab], Outcome]


def experiment(
    name: str, *, source: str, datasets: tuple[str, ...], title: str | None = None
) -> Callable[[Callable[[Lab], Outcome]], Callable[[Lab], Outcome]]:
    """A decorator that enters a file's `run` under a name.

    Args:
        name: lower-case letters, digits and hyphens.
        source: such as `MMC paper, Table 1`.
        datasets: see `Experiment`.
        title: what it shows; None: the first line of the file. A file that makes several tables of the same
            networks enters a function for each, and states its header once for all of them.

    Raises:
        ValueError: if the name is taken, or the file's docstring lacks a field of `HEADER`.
    """

    def enter(run: Callable[[Lab], Outcome]) -> Callable[[Lab], Outcome]:
        docstring = sys.modules[run.__module__].__doc__ or ""
        header = parse_header(docstring)
        missing = [field for field in HEADER if field not in header]
        if missing:
            raise ValueError(f"the docstring of {run.__module__} lacks {', '.join(missing)}")
        EXPERIMENTS.register(name)(
            Experiment(
                name=name,
                source=source,
                title=title or docstring.split("\n", 1)[0].rstrip("."),
                header=header,
                datasets=datasets,
                run=run,
            )
        )
        return run

    return enter


def load_all() -> Registry[Experiment]:
    """All experiments, whose files are imported for it."""
    for source in SOURCES:
        package = importlib.import_module(f"mmc_tf.experiments.{source}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return EXPERIMENTS


def names_in_order(registry: Registry[Experiment]) -> list[str]:
    """All names, those of a source together and numbers by their value.

    Example:
        >>> names_in_order(dict.fromkeys(["mmc-table-2", "mma-table-15", "mma-table-3"]))
        ['mma-table-3', 'mma-table-15', 'mmc-table-2']
    """
    return sorted(registry, key=lambda name: re.sub(r"\d+", lambda number: number[0].zfill(3), name))


def parse_header(docstring: str) -> dict[str, str]:
    """The fields of `HEADER` in a docstring; a field's text may go on in indented lines.

    Example:
        >>> parse_header("Title.\\n\\npaper     Pang et al.\\ncost      one\\n          hour\\n")
        {'paper': 'Pang et al.', 'cost': 'one hour'}
    """
    fields: dict[str, str] = {}
    current = None
    for line in docstring.splitlines()[1:]:
        match = re.match(rf"({'|'.join(HEADER)})\s+(\S.*)$", line)
        if match:
            current = match[1]
            fields[current] = match[2].strip()
        elif current and line.startswith("    "):
            fields[current] += " " + line.strip()
        else:
            current = None
    return fields
