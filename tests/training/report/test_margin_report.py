"""Margins during training, in pictures and numbers, of files written by hand."""

import dataclasses
import json

import numpy as np
import pytest
from html_reader import Reader, assert_self_contained

from mmc_tf.checks import UserError
from mmc_tf.report.colours import SERIES
from mmc_tf.training import log
from mmc_tf.training.report import build
from mmc_tf.training.report.history import read_histories
from mmc_tf.training.report.margin_figures import (
    BINS,
    draw_averages,
    draw_distributions,
    draw_small,
    margin_pictures,
    shares_of,
)
from mmc_tf.training.report.margins import (
    MarginGroup,
    TrackedMargins,
    choose_epochs,
    describe,
    last_rows,
    read_margins,
    small_margin,
)

NAN = float("nan")
ROWS = [[0, 0, 0.01, NAN], [0, 0.04, 0.06, 0.3], [0.1, 0.2, 0.3, 0.6]]


def write_run(path, rows=(), *, norm="linf", dataset="digits"):
    path.mkdir(parents=True)
    flags = {"dataset": dataset, "margin_norm": norm, "margin_attack": "an_pgd"}
    (path / "config.json").write_text(json.dumps({"flags": flags, "dataset": {"name": dataset}}))
    row = {"step": 1, "seconds": 1.0, "loss": 1.0, "accuracy": 0.5, "monitored": "test"}
    log.append(path / "log.csv", {"epoch": 1} | row)
    for epoch, margins in enumerate(rows, start=1):
        (path / "margins").mkdir(exist_ok=True)
        np.save(path / "margins" / f"epoch-{epoch:04d}.npy", np.array(margins, np.float32))
    return path


def tracked(rows=ROWS, *, run=0, name="mma", norm="linf", epochs=None):
    values = np.array(rows, np.float32)
    epochs = np.arange(1, len(rows) + 1) if epochs is None else np.array(epochs)
    return TrackedMargins(name, run, "digits", norm, "an_pgd", epochs, values)


def group_of(*runs):
    return MarginGroup("digits", runs[0].norm, runs)


def read(*paths):
    return read_margins(paths, read_histories(paths))


def test_averages_and_shares_are_counted_by_hand():
    run = tracked()
    np.testing.assert_allclose(run.averages(), [0.01 / 3, 0.1, 0.3], rtol=1e-6)
    np.testing.assert_allclose(run.shares_below(0.05), [0.75, 0.5, 0])
    np.testing.assert_allclose(run.misclassified(), [0.5, 0.25, 0])
    np.testing.assert_allclose(run.not_found(), [0.25, 0, 0])
    assert np.isnan(tracked([[NAN, NAN]]).averages()).all()
    limited = dataclasses.replace(run, limit=0.4)
    np.testing.assert_allclose(limited.averages(), [0.41 / 4, 0.1, 0.3], rtol=1e-6)
    assert last_rows(group_of(run)) == [("mma", "an_pgd linf", "4", "3", "0.3", "0.0", "0.0", "0.0")]


@pytest.mark.parametrize(
    ("dataset", "norm", "threshold", "words"),
    [
        ("cifar10", "l2", 0.05, "margin < 0.05"),
        ("mnist", "linf", 0.05, "margin < 0.05"),
        ("cifar10", "linf", 1 / 255, "margin < 1/255"),
    ],
)
def test_what_is_small_depends_on_data_and_norm(dataset, norm, threshold, words):
    assert small_margin(dataset, norm) == threshold
    assert MarginGroup(dataset, norm, ()).small == words


@pytest.mark.parametrize(
    ("epochs", "chosen"),
    [
        (range(1, 4), [1, 2, 3]),
        ([7], [7]),
        ([1, 1, 9], [1, 9]),
        (range(1, 101), [1, 15, 29, 43, 58, 72, 86, 100]),
    ],
)
def test_epochs_are_spread_from_the_first_to_the_last(epochs, chosen):
    assert choose_epochs(epochs, 8) == chosen


def test_shares_of_bins_are_numpy_s():
    margins = np.random.default_rng(0).gamma(2.0, size=400).astype(np.float32)
    margins[:100] = NAN
    edges = np.linspace(0, np.nanmax(margins), 11)
    inside, missing = shares_of(margins, edges)
    np.testing.assert_allclose(inside, np.histogram(margins[100:], edges)[0] / 4)
    assert missing == 25
    assert inside.sum() + missing == pytest.approx(100)


def test_a_subplot_an_epoch_a_histogram_a_run():
    other = tracked([[0.0, 0.3, 0.3, 0.6]], run=1, name="pgd", epochs=[3])
    figure = draw_distributions(group_of(tracked(), other))
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch 1", "epoch 2", "epoch 3"]
    # Two of four points are in the fullest bin that is not the lowest one.
    full, lane = 50, 55
    assert [[text.get_text() for text in axes.get_xticklabels()] for axes in figure.axes] == [
        ["75", "–"],
        ["50", "–"],
        ["0", "25"],
    ]
    first, last = figure.axes[0].patches, figure.axes[2].patches
    values, edges, baseline = first[0].get_data()
    np.testing.assert_allclose(edges, np.linspace(0, 0.6, BINS + 1), rtol=1e-6)
    assert (values[0], values[1:].max(), baseline) == (full, 0, 0)  # 75 % are in the lowest bin, which is cut
    (missing,), (low, high), _ = first[1].get_data()
    assert missing == 25
    assert high > low > 0.6
    assert len(last) == 2  # nothing is missing there
    values, _, baseline = last[1].get_data()
    assert baseline == pytest.approx(lane)
    expected = np.zeros(BINS)
    expected[[0, 15, BINS - 1]] = 25, 50, 25  # 0.3 is a margin in float32, just above the edge in the middle
    np.testing.assert_allclose(values - lane, expected, atol=1e-9)
    assert figure.axes[2].get_xlim() == pytest.approx((0, 2 * lane))
    assert figure.axes[0].get_ylim() == figure.axes[2].get_ylim()
    assert figure.axes[0].get_ylabel() == "margin, linf (pixels of [0, 1])"
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()][-1] == "none found"
    assert [text.get_text() for text in figure.legends[0].texts] == ["mma", "pgd"]
    # Told apart without colours: one is filled, the other hollow.
    assert first[0].get_facecolor()[3] == 1
    assert last[1].get_facecolor()[3] == 0
    assert "0 to 50 %" in figure.get_suptitle()


def test_many_runs_leave_room_for_fewer_epochs():
    runs = [tracked(np.full((9, 2), 0.1), run=number, name=str(number)) for number in range(8)]
    assert len(draw_distributions(group_of(*runs[:1])).axes) == 8
    assert [axes.get_xlabel() for axes in draw_distributions(group_of(*runs)).axes] == [
        "epoch 1",
        "epoch 5",
        "epoch 9",
    ]


@pytest.mark.parametrize("rows", [[[0, 0]], [[NAN, NAN]], [[0, NAN]]])
def test_a_run_without_any_margin_above_0_is_drawn(rows):
    group = group_of(tracked(rows))
    (axes,) = draw_distributions(group).axes
    assert axes.patches[0].get_data()[0][0] == 100 * np.mean(np.array(rows) == 0)
    assert draw_averages(group).axes[0].get_ylim()[0] == 0


def test_curves_are_the_averages_and_shares_against_the_epoch():
    other = tracked([[0.3, 0.3]], run=3, name="pgd", epochs=[2])
    group = group_of(tracked(), other)
    for draw, expected, label in (
        (draw_averages, [[0.01 / 3, 0.1, 0.3], [0.3]], "average margin, linf (pixels of [0, 1])"),
        (draw_small, [[75, 50, 0], [0]], "points with margin < 0.05 (%)"),
    ):
        (axes,) = draw(group).axes
        assert [line.get_xdata().tolist() for line in axes.lines] == [[1, 2, 3], [2]]
        for line, values in zip(axes.lines, expected, strict=True):
            np.testing.assert_allclose(line.get_ydata(), values, rtol=1e-6)
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", label)
        assert [line.get_color() for line in axes.lines] == [SERIES[0], SERIES[3]]
        assert len({line.get_linestyle() for line in axes.lines}) == 2


def test_runs_are_grouped_by_data_set_and_norm(tmp_path):
    names = {"a": "linf", "b": "linf", "c": "l2"}
    paths = [write_run(tmp_path / name, ROWS, norm=norm) for name, norm in names.items()]
    paths.insert(1, write_run(tmp_path / "none"))
    groups = read(*paths, write_run(tmp_path / "d", ROWS, dataset="cifar100_coarse"))
    assert [[run.name for run in group.runs] for group in groups] == [["a", "b"], ["c"], ["d"]]
    assert [group.key for group in groups] == ["linf-digits", "l2-digits", "linf-cifar100-coarse"]
    assert [run.run for run in groups[0].runs] == [
        0,
        2,
    ]  # the colours that the runs have in the other figures
    np.testing.assert_array_equal(groups[0].runs[0].values, np.array(ROWS, np.float32))


def test_the_page_shows_them_and_the_data_are_beside_the_figures(tmp_path):
    paths = [write_run(tmp_path / "mma", ROWS), write_run(tmp_path / "plain")]
    page = Reader(build.write_report(paths, tmp_path / "out").read_text())
    assert_self_contained(page)
    assert "Margins during training" in page.headings()
    assert {"margin < 0.05 %", "average"} <= set(page.texts["th"])
    figures = tmp_path / "out" / "figures"
    assert {path.name for path in figures.glob("margin*")} == {
        "margins.json",
        "margins-linf-digits.png",
        "margin-average-linf-digits.png",
        "margin-small-linf-digits.png",
    }
    (entry,) = json.loads((figures / "margins.json").read_text())
    assert entry == describe(read(*paths))[0]
    assert entry["small"] == [0.75, 0.5, 0]
    assert entry["not_found"] == [0.25, 0, 0]
    np.testing.assert_allclose(entry["quartiles"][2], [0.175, 0.25, 0.375], rtol=1e-6)


def test_captions_say_whose_margins_they_are():
    distributions, curves = margin_pictures(group_of(tracked()))
    assert "the same 4 training points" in distributions.caption
    assert "no boundary was found" in distributions.caption
    assert "left to right" not in distributions.caption
    assert "margin < 0.05" in curves[1].caption


def test_runs_without_margins_have_no_such_figure(tmp_path):
    run = write_run(tmp_path / "plain")
    assert read(run) == []
    page = build.write_report([run]).read_text()
    assert "Margins during training" not in page
    assert not list((run / "figures").glob("margin*"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.array([-0.1, 0.2, 0.3, 0.4], np.float32), "margins >= 0"),
        (np.zeros((2, 2), np.float32), "of shape \\(2, 2\\)"),
        (np.array([1, 2, 3, 4]), "int64"),
        (np.array([0.1], np.float32), "the margins of 4 points in every epoch"),
        (None, "epoch-0004.npy"),
    ],
)
def test_damaged_margins_are_refused(tmp_path, values, said):
    run = write_run(tmp_path / "mma", ROWS)
    path = run / "margins" / "epoch-0004.npy"
    if values is None:
        path.write_bytes(b"no array")
    else:
        np.save(path, values)
    with pytest.raises(UserError, match=said):
        read(run)
