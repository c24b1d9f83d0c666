"""The protocol's page: its lines, its tables, and that it is drawn again from what is on disk."""

import json

import pytest
from html_reader import Reader
from mma_results import model, results

from mmc_tf.evaluation.__main__ import main
from mmc_tf.evaluation.mma.report import lines_of, write_report
from mmc_tf.evaluation.statistics import wilson_interval

EPSILONS = [0.3, 0.1]


@pytest.fixture
def finished():
    """Of a network with an outlandish name, and of a vote."""
    models = []
    for name, about in (("<b>$a$", {"path": "runs/a"}), ("vote", {"members": ["x", "y"]})):
        made = model(name, clean_interval=list(wilson_interval(844, 1000)), **about)
        for kind, shares in (("white_box", [0.2, 0.7]), ("combined", [0.1, 0.6])):
            intervals = [list(wilson_interval(round(1000 * share), 1000)) for share in shares]
            made[kind] |= {"robust_accuracy": shares, "intervals": intervals}
        models.append(made)
    about = {"kind": "mma", "command": "python", "created": "2026-11-26T06:11:32", "versions": {"keras": "3"}}
    figures = {"images_crafted": 1234, "seconds": 5.0, "step_sizes": [0.03, 0.01]}
    made = results(*models, dataset="mnist", epsilons=EPSILONS) | about | figures
    made["dataset"]["sha256"] = "0" * 64
    return made


def test_lines_begin_at_clean_accuracy_and_ascend(finished):
    line, _ = lines_of(finished, "combined")
    assert line.x == (0.0, 0.1, 0.3)
    assert line.y == pytest.approx((84.36, 60, 10))
    assert all(low < y < high for low, y, high in zip(line.low, line.y, line.high, strict=True))
    assert lines_of(finished, "white_box")[0].y[1:] == pytest.approx((70, 20))


def test_the_page_says_all_and_escapes_names(tmp_path, finished):
    path = write_report(finished, tmp_path)
    text = path.read_text()
    reader = Reader(text)
    assert {"robust-accuracy", "tables", "what-was-run"} <= set(reader.ids)
    assert "warnings" not in reader.ids
    cells = reader.texts["td"]
    assert cells.count("<b>$a$") == 3
    assert "60.00" in cells
    assert "<b>" not in text
    for words in ("1,000 test images of mnist", "runs/a", "x, y", "1,234", "keras 3", "TransferGap"):
        assert words in text
    assert len(list((tmp_path / "figures").glob("*.png"))) == 2


def test_an_older_version_s_results_are_drawn_with_today_s_warnings(tmp_path, finished, capsys):
    del finished["warnings"]
    (tmp_path / "results.json").write_text(json.dumps(finished))
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"report in {tmp_path / 'report.html'}\n"
    codes = [text for text in Reader((tmp_path / "report.html").read_text()).texts["span"] if text.isupper()]
    assert codes == ["TRANSFER_STRONGER", "TRANSFER_STRONGER", "PGD_ONLY"]
