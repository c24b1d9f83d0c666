"""Reads a page as a browser's parser would, and refuses what is not well formed."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """Collects (tag, attributes), the text of each section and of headings, and ids."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.ids, self.texts = [], [], {}
        self._open = []
        self.feed(text)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if "id" in dict(attributes):
            self.ids.append(dict(attributes)["id"])
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if "id" in dict(attributes):
            self.ids.append(dict(attributes)["id"])

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data.strip())

    def tags(self):
        return {tag for tag, _ in self.elements}

    def headings(self):
        return self.texts.get("h2", [])


def assert_self_contained(page):
    """Nothing outside the file is named by any attribute or style; ids are unique and references lead somewhere."""
    assert not page.tags() & {"script", "iframe", "object", "embed", "base", "form"}
    assert len(page.ids) == len(set(page.ids))
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            if name in ("href", "xlink:href", "src", "action", "data", "poster", "background", "srcset"):
                assert value.startswith(("#", "data:")), f"<{tag} {name}={value[:60]}>"
                assert not value.startswith("#") or value[1:] in page.ids, value
            elif not name.startswith("xmlns"):
                assert "://" not in (value or "").replace("url(#", "") or name == "aria-label", (tag, name)
            assert not name.startswith("on")
    for sheet in page.texts.get("style", []):
        assert "url(" not in sheet
        assert "@import" not in sheet
