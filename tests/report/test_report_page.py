import pytest
from html_reader import Reader, assert_self_contained

from mmc_tf.report import page

BAD = '<script>alert("x")</script> & <b>'


def everything(text):
    return page.page(
        text,
        text,
        [page.box(text, style="verdict"), page.tiles([page.tile(text, text, text)])],
        [
            page.Section("First part", [page.warnings([(text, text, text)]), page.paragraph(text)]),
            page.Section("Tables & more", [page.table([text, "b"], [[text, "1"]], numbers=[1], name=text)]),
            page.Section("Pictures", [page.grid([page.figure("<svg></svg>", text, title=text)])]),
            page.Section("Folded", [page.details(text, [page.definitions([(text, text)])], note=text)]),
            page.Section("Empty", ["", page.grid([]), page.warnings([])]),
        ],
    )


def test_all_text_is_escaped():
    read = Reader(everything(BAD))
    assert_self_contained(read)
    assert read.texts["title"] == [BAD]
    for tag in ("h1", "p", "td", "th", "dd", "dt", "figcaption", "h3", "summary"):
        assert BAD in read.texts[tag], tag
    assert read.tags() >= {"table", "figure", "details"}
    assert "b" not in read.tags()
    labels = [attributes["aria-label"] for _, attributes in read.elements if "aria-label" in attributes]
    assert BAD in labels


def test_sections_without_blocks_are_left_out():
    read = Reader(everything("x"))
    assert read.headings() == ["First part", "Tables & more", "Pictures", "Folded"]
    links = [attributes["href"] for tag, attributes in read.elements if tag == "a"]
    assert links == ["#first-part", "#tables-more", "#pictures", "#folded"]
    assert set(read.ids) == {link[1:] for link in links}


def test_nothing_may_be_fetched():
    read = Reader(everything("x"))
    policy = next(
        a["content"] for tag, a in read.elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_columns_and_rows_are_styled():
    text = page.table(
        ["a", "b", "c"], [["1", "2", "3"], ["4", "5", "6"]], numbers=[1], words=[2], row_styles={1: "strong"}
    )
    cells = [(tag, a.get("class")) for tag, a in Reader(text).elements if tag in ("tr", "td")]
    assert cells == [
        *[("tr", None), ("tr", None), ("td", None), ("td", "number"), ("td", "words")],
        *[("tr", "strong"), ("td", None), ("td", "number"), ("td", "words")],
    ]


@pytest.mark.parametrize(("blocks", "style"), [(["<i></i>"], "grid single"), (["<i></i>"] * 2, "grid")])
def test_one_figure_does_not_fill_the_page(blocks, style):
    assert Reader(page.grid(blocks)).elements[0] == ("div", {"class": style})
