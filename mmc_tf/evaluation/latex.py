"""The table of attacks in LaTeX, with the rules of the booktabs package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmc_tf.evaluation.tables import HEADER, INDENT, drop_empty_columns, is_numeric, make_rows
from mmc_tf.evaluation.wording import interval, percent

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    "≤": r"$\leq$",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "ε": r"$\varepsilon$",
    "×": r"$\times$",
    "−": r"$-$",
}


def escape_latex(text: str) -> str:
    """Plain text as LaTeX prints it.

    Example:
        >>> print(escape_latex("apgd_t 95 % {x}"))
        apgd\\_t 95 \\% \\{x\\}
    """
    return "".join(_ESCAPES.get(character, character) for character in text)


def format_latex(results: Mapping[str, Any]) -> str:
    """A `tabular` with its rules, clean accuracy in a comment above; needs `\\\\usepackage{booktabs}`."""
    header, rows = drop_empty_columns(HEADER, make_rows(results))
    columns = "".join("r" if is_numeric(name) else "l" for name in header)
    clean = (
        f"% Clean accuracy {percent(results['clean_accuracy'])} % "
        f"({interval(results['clean_interval'])}), {results['examples']} test images."
    )
    lines = [
        clean,
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _row(header),
        r"\midrule",
        *map(_row, rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def format_float(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A `table` with its caption, names in the first column and figures in the others; needs booktabs."""
    first, *others = (" & ".join(map(escape_latex, cells)) + r" \\" for cells in (header, *rows))
    lines = [
        r"\begin{table}",
        rf"\caption{{{escape_latex(caption)}}}",
        r"\centering",
        rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
        r"\toprule",
        first,
        r"\midrule",
        *others,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    shown = [
        (r"\quad " if cell.startswith(INDENT) else "") + escape_latex(cell.removeprefix(INDENT))
        for cell in cells
    ]
    return " & ".join(shown) + r" \\"
