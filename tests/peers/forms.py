"""The account pages as a browser without scripts uses them: forms, cookies, and where a form was found."""

from __future__ import annotations

import ssl
from html.parser import HTMLParser
from types import TracebackType

import httpx


class _Form:
    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.button = ""


class _Forms(HTMLParser):
    """The forms of a page, each with its fields and the words on its button."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[_Form] = []
        self._in_form = self._in_button = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "form":
            self.found.append(_Form())
            self._in_form = True
        elif tag == "input" and self._in_form and (name := known.get("name")):
            self.found[-1].fields[name] = known.get("value") or ""
        elif tag == "button" and self._in_form:
            self._in_button = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_form = False
        elif tag == "button":
            self._in_button = False

    def handle_data(self, data: str) -> None:
        if self._in_button:
            self.found[-1].button += data.strip()


class Forms:
    """Use as a context manager. `page` is what the person sees."""

    def __init__(self, base: str, tls: ssl.SSLContext) -> None:
        self._http = httpx.Client(
            base_url=base, verify=tls, trust_env=False, timeout=90.0, follow_redirects=True
        )
        self._address = base
        self.page = ""

    def __enter__(self) -> Forms:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._http.close()

    def open(self, address: str) -> None:
        self._show(self._http.get(address))

    def press(self, button: str, **fields: str) -> None:
        """Fill the form that has the button, and press it. A field that the form lacks is an error."""
        forms = _Forms()
        forms.feed(self.page)
        matching = [form for form in forms.found if form.button == button]
        assert matching, f"no button {button!r} in: {self.page}"
        [form] = matching
        assert fields.keys() <= form.fields.keys(), self.page
        parts = httpx.URL(self._address)
        headers = {"Origin": f"{parts.scheme}://{parts.netloc.decode()}", "Sec-Fetch-Site": "same-origin"}
        self._show(self._http.post(self._address, data=form.fields | fields, headers=headers))

    def _show(self, answer: httpx.Response) -> None:
        self._address, self.page = str(answer.url), answer.text
