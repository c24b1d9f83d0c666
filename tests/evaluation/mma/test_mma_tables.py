"""The tables in the paper's layout, with its numbers."""

import pytest
from mma_results import SPREAD, model, results

from mmc_tf.evaluation.mma import tables

PLAIN = results(model("STD"), model("MMA-32_sd0"))


def test_the_published_rows():
    combined, white_box, gap = tables.make_tables(PLAIN)
    assert combined.header[:6] == ("CIFAR10 Model", "Cln Acc", "AvgAcc", "AvgRobAcc", "4/255", "8/255")
    assert combined.rows[1] == (
        *("MMA-32_sd0", "84.36", "29.39", "22.51", "64.82", "47.18", "31.49", "18.91"),
        *("10.16", "4.77", "1.97", "0.81"),
    )
    assert white_box.rows[1][5] == "50.20"
    assert gap.rows[1][1] == "-"
    assert gap.rows[1][4:7] == ("0.00", "3.02", "0.00")
    assert gap.rows[1][3] == f"{3.02 / 8:.2f}"


@pytest.mark.parametrize(
    ("dataset", "norm", "numbers"),
    [
        ("mnist", "linf", (4, 8, 12)),
        ("cifar10", "linf", (5, 9, 13)),
        ("mnist", "l2", (6, 10, 14)),
        ("cifar10", "l2", (7, 11, 15)),
    ],
)
def test_each_table_names_the_paper_s_of_its_layout(dataset, norm, numbers):
    found = tables.make_tables(results(model("a"), dataset=dataset, norm=norm))
    for table, number in zip(found, numbers, strict=True):
        assert table.caption.endswith(f"{norm} (as Table {number})")
    others = tables.make_tables(results(model("a"), dataset="digits", norm=norm))
    assert [table.caption for table in others if "Table" in table.caption] == []


def test_distances():
    cw = {"examples": 500, "num_steps": 1000}
    first = model("a", cw=SPREAD | {"clean_accuracy": 0.838, "not_found": 0})
    table = tables.make_tables(results(first, model("vote"), cw=cw))[-1]
    assert table.caption == "C&W-l2: least distances of the first 500 images (as Table 3)"
    assert table.header[1:] == ("Cln Acc", "Avg Norm", "25% Norm", "Median Norm", "75% Norm")
    assert table.rows[0] == ("a", "83.80", "1.09", "0.30", "1.00", "1.71")
    assert table.rows[1] == ("vote", "84.36", "-", "-", "-", "-")
    missed = model("a", cw=dict.fromkeys(SPREAD) | {"clean_accuracy": 0.5, "not_found": 7})
    table = tables.make_tables(results(missed, first | {"name": "b"}, model("vote"), cw=cw))[-1]
    assert table.header[-1] == "Not Found"
    assert [row[-1] for row in table.rows] == ["7", "0", "-"]
    assert table.rows[0][2:-1] == ("-",) * 4


def test_what_was_run_stands_above_the_tables():
    text = tables.describe_protocol(PLAIN)
    for words in (
        "2 runs of 100 steps of 0.25 epsilon",
        "on CE and CW in turn",
        "4 attacks on each of 2 networks",
        "1000 test images of cifar10",
        "radii 4/255, 8/255",
        "(linf)",
        "seed 5",
    ):
        assert words in text
    assert "own objective" not in text
    assert "ensembles" not in text
    adapted = results(
        model("m", runs=["mmc", "cw"]), model("v", members=["a"], runs=["ce"]), only_survivors=True
    )
    text = tables.describe_protocol(adapted)
    assert "CE replaced by the head's own objective" in text
    assert "on ensembles also as many on the vote, with each sign" in text
    assert "was not attacked on it again" in text
    assert "bfloat16" not in text
    rounded = tables.describe_protocol(results(model("m"), attack_precision="bfloat16"))
    assert rounded.endswith("Crafted in bfloat16, judged in float32.")
    assert "1 run of 100 steps" in tables.describe_protocol(results(model("a"), runs_per_model=1))


def test_all_formats_have_every_number():
    for text in (tables.format_terminal(PLAIN), tables.format_markdown(PLAIN), tables.format_latex(PLAIN)):
        assert text.count("84.36") == 4  # two networks, two tables; the gap has none
        assert text.count("3.02") == 2
        assert text.count("50.20") == 2
    markdown = tables.format_markdown(PLAIN).splitlines()
    assert "| MMA-32_sd0 | 84.36 | 29.39 | 22.51 | 64.82 | 47.18 |" in "\n".join(markdown)
    assert "| --- | ---: | ---: |" in "\n".join(markdown)
    latex = tables.format_latex(PLAIN)
    assert r"MMA-32\_sd0 & 84.36 & 29.39 & 22.51 & 64.82 & 47.18" in latex
    assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") == 3
    assert r"Robust accuracy (\%) under white-box attacks only, linf (as Table 9)." in latex
    widths = {
        len(line) for line in tables.format_terminal(PLAIN).splitlines() if line.startswith(("STD", "MMA-32"))
    }
    assert len(widths) <= 2
