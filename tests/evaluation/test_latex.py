import re

import pytest
from records_by_hand import autoattack, record

from mmc_tf.evaluation.latex import escape_latex, format_latex
from mmc_tf.evaluation.records import worst_case


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apgd_t", r"apgd\_t"),
        ("95 % & $5 #1", r"95 \% \& \$5 \#1"),
        ("{a}\\b", r"\{a\}\textbackslash{}b"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("<script>", r"\textless{}script\textgreater{}"),
        ("ε 8/255", r"$\varepsilon$ 8/255"),
        ("plain-10 (x)", "plain-10 (x)"),
    ],
)
def test_characters_of_latex_are_escaped(text, expected):
    assert escape_latex(text) == expected


def results_of(*records):
    bounded = [{"norm": "linf", "epsilon": 8 / 255} | worst(records)]
    return {
        "model": {"loss": "MMC"},
        "dataset": {"name": "digits"},
        "examples": 1000,
        "clean_accuracy": 0.9,
        "clean_interval": [0.88, 0.92],
        "attacks": list(records),
        "worst_case": {"overall": bounded[0], "by_epsilon": bounded},
    }


def worst(records):
    import numpy as np

    return worst_case(records, np.zeros((len(records), 1000), bool))


def more():
    return {"details": [], "seconds": 1.5, "distance": None, "targeted_success": None}


def test_a_tabular_has_as_many_cells_in_every_row():
    ensemble = autoattack(apgd_ce=700, apgd_t=100) | more()
    ensemble["waterfall"] = [stage | more() for stage in ensemble["waterfall"]]
    text = format_latex(results_of(record("pgd", 500, **more()), ensemble))
    lines = text.splitlines()
    assert lines[0] == "% Clean accuracy 90.0 % (88.0 to 92.0), 1000 test images."
    columns = re.fullmatch(r"\\begin\{tabular\}\{([lr]+)\}", lines[1])[1]
    rows = [line for line in lines if line.endswith(r"\\")]
    assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(columns)}
    assert [line for line in lines if line.startswith("\\") and "rule" in line] == [
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
    ]
    assert rows[0].startswith("attack & objective & norm & epsilon & robust \\%")
    assert columns.startswith("lllrr")
    assert rows[3].startswith(r"\quad after apgd\_ce & ")
    assert len(rows) == 1 + 2 + 2 + 1  # header, attacks, stages, all of them
    assert lines[-1] == r"\end{tabular}"
