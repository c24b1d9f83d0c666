import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from html_reader import Reader
from matplotlib import image as matplotlib_image

from mmc_tf.report.colours import INK, SERIES, VARIABLES, series_style
from mmc_tf.report.drawing import add_legend, drawing_style, legend_label, new_figure, to_png, to_svg
from mmc_tf.report.picture import Picture, write_pngs


def drawn(*names, label="y"):
    with drawing_style():
        figure = new_figure()
        axes = figure.subplots()
        for number, name in enumerate(names):
            axes.plot([0, 1], [number, 1], label=legend_label(name), **series_style(number))
        axes.set_ylabel(label)
        add_legend(figure, axes)
    return figure


def test_an_svg_takes_its_colours_from_the_page():
    svg = to_svg(drawn("a", "b"), name="fig", description="two lines")
    for colour in (SERIES[0], SERIES[1], INK):
        assert colour not in svg
    assert (
        {"series-0", "series-1", "ink", "grid"}
        <= set(re.findall(r"var\(--([\w-]+)\)", svg))
        <= set(VARIABLES)
    )
    assert re.findall(r"#[0-9a-f]{6}", svg) == []
    ElementTree.fromstring(svg.replace("<svg", '<svg xmlns:xlink="x"'))  # well-formed XML too


def test_two_figures_may_stand_in_one_page():
    text = "".join(to_svg(drawn("a", "b"), name=name, description="") for name in ("one", "two"))
    read = Reader(text)
    assert len(read.ids) == len(set(read.ids)) > 0
    assert {name.partition("-")[0] for name in read.ids} == {"one", "two"}
    references = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    assert references == set(read.ids)  # every reference leads somewhere, and no id is there for nothing
    assert "style" not in read.tags()  # a style sheet in a figure would hold for the whole page
    assert "metadata" not in read.tags()


def test_an_svg_fills_the_room_it_is_given():
    (tag, attributes), *_ = Reader(to_svg(drawn("a"), name="f", description='a "b" <c>')).elements
    assert tag == "svg"
    assert set(attributes) == {"viewbox", "role", "aria-label"}  # no width, no height
    assert attributes["aria-label"] == 'a "b" <c>'


def test_text_stays_text():
    read = Reader(to_svg(drawn("$a_1$", "<b>", "_c", label="x & y"), name="f", description=""))
    texts = {text.replace("\u200b", "") for text in read.texts["text"]}
    assert {"$a_1$", "<b>", "_c", "x & y"} <= texts


def test_the_same_figure_gives_the_same_text():
    first, second = (to_svg(drawn("a", "b"), name="f", description="") for _ in range(2))
    assert first == second


@pytest.mark.parametrize("count", [2, 5, 8])
def test_a_legend_covers_no_data(count):
    figure = drawn(*(f"attack number {number}" for number in range(count)))
    figure.draw_without_rendering()
    legend, axes = figure.legends[0].get_window_extent(), figure.axes[0].get_tightbbox()
    assert legend.y1 <= axes.y0
    assert legend.x0 >= 0
    assert legend.x1 <= figure.bbox.x1
    assert axes.height > 2 * figure.dpi  # and the axes keep their room
    assert [text.get_text() for text in figure.legends[0].texts] == [
        f"attack number {n}" for n in range(count)
    ]


def test_one_line_needs_no_legend():
    assert drawn("a").legends == []


def test_files_are_pngs_on_white_and_old_ones_go(tmp_path):
    (tmp_path / "old.png").write_bytes(b"x")
    write_pngs(tmp_path, [Picture("new", "", "", drawn("a", "b"))])
    assert [path.name for path in tmp_path.iterdir()] == ["new.png"]
    pixels = matplotlib_image.imread(io.BytesIO(to_png(drawn("a", "b"))))
    np.testing.assert_array_equal(pixels[0, 0], [1, 1, 1, 1])
    assert pixels.min() < 0.3
