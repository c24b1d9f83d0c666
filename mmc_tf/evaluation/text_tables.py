"""Tables as lines of text: names in the first column, to the left, figures in the others, to the right."""

from __future__ import annotations

from collections.abc import Sequence

LEFT, RIGHT = "---", "---:"


def terminal_lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell, a rule below the header.

    Example:
        >>> terminal_lines(("attack", "%"), [("pgd", "12.5")])
        ['attack     %', '------  ----', 'pgd     12.5']
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        for cells in (header, ["-" * width for width in widths], *rows)
    ]


def markdown_lines(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, rule: Sequence[str] | None = None
) -> list[str]:
    """The table in Markdown.

    Args:
        header: the columns' names.
        rows: cells.
        rule: `LEFT` or `RIGHT` for each column; None: the first to the left, the others to the right.

    Example:
        >>> markdown_lines(("attack", "%"), [("pgd", "12.5")])
        ['| attack | % |', '| --- | ---: |', '| pgd | 12.5 |']
    """
    rule = rule or [LEFT, *[RIGHT] * (len(header) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (header, rule, *rows)]
