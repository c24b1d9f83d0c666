"""Pages in a real browser: nothing overflows on a phone or a desktop, nothing is fetched, both schemes hold."""

import re

import chromium
import numpy as np
import pytest

from mmc_tf.report import page
from mmc_tf.report.drawing import add_legend, drawing_style, new_figure
from mmc_tf.report.picture import Picture

pytestmark = pytest.mark.skipif(chromium.find() is None, reason="needs Chromium (apt-get install chromium)")

LONG = "an_attack_with_a_name_that_is_longer_than_a_telephone_is_wide_" * 3
WIDTHS = {"desktop": 1280, "phone": 375}
SCHEMES = {"light": chromium.LIGHT, "dark": chromium.DARK}


def a_picture(name, count):
    with drawing_style():
        figure = new_figure()
        axes = figure.subplots()
        for number in range(count):
            axes.plot([0, 1], [number, 1], label=f"line {number} of a picture")
        axes.imshow(np.eye(3), extent=(0, 1, 0, 1))
        axes.set_xlabel("x (pixels of [0, 1])")
        add_legend(figure, axes)
    return Picture(name, "A title", "A caption. " * 12, figure)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page with every part there is, long names and wide tables among them."""
    table = page.table([f"column {n}" for n in range(30)], [[LONG[:40]] * 30] * 3, name="wide")
    text = page.page(
        LONG,
        LONG,
        [
            page.box(LONG, style="verdict bad"),
            page.tiles([page.tile("a", "99.9 %", "95 % interval"), page.tile("b", LONG, words=True)]),
        ],
        [
            page.Section("Warnings", [page.warnings([("CODE", LONG, "docs/warnings.md#code")])]),
            page.Section("Tables", [table, page.definitions([("name", LONG), (LONG, "value")])]),
            page.Section("Pictures", [page.grid([a_picture("one", 3).block(), a_picture("two", 6).block()])]),
            page.Section("One picture", [page.grid([a_picture("three", 1).block()])]),
            page.Section("Folded", [page.details(LONG, [page.paragraph(LONG)], note=LONG)]),
        ],
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


def rgb(text):
    return [float(number) for number in re.findall(r"[\d.]+", text)[:3]]


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
@pytest.mark.parametrize("device", sorted(WIDTHS))
def test_nothing_overflows_and_nothing_is_fetched(written, tmp_path, device, scheme):
    measured, requested = chromium.measure(written, tmp_path, width=WIDTHS[device], scheme=SCHEMES[scheme])
    assert requested == []
    assert measured["innerWidth"] == WIDTHS[device]
    assert measured["scrollWidth"] <= measured["innerWidth"]
    assert measured["wide"] == []
    # The scheme was really on, and page and pictures followed it.
    assert measured["dark"] == (scheme == "dark")
    assert (sum(rgb(measured["ground"])) > 3 * 128) == (scheme == "light")
    assert rgb(measured["stroke"]) == rgb(measured["ink"])
    smallest = 300 if device == "phone" else 400
    assert all(smallest <= width <= 700 for width in measured["svg"])


def test_what_would_be_fetched_is_seen(written, tmp_path):
    """The measurement itself: a page that names a picture elsewhere is caught, and one that is too wide."""
    text = written.read_text(encoding="utf-8")
    outside = '<img src="http://pictures.invalid/a.png"><div style="width:2000px">wide</div>'
    (tmp_path / "bad.html").write_text(text.replace("</main>", f"{outside}</main>"), encoding="utf-8")
    measured, requested = chromium.measure(tmp_path / "bad.html", tmp_path, width=375, scheme=chromium.LIGHT)
    assert "http://pictures.invalid/a.png" in requested
    assert measured["scrollWidth"] > 375
    assert "DIV." in measured["wide"]
