"""Two evaluations of known verdicts side by side."""

import json

import numpy as np
import pytest

from mmc_tf.evaluation import __main__ as dispatcher
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.comparison import compare
from mmc_tf.evaluation.differences import mcnemar_p_value, paired_interval, unpaired_interval
from mmc_tf.evaluation.folders import read_finished

SIZE = 20
LABELS = np.zeros(SIZE, int)


def breaks(*indices):
    outcome = np.zeros(SIZE, int)
    outcome[list(indices)] = 1
    return outcome


@pytest.fixture
def make(kit, tmp_path):
    """Evaluates scripted attacks, by label what they break, on images of class 0."""

    def make(name, attacks, split=None, **settings):
        split = kit.split_of_logits(LABELS, LABELS) if split is None else split
        pairs = [
            (label, attack if isinstance(attack, kit.ScriptedAttack) else kit.ScriptedAttack(attack))
            for label, attack in attacks.items()
        ]
        evaluate(kit.read_logits, split, pairs, output_dir=tmp_path / name, **settings)
        return read_finished(tmp_path / name)

    return make


def test_differences_are_counted_example_by_example(make):
    a = make("a", {"x": breaks(0, 1, 2, 3), "y": breaks(10)})
    b = make("b", {"y": breaks(10), "x": breaks(2, 3, 4, 5, 6, 7, 8)})
    comparison = compare(a, b)
    clean, x, y, worst = comparison.rows
    assert [row.label for row in comparison.rows] == ["clean", "x", "y", "all of them"]
    assert (clean.accuracy_a, clean.accuracy_b, clean.only_a_wrong, clean.p_value) == (1, 1, 0, 1)
    assert (x.accuracy_a, x.accuracy_b, x.only_a_wrong, x.only_b_wrong) == (16 / 20, 13 / 20, 2, 5)
    assert x.difference == pytest.approx(0.15)
    assert x.interval == paired_interval(5, 2, SIZE)
    assert x.interval[0] < 0.15 < x.interval[1]
    assert x.p_value == mcnemar_p_value(5, 2)
    assert (y.only_a_wrong, y.only_b_wrong, y.difference) == (0, 0, 0)
    assert (worst.accuracy_a, worst.accuracy_b) == (15 / 20, 12 / 20)
    assert comparison.alone == comparison.notes == ()


def test_only_the_examples_of_both_are_compared(make):
    a = make("a", {"x": breaks(0, 1, 2, 3)}, indices=np.arange(12)[::-1])
    b = make("b", {"x": breaks(3, 4, 15)}, indices=np.arange(2, 20), seed=1)
    comparison = compare(a, b)
    row = comparison.rows[1]
    # Indices 2 to 11: 2 and 3 break in A, 3 and 4 in B.
    assert (row.examples_a, row.accuracy_a, row.accuracy_b) == (10, 0.8, 0.8)
    assert (row.only_a_wrong, row.only_b_wrong) == (1, 1)
    assert comparison.notes == (
        "Compared on the 10 examples that A and B have in common.",
        "The seeds differ: 0 and 1.",
    )


@pytest.mark.parametrize("apart", ["images", "indices"])
def test_different_images_are_compared_as_independent(make, kit, apart):
    a = make("a", {"x": breaks(0, 1, 2, 3)}, indices=np.arange(10))
    split = kit.split_of_logits([1, *LABELS[1:]], LABELS) if apart == "images" else None
    b = make("b", {"x": breaks(10)}, split, indices=np.arange(10, 20))
    comparison = compare(a, b)
    row = comparison.rows[1]
    assert row.p_value is row.only_a_wrong is row.only_b_wrong is None
    assert (row.accuracy_a, row.accuracy_b, row.examples_a, row.examples_b) == (0.6, 0.9, 10, 10)
    assert row.interval == unpaired_interval(6, 10, 9, 10)
    assert "independent" in comparison.notes[0]


def test_attacks_that_differ_are_listed_apart(make, kit):
    nearest = kit.ScriptedAttack(breaks(1), epsilon=None, radius="least")
    wider = kit.ScriptedAttack(breaks(1), epsilon=0.75)
    a = make("a", {"mine": breaks(0), "ball": breaks(0), "nearest": nearest, "both": breaks(2)})
    b = make("b", {"ball": wider, "nearest": nearest, "yours": breaks(0), "both": breaks(2)})
    comparison = compare(a, b)
    assert [row.label for row in comparison.rows] == ["clean", "both"]
    assert comparison.alone == (
        ("A", "mine", "not in B"),
        ("B", "yours", "not in A"),
        ("A and B", "ball", "differs in epsilon 0.5 and 0.75"),
        ("A and B", "nearest", "no radius judges it, so it has no accuracy"),
    )


def test_the_command_prints_a_table(make, tmp_path, capsys):
    make("a", {"x": breaks(0, 1, 2, 3), "mine": breaks()}, model_info={"name": "net", "loss": "MMC"})
    make("b", {"x": breaks(2, 3, 4, 5, 6, 7, 8)}, seed=3)
    words = ["compare", str(tmp_path / "a"), str(tmp_path / "b")]
    assert dispatcher.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"A  {tmp_path / 'a'} (net, MMC)"
    low, high = (100 * bound for bound in paired_interval(5, 2, SIZE))
    cells = ["x", "80.0", "65.0", "+15.0", f"{low:+.1f}", "to", f"{high:+.1f}", "0.4531", "2", "5", "20"]
    assert cells in [line.split() for line in lines]
    assert "not compared: mine (A: not in B)" in lines
    assert "note: The seeds differ: 0 and 3." in lines
    assert dispatcher.main([*words, "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 4
    assert {line.count("|") for line in table} == {10}
    assert f"| x | 80.0 | 65.0 | +15.0 | {low:+.1f} to {high:+.1f} | 0.4531 | 2 | 5 | 20 |" in table


def test_unfinished_results_are_refused(make, tmp_path, capsys):
    make("a", {"x": breaks(0)})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "plan.json").write_text(json.dumps({}))
    assert dispatcher.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "Expected a finished evaluation" in capsys.readouterr().err
