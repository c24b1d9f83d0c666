"""The protocol's results as a page: accuracy against the radius, the tables, the warnings, what was run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmc_tf.evaluation import store
from mmc_tf.evaluation.mma import tables
from mmc_tf.evaluation.mma.doubts import find_doubts
from mmc_tf.evaluation.mma.settings import KIND
from mmc_tf.evaluation.report.accuracy import draw_accuracy_by_epsilon
from mmc_tf.evaluation.report.build import warnings_block
from mmc_tf.evaluation.report.series import Line
from mmc_tf.files import read_record, write_text
from mmc_tf.report import page
from mmc_tf.report.picture import Picture, write_pngs

_KINDS = (
    (
        "combined",
        "Under all attacks",
        "Robust accuracy under the networks' own attacks and all transferred images; clean accuracy at 0; 95 % "
        "intervals.",
    ),
    ("white_box", "Under its own attacks", "The same under each network's own attacks alone."),
)


def write_report(results: Mapping[str, Any], folder: str | Path) -> Path:
    """Writes `report.html` and `figures/*.png` into the protocol's folder.

    Args:
        results: of `runner.run`.
        folder: where they are.

    Returns:
        The page's path.

    Raises:
        OSError: if the folder cannot be written to.
    """
    folder = Path(folder)
    pictures = [_picture(results, *kind) for kind in _KINDS]
    write_text(folder / store.REPORT, _page(results, pictures))
    write_pngs(folder / store.FIGURES, pictures)
    return folder / store.REPORT


def write_tables(results: Mapping[str, Any], folder: str | Path) -> None:
    """Writes `table.md` and `table.tex`, which need nothing drawn."""
    write_text(Path(folder) / store.MARKDOWN, tables.format_markdown(results))
    write_text(Path(folder) / store.LATEX, tables.format_latex(results))


def redraw(folder: str | Path) -> Path | None:
    """Tables and report of a finished protocol anew; None for a folder that holds no such results."""
    path = Path(folder) / store.RESULTS
    expected = "the results of an evaluation"
    results = read_record(path, expected=expected) if path.is_file() else None
    if results is None or results.get("kind") != KIND:
        return None
    results.setdefault("warnings", [finding.as_dict() for finding in find_doubts(results)])  # of version 1
    write_tables(results, folder)
    return write_report(results, folder)


def lines_of(results: Mapping[str, Any], kind: str) -> list[Line]:
    """One line a network from its clean accuracy at 0, in percent, over ascending radii.

    Args:
        results: of `runner.run`.
        kind: `combined` or `white_box`.
    """
    epsilons = results["protocol"]["epsilons"]
    order = sorted(range(len(epsilons)), key=epsilons.__getitem__)
    lines = []
    for model in results["models"]:
        points = [(0.0, model["clean_accuracy"], *model["clean_interval"])]
        found = model[kind]
        points += [
            (epsilons[number], found["robust_accuracy"][number], *found["intervals"][number])
            for number in order
        ]
        x, *shares = zip(*points, strict=True)
        y, low, high = (tuple(100 * share for share in column) for column in shares)
        lines.append(Line(model["name"], None, x, y, low, high))
    return lines


def _picture(results: Mapping[str, Any], kind: str, title: str, caption: str) -> Picture:
    figure = draw_accuracy_by_epsilon(lines_of(results, kind), norm=results["protocol"]["norm"])
    return Picture(f"accuracy-{kind.replace('_', '-')}", title, caption, figure)


def _page(results: Mapping[str, Any], pictures: list[Picture]) -> str:
    models, dataset = results["models"], results["dataset"].get("name") or "a data set"
    blocks = []
    for table in tables.make_tables(results):
        numbers = range(1, len(table.header))
        blocks += [
            page.paragraph(f"{table.caption}.", style="note"),
            page.table(table.header, table.rows, numbers=numbers, name=table.caption),
        ]
    sections = [
        page.Section("Robust accuracy", [page.grid([picture.block() for picture in pictures])]),
        page.Section("Tables", blocks),
        page.Section("Warnings", [warnings_block(results)]),
        page.Section(
            "What was run", [page.paragraph(tables.describe_protocol(results)), _provenance(results)]
        ),
    ]
    title = f"{len(models)} networks under their own attacks and each other's images"
    parts = (f"{results['examples']:,} test images of {dataset}", results["created"][:10])
    return page.page(title, " · ".join(parts), [], sections)


def _provenance(results: Mapping[str, Any]) -> str:
    dataset = results["dataset"]
    about = {
        model["name"]: model.get("path") or ", ".join(model.get("members") or ())
        for model in results["models"]
    }
    return page.definitions(
        [
            ("command", results["command"]),
            *((f"network {name}", text) for name, text in about.items()),
            ("images", str(dataset.get("source") or dataset.get("name") or "")),
            ("images, SHA-256", dataset["sha256"]),
            ("images crafted", f"{results['images_crafted']:,}"),
            ("time in attacks", f"{results['seconds']:,.0f} s"),
            ("finished", results["created"]),
            ("versions", ", ".join(f"{name} {version}" for name, version in results["versions"].items())),
        ]
    )
