"""Parts of a page, and the page: one HTML file that needs nothing beside it.

Every function takes plain text and escapes it; what is HTML already is called a block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from mmc_tf.report.colours import css_variables

# The page may show what is in it and fetch nothing.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading.

    Args:
        title: the heading.
        blocks: HTML; a section without any is left out.
    """

    title: str
    blocks: Sequence[str]

    @property
    def anchor(self) -> str:
        """Its id in the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def paragraph(text: str, *, style: str = "") -> str:
    """A paragraph."""
    return f"<p{_styled(style)}>{escape(text)}</p>"


def box(text: str, *, style: str) -> str:
    """A paragraph that stands out."""
    return f"<div{_styled(style)}>{paragraph(text)}</div>"


def tile(name: str, value: str, more: str = "", *, words: bool = False) -> str:
    """One number, or a few words, with its name above and what belongs to it below."""
    return (
        f"<div{_styled('tile wide' if words else 'tile')}><div{_styled('name')}>{escape(name)}</div>"
        f"<div{_styled('value words' if words else 'value')}>{escape(value)}</div>"
        f"<div{_styled('more')}>{escape(more)}</div></div>"
    )


def tiles(blocks: Iterable[str]) -> str:
    """Tiles side by side."""
    return f"<div{_styled('tiles')}>{''.join(blocks)}</div>"


def warnings(items: Iterable[tuple[str, str, str]]) -> str:
    """A list of (code, message, where it is explained)."""
    entries = "".join(
        f"<li><span{_styled('code')}>{escape(code)}</span> {escape(message)}"
        f" <span{_styled('where')}>{escape(where)}</span></li>"
        for code, message, where in items
    )
    return f"<ul{_styled('warnings')}>{entries}</ul>" if entries else ""


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Iterable[int] = (),
    words: Iterable[int] = (),
    row_styles: Mapping[int, str] | None = None,
    name: str = "table",
) -> str:
    """A table in a container that scrolls where the page is narrower.

    Args:
        header: names of the columns.
        rows: their cells.
        numbers: columns whose cells stand to the right.
        words: columns whose cells may be broken into lines.
        row_styles: classes of rows by their number.
        name: what it is, for those who cannot see it.
    """
    styles = dict.fromkeys(numbers, "number") | dict.fromkeys(words, "words")
    head = "".join(
        f'<th scope="col"{_styled(styles.get(column, ""))}>{escape(text)}</th>'
        for column, text in enumerate(header)
    )
    body = "".join(
        f"<tr{_styled((row_styles or {}).get(number, ''))}>"
        + "".join(
            f"<td{_styled(styles.get(column, ''))}>{escape(cell)}</td>" for column, cell in enumerate(row)
        )
        + "</tr>"
        for number, row in enumerate(rows)
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def figure(svg: str, caption: str, *, title: str = "", is_wide: bool = False) -> str:
    """A picture with its caption; a wide one in a container that scrolls where the page is narrower."""
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    if is_wide:
        label = escape(title or caption)
        svg = f'<div class="wide" tabindex="0" role="region" aria-label="{label}">{svg}</div>'
    return f"<figure>{heading}{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def grid(blocks: Sequence[str]) -> str:
    """Blocks side by side, as many as there is room for; nothing for none."""
    style = "grid single" if len(blocks) == 1 else "grid"
    return f"<div{_styled(style)}>{''.join(blocks)}</div>" if blocks else ""


def details(summary: str, blocks: Iterable[str], *, note: str = "", is_open: bool = False) -> str:
    """Blocks that are unfolded by a click."""
    more = f"<span{_styled('note')}>{escape(note)}</span>" if note else ""
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{escape(summary)}{more}</summary>{''.join(blocks)}</details>"


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and what they are; pairs without a value are left out."""
    entries = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs if text)
    return f"<dl>{entries}</dl>"


def page(title: str, subtitle: str, lead: Iterable[str], sections: Iterable[Section]) -> str:
    """The whole page.

    Args:
        title: its heading.
        subtitle: one line below.
        lead: blocks before the first section.
        sections: in order; those without blocks are left out.
    """
    kept = [section for section in sections if any(section.blocks)]
    links = "".join(f'<a href="#{section.anchor}">{escape(section.title)}</a>' for section in kept)
    parts = "\n".join(
        f'<section id="{section.anchor}"><h2>{escape(section.title)}</h2>\n'
        + "\n".join(section.blocks)
        + "</section>"
        for section in kept
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{_style_sheet()}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="subtitle">{escape(subtitle)}</p>
{"".join(lead)}
<nav aria-label="sections">{links}</nav>
</header>
<main>
{parts}
</main>
</body>
</html>
"""


def _style_sheet() -> str:
    sheet = files("mmc_tf.report").joinpath("report.css").read_text(encoding="utf-8")
    return (
        f":root {{ {css_variables(dark=False)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {css_variables(dark=True)} }} }}\n{sheet}"
    )


def _styled(style: str) -> str:
    return f' class="{style}"' if style else ""
