"""From runs' folders to a report of their training: the page, and the figures as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmc_tf.checks import argument_error, check_number
from mmc_tf.files import check_writable, write_json, write_text
from mmc_tf.report import attempt, page
from mmc_tf.report.colours import SERIES
from mmc_tf.report.picture import Picture, write_pngs
from mmc_tf.training.report.curves import STEPS, TIME, Quantity, draw_curves, quantities_of
from mmc_tf.training.report.history import History, read_histories
from mmc_tf.training.report.margin_figures import margin_pictures
from mmc_tf.training.report.margins import HEADER as MARGIN_HEADER
from mmc_tf.training.report.margins import MarginGroup, describe, last_rows, read_margins
from mmc_tf.training.report.summary import HEADER, NUMBERS, differences, make_rows

REPORT, FIGURES, MARGINS = "report.html", "figures", "margins.json"
REPORTS_DIR = Path("results") / "training"
DrawnMargins = Sequence[tuple[MarginGroup, tuple[Picture, list[Picture]]]]
_AGAINST = ((STEPS, "steps", "against steps"), (TIME, "time", "against wall-clock time"))


def default_output_dir(runs: Sequence[str | Path]) -> Path:
    """A run's own folder for one run, a folder named after all of them for several."""
    if len(runs) == 1:
        return Path(runs[0])
    return REPORTS_DIR / "+".join(Path(run).resolve().name for run in runs)[:120]


def write_report(
    runs: Sequence[str | Path], output_dir: str | Path | None = None, *, with_files: bool = True
) -> Path:
    """Writes `report.html` and `figures/*.png`; of runs that recorded margins also their statistics, `margins.json`.

    Args:
        runs: folders of runs, finished or not; as many as there are colours to tell them apart.
        output_dir: where to; None: see `default_output_dir`.
        with_files: whether the figures are written as files too.

    Returns:
        The page's path.

    Raises:
        UserError: for no run or too many, a folder that is no run or has no log, and an `output_dir` that cannot
            be written to. OSError: if writing fails.
    """
    if len(runs) > len(SERIES):
        raise argument_error("runs", f"at most {len(SERIES)} runs, to be told apart", f"{len(runs)} runs")
    check_number("number of runs", len(runs), minimum=1, integer=True)
    histories = read_histories(runs)
    folder = Path(output_dir) if output_dir is not None else default_output_dir(runs)
    check_writable("output_dir", folder, probe=False)
    groups = read_margins(runs, histories)
    margins = [(group, margin_pictures(group)) for group in groups]
    drawn = [
        (quantity, [_picture(quantity, *how) for how in _AGAINST]) for quantity in quantities_of(histories)
    ]
    write_text(folder / REPORT, _page(histories, drawn, margins))
    if with_files:
        pictures = [picture for _, pair in drawn for picture in pair]
        pictures += [picture for _, (first, others) in margins for picture in (first, *others)]
        write_pngs(folder / FIGURES, pictures)
        if groups:
            write_json(folder / FIGURES / MARGINS, describe(groups))
    return folder / REPORT


def try_report(run: str | Path) -> str:
    """Writes a finished run's page into its folder and says where, or why there is none."""
    return attempt.try_report(lambda: write_report([run], with_files=False))


def _picture(quantity: Quantity, against: str, key: str, words: str) -> Picture:
    figure = draw_curves(quantity, against=against)
    return Picture(f"{quantity.key}-{key}", "", f"{quantity.title} {words}.", figure)


def _page(
    histories: Sequence[History], drawn: Sequence[tuple[Quantity, list[Picture]]], margins: DrawnMargins
) -> str:
    names = ", ".join(history.name for history in histories)
    title = f"Training of {names}" if len(histories) <= 2 else f"Training of {len(histories)} runs"
    datasets = dict.fromkeys(
        str(history.config.get("dataset", {}).get("name") or history.flags.get("dataset") or "")
        for history in histories
    )
    subtitle = " · ".join(part for part in (", ".join(datasets), names if len(histories) > 2 else "") if part)
    sections = [
        page.Section("Runs", [_table(histories)]),
        *(
            page.Section(
                quantity.title,
                [page.paragraph(quantity.caption, style="note"), page.grid([p.block() for p in pair])],
            )
            for quantity, pair in drawn
        ),
        page.Section("Margins during training", _margins(margins)),
        page.Section("Settings", _settings(histories)),
    ]
    return page.page(title, subtitle, [], sections)


def _table(histories: Sequence[History]) -> str:
    rows = make_rows(histories)
    kept = [column for column in range(len(HEADER)) if any(row[column] for row in rows)]
    return page.table(
        [HEADER[column] for column in kept],
        [[row[column] for column in kept] for row in rows],
        numbers=[place for place, column in enumerate(kept) if column in NUMBERS],
        name="what came of each run",
    )


def _margins(margins: DrawnMargins) -> list[str]:
    """The figures, then how the runs' margins lie in the end, of every data set and norm."""
    blocks = []
    for group, (distributions, curves) in margins:
        rows = last_rows(group)
        header = [name.format(small=group.small) for name in MARGIN_HEADER]
        numbers = range(2, len(header))
        blocks += [
            distributions.block(),
            page.grid([picture.block() for picture in curves]),
            page.table(header, rows, numbers=numbers, name=f"margins after the last epoch, {group.norm}"),
        ]
    return blocks


def _settings(histories: Sequence[History]) -> list[str]:
    blocks = []
    rows = differences(histories)
    if rows:
        header = ("flag", *(history.name for history in histories))
        blocks.append(page.table(header, rows, name="flags in which the runs differ"))
    elif len(histories) > 1:
        blocks.append(page.paragraph("The runs have the same settings."))
    blocks += [
        page.details(
            history.name,
            [
                page.definitions(
                    [
                        ("command", history.config.get("command", "")),
                        ("method", history.config.get("method", "")),
                        ("begun", history.config.get("created", "")),
                        (
                            "versions",
                            ", ".join(f"{k} {v}" for k, v in history.config.get("versions", {}).items()),
                        ),
                    ]
                )
            ],
            is_open=len(histories) == 1,
        )
        for history in histories
    ]
    return blocks
