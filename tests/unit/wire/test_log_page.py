"""The HTML of a log: a document that stands alone, in which nothing a guest printed lives."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from outofband.wire import colours, log_page
from outofband.wire.log_page import Line, Word


class Seen(HTMLParser):
    """Tags with their attributes, and the text in `pre`."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._in = False
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in |= tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        self._in &= tag != "pre"

    def handle_data(self, data: str) -> None:
        self.text += data if self._in else ""


def document(*items: Line | Word, title: str = "web1") -> str:
    return log_page.begin(title, "about") + "".join(map(log_page.item, items)) + log_page.END


def test_colours_and_matches_are_spans() -> None:
    line = Line("a bad day", looks=[(2, 5, "fg1 bold")], matches=[(4, 7)])
    assert log_page.item(line) == (
        'a <span class="fg1 bold">ba</span><span class="fg1 bold"><mark>d</mark></span><mark> d</mark>ay\n'
    )


def test_the_document_forbids_all_but_its_own_sheet() -> None:
    seen = Seen(document(Line("x", "2026-05-04T10:00:00Z", "10:00"), Word("boot", "boot 1")))
    policy = next(attrs for tag, attrs in seen.tags if attrs.get("http-equiv"))["content"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not {"script", "link", "img", "iframe", "a"} & {tag for tag, _ in seen.tags}
    assert not any(name == "style" or name.startswith("on") for _, attrs in seen.tags for name in attrs)


@given(st.text(max_size=60), st.text(max_size=20))
def test_what_a_guest_prints_is_text(text: str, title: str) -> None:
    hostile = f"<script>alert(1)</script>{text}<img src=x onerror=1>"
    found, _ = colours.lines(b"\x1b[31m" + hostile.encode("utf-8", "replace"), 5)
    items = [Line(shown, looks=spans) for shown, spans in found]
    seen = Seen(document(*items, Word("record", hostile), title=f"</title><script>{title}"))
    allowed = {"html", "head", "meta", "title", "style", "body", "h1", "p", "pre", "span", "time", "mark"}
    assert {tag for tag, _ in seen.tags} <= allowed
    for shown, _ in found:
        assert shown in seen.text
    assert all(
        set(attrs) <= {"class"} for tag, attrs in seen.tags if tag in ("span", "mark", "p", "pre", "h1")
    )


def test_every_word_of_a_look_has_its_style() -> None:
    words = {f"{kind}{number}" for kind in ("fg", "bg") for number in range(256)}
    words |= {"fgback", "bgfront", "bold", "dim", "italic", "underline", "strike"}
    assert all(f".{word}{{" in log_page.SHEET for word in words)
