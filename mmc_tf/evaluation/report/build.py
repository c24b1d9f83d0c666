"""From a results folder to its report: the page, the figures as files, the table in Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmc_tf.evaluation import detection_table, store, tables
from mmc_tf.evaluation.latex import format_latex
from mmc_tf.evaluation.released import HEADING, compare
from mmc_tf.evaluation.report.content import Content, read_content
from mmc_tf.evaluation.report.diagnosis import diagnosis_blocks
from mmc_tf.evaluation.report.pictures import (
    accuracy_pictures,
    confusion_picture,
    distance_pictures,
    feature_picture,
    sample_file,
    sample_pictures,
)
from mmc_tf.evaluation.report.series import name_of
from mmc_tf.evaluation.wording import interval, percent
from mmc_tf.files import write_text
from mmc_tf.report import attempt, page
from mmc_tf.report.picture import Picture, write_pngs

# Of more attacks the images would outweigh the rest of the page; all are in samples.npz.
MOST_SAMPLED = 8
VERDICT = "verdict:"


def write_report(folder: str | Path) -> Path:
    """Writes `report.html`, `figures/*.png`, `table.md` and `table.tex` into a folder of results.

    Args:
        folder: holds a finished evaluation.

    Returns:
        The page's path.

    Raises:
        UserError: if the folder holds no finished evaluation, or a damaged one.
        OSError: if it cannot be written to.
    """
    folder = Path(folder)
    content = read_content(folder)
    write_text(folder / store.MARKDOWN, tables.format_markdown(content.results))
    write_text(folder / store.LATEX, format_latex(content.results))
    curves = [*accuracy_pictures(content), *distance_pictures(content)]
    classes = [picture for picture in (confusion_picture(content), feature_picture(content)) if picture]
    samples = {number: sample_pictures(content, number) for number in _sampled(content)}
    write_text(folder / store.REPORT, _page(content, curves, samples, classes))
    sheets = [sheet for number in samples if (sheet := sample_file(content, number)) is not None]
    write_pngs(folder / store.FIGURES, [*curves, *sheets, *classes])
    return folder / store.REPORT


def try_report(folder: str | Path) -> str:
    """Writes the report and says where, or why there is none."""
    return attempt.try_report(lambda: write_report(folder))


def _sampled(content: Content) -> list[int]:
    """The attacks whose images are shown: the strongest first, then of each other one its strongest setting."""
    if not len(content.samples.get("indices", ())):
        return []
    by_strength = sorted(range(len(content.records)), key=lambda number: content.records[number]["robust"])
    chosen = {}
    for number in (content.strongest, *by_strength):
        record = content.records[number]
        chosen.setdefault((name_of(record), record["norm"]), number)
    return list(chosen.values())[:MOST_SAMPLED]


def _page(
    content: Content,
    curves: list[Picture],
    samples: Mapping[int, list[Picture]],
    classes: list[Picture],
) -> str:
    results = content.results
    sections = [
        page.Section("Warnings", [warnings_block(results)]),
        page.Section("Attacks", [_table(results)]),
        page.Section(HEADING.capitalize(), _comparison(results)),
        page.Section("Detection", _detection(results)),
        page.Section("Probes", diagnosis_blocks(results.get("diagnosis") or {})),
        page.Section("Robust accuracy", [page.grid([picture.block() for picture in curves])]),
        page.Section("Images", _sample_blocks(content, samples)),
        page.Section("Classes and features", [page.grid([picture.block() for picture in classes])]),
        page.Section("What was run", [_provenance(results)]),
    ]
    name = results["model"].get("name") or "a classifier"
    return page.page(f"{name} under attack", _subtitle(results), _lead(results), sections)


def _subtitle(results: Mapping[str, Any]) -> str:
    model, dataset = results["model"], results["dataset"]
    trained = " ".join(str(model[key]) for key in ("model", "loss") if model.get(key))
    parts = (trained, f"{results['examples']:,} test images of {dataset.get('name') or 'a data set'}")
    return " · ".join(part for part in (*parts, results.get("created", "")[:10]) if part)


def _lead(results: Mapping[str, Any]) -> list[str]:
    """The verdict and the figures that it speaks of; of an older version's results, the worst case."""
    verdict, overall = results.get("verdict"), results["worst_case"]["overall"]
    text = (verdict or {}).get("text") or (tables.format_worst_case(overall) + "." if overall else "")
    worst = overall if verdict is None else verdict
    shown = [
        page.tile(
            "Clean accuracy", f"{percent(results['clean_accuracy'])} %", _interval(results["clean_interval"])
        )
    ]
    if worst and worst["robust_accuracy"] is not None:
        shown += [
            page.tile(
                "Worst-case accuracy", f"{percent(worst['robust_accuracy'])} %", _interval(worst["interval"])
            ),
            page.tile("Strongest attack", worst["strongest"], words=True),
        ]
    style = "verdict bad" if (verdict or {}).get("artefact") else "verdict"
    said = text.removeprefix(VERDICT).strip()
    return [*([page.box(f"Verdict: {said}", style=style)] if said else []), page.tiles(shown)]


def _interval(bounds) -> str:
    return f"95 % interval {interval(bounds)}"


def warnings_block(results: Mapping[str, Any]) -> str:
    """The warnings of `results.json`, as HTML."""
    return page.warnings(
        (warning["code"], warning["message"], f"See {warning['section']}.") for warning in results["warnings"]
    )


def _table(results: Mapping[str, Any]) -> str:
    header, rows = tables.drop_empty_columns(tables.HEADER, tables.make_rows(results))
    styles = {
        number: "part" if row[0].startswith(tables.INDENT) else "strong" if row[0] == tables.ALL else ""
        for number, row in enumerate(rows)
    }
    numbers = [c for c, name in enumerate(header) if tables.is_numeric(name) and name != "published"]
    words = [c for c, name in enumerate(header) if name == "published"]
    return page.table(
        header, rows, numbers=numbers, words=words, row_styles=styles, name="the attacks and what they left"
    )


def _comparison(results: Mapping[str, Any]) -> list[str]:
    """A released network's published numbers."""
    found = compare(results)
    if found is None:
        return []
    blocks = [page.box(found.remark, style="verdict bad")] if found.remark else []
    blocks.append(page.paragraph(f"{found.caption[0].upper()}{found.caption[1:]}.", style="note"))
    if found.rows:
        blocks.append(page.table(found.HEADER, found.rows, numbers=(1, 2), name=HEADING))
    return blocks


def _detection(results: Mapping[str, Any]) -> list[str]:
    """How well scores tell adversarial images from clean ones, if that was asked for."""
    table = detection_table.make_detection_table(results)
    if table is None:
        return []
    header, rows = table
    shown = page.table(
        header, rows, numbers=range(1, len(header)), name="how well adversarial images are detected"
    )
    return [page.paragraph(detection_table.CAPTION, style="note"), shown]


def _sample_blocks(content: Content, samples: Mapping[int, list[Picture]]) -> list[str]:
    """The images under the verdict's attack, those of the others folded below."""
    if not samples:
        return []
    blocks = [
        page.paragraph(
            "The first images of different classes that are classified correctly without an attack, the same ones "
            "for every attack. Above the adversarial image is the class it is taken for, with an arrow where that is "
            "wrong. Where an attack broke nothing its last attempt is shown, or the clean image. Differences are "
            "magnified; grey is no difference.",
            style="note",
        )
    ]
    for position, (number, pictures) in enumerate(samples.items()):
        record = content.records[number]
        grid = page.grid([picture.block() for picture in pictures])
        note = f"{percent(record['robust_accuracy'])} % left"
        blocks.append(page.details(record["label"], [grid], note=note, is_open=position == 0))
    hidden = len(content.records) - len(samples)
    if hidden:
        blocks.append(page.paragraph(f"Those of {hidden} more attacks are in {store.SAMPLES}.", style="note"))
    return blocks


def _provenance(results: Mapping[str, Any]) -> str:
    model, dataset = results["model"], results["dataset"]
    versions = ", ".join(f"{name} {version}" for name, version in results.get("versions", {}).items())
    return page.definitions(
        [
            ("command", results.get("command", "")),
            ("network", model.get("path") or model.get("name") or ""),
            ("weights, SHA-256", model.get("weights_sha256") or ""),
            (
                "images",
                f"{dataset.get('split', 'test')} images of {dataset.get('source') or dataset.get('name', '')}",
            ),
            ("images, SHA-256", dataset.get("sha256") or ""),
            ("seed", str(results.get("seed", ""))),
            ("batch size", str(results.get("batch_size", ""))),
            ("time in attacks", f"{results.get('seconds', 0):,.0f} s"),
            ("finished", results.get("created", "")),
            ("versions", versions),
        ]
    )
