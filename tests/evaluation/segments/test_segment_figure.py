"""What the picture of losses along segments shows, read off its axes."""

import numpy as np
import pytest

from mmc_tf.evaluation.segments.figure import draw_segments
from mmc_tf.evaluation.segments.walk import POSITIONS, Segments


def segments_of(split, ends, *, state="kept"):
    """Straight losses from and to the given values."""
    losses = np.array([np.linspace(*pair, 11) for pair in ends], np.float32).reshape(-1, 11)
    size = len(losses)
    return Segments(split, np.arange(size), np.zeros(size, np.int32), losses, np.full(size, state))


SMALL = [segments_of("train", [(-4, -1), (-2, -1)]), segments_of("test", [(-3, -3)])]
LARGE = [segments_of("train", [(-1e5, -5e4)]), segments_of("test", [(-2e5, -1e5)])]


def test_each_kept_image_is_a_thin_line_and_each_mean_a_thick_one():
    (axes,) = draw_segments([("mma", "linf 0.3", SMALL)]).axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == 11]
    thin = [line for line in lines if line.get_linewidth() < 1]
    thick = [line for line in lines if line.get_linewidth() > 2]
    assert len(lines) == len(thin) + len(thick) == 5
    for line in lines:
        assert tuple(line.get_xdata()) == POSITIONS
    assert [(line.get_ydata()[0], line.get_ydata()[-1]) for line in thin] == [(-4, -1), (-2, -1), (-3, -3)]
    np.testing.assert_allclose(thick[0].get_ydata(), np.linspace(-3, -1, 11), rtol=1e-6)
    np.testing.assert_allclose(thick[1].get_ydata(), -3)
    assert axes.get_title() == "mma\nlinf 0.3"
    assert axes.get_xlabel().startswith("relative position")
    assert axes.get_ylabel() == "logit margin loss"


def test_training_and_test_images_differ_without_colours():
    figure = draw_segments([("mma", "", SMALL)])
    thick = [line for line in figure.axes[0].lines if line.get_linewidth() > 2]
    assert [line.get_linestyle() for line in thick] == ["-", "--"]
    assert len({line.get_marker() for line in thick}) == 2
    words = [text.get_text().split()[0] for text in figure.legends[0].texts]
    assert words == ["training", "test"]


def test_panels_have_scales_of_their_own_with_the_boundary_in_each():
    figure = draw_segments([("sce", "", SMALL), ("mmc", "", LARGE)])
    small, large = figure.axes
    assert small.get_ylim()[0] == pytest.approx(-4.16)
    assert large.get_ylim()[0] == pytest.approx(-2.08e5)
    for axes in (small, large):
        low, high = axes.get_ylim()
        assert low < 0 < high
        (zero,) = [line for line in axes.lines if len(line.get_xdata()) == 2]
        assert list(zero.get_ydata()) == [0, 0]
        assert [text.get_text() for text in axes.texts] == ["misclassified above 0"]


@pytest.mark.parametrize(("count", "grid"), [(1, (1, 1)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3))])
def test_panels_stand_in_rows(count, grid):
    figure = draw_segments([(str(number), "", SMALL) for number in range(count)])
    places = figure.axes[0].get_subplotspec().get_gridspec()
    assert (places.nrows, places.ncols) == grid
    assert [axes.get_title() for axes in figure.axes][:count] == [f"{number}\n" for number in range(count)]
    # Of the lowest panel in each column.
    assert [bool(axes.get_xlabel()) for axes in figure.axes[:count]] == [
        number + grid[1] >= count for number in range(count)
    ]


def test_a_run_that_keeps_nothing_says_so():
    broken = [segments_of(split, [(-1, 1)], state="broken") for split in ("train", "test")]
    (axes,) = draw_segments([("std", "", broken)]).axes
    assert "no perturbation failed" in [text.get_text() for text in axes.texts]
    assert not [
        line for line in axes.lines if np.isfinite(line.get_ydata()).all() and len(line.get_xdata()) == 11
    ]
